"""Reference: how another process finds a task: by importing its module, or from a pickle where no import can reach it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from localflyte.api import registry
from localflyte.errors import CodeBundleError
from localflyte.spec.plan import TaskRef
from localflyte.types.annotations import function_hints

__all__ = ("annotations_of", "home_module", "place_of", "reference_to")

DEEPEST = 4  # functions; further down, the name of the variable says nothing to the person any more


def reference_to(task: Any, name: str, function: Any, original: Any) -> TaskRef:
    """Make the reference to a task.

    :param task: the template, for the case that it has to be pickled
    :param original: the template whose definition put it into the registry; `task` itself, or what it overrides
    :raises CodeBundleError: if it has to be pickled and cannot be, naming the variable
    """
    place = place_of(function)
    if place is not None and registry.find(function.__module__, name) is original:
        return TaskRef(name=name, module=place[0], file=place[1])
    # The module is loaded as well where there is one: what the pickle takes from it by name is then there.
    module, file = _around(function)
    return TaskRef(name=name, module=module, file=file, pickle=_pickled(task, name, function))


def place_of(function: Any) -> tuple[str, str] | None:
    """Say where importing a module defines this function again.

    :return: the module, and the file when the module has to be loaded by path; ``None`` when no import can reach it
    """
    if "<locals>" in getattr(function, "__qualname__", "<locals>") or _typed_in(function) or _guarded(function):
        return None
    module, file = _around(function)
    return (module, file) if module else None


def _around(function: Any) -> tuple[str, str]:
    """:return: the function's module as a worker imports it, and its file where it has to be loaded by path; empty when there is none"""
    home = getattr(function, "__module__", None)
    module = sys.modules.get(home or "")
    if module is None:
        return "", ""
    spec = getattr(module, "__spec__", None)
    file = getattr(module, "__file__", None)
    if home != "__main__":
        # In a worker, a script is loaded by path under its own name and stands in for `__main__` as well.
        is_script = module is sys.modules.get("__main__") or _is_renamed(str(home), file)
        by_path = file if is_script or not _is_found(str(home), file, tuple(sys.path)) else ""
        return (str(home), str(by_path or "")) if file or spec is not None else ("", "")
    if spec is not None and spec.name != "__main__":
        return str(spec.name), ""
    if not file:
        return "", ""
    return _stem(file), _absolute(file)


def annotations_of(function: Any, task: str) -> dict[str, Any]:
    """:return: the annotations of a function that travels by value, with what their texts name, where that is known"""
    hints = function_hints(function, task=task)
    return {name: hints.get(name, written) for name, written in function.__annotations__.items()}


def home_module(function: Any) -> str:
    """:return: the name of the function's module, the same in the script's own process and in its workers"""
    home = str(getattr(function, "__module__", None) or "")
    if home != "__main__":
        return home
    module = sys.modules.get("__main__")
    spec = getattr(module, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name)
    file = getattr(module, "__file__", None)
    return _stem(file) if file else home


def _is_renamed(module: str, file: str | None) -> bool:
    """Whether a module has another name than its file, as the command line gives one to a script called ``queue.py``."""
    return bool(file) and str(file).endswith(".py") and _stem(str(file)) not in {module.rpartition(".")[2], "__init__"}


@cache
def _is_found(module: str, file: str | None, path: tuple[str, ...]) -> bool:
    """Whether an import of a module finds that very file. It does not where a test runner has loaded it under a name of its own.

    :param path: what is looked through, for the cache
    """
    if not file:
        return True
    top, _, below = module.partition(".")
    specs = (finder.find_spec(top, None) for finder in sys.meta_path if hasattr(finder, "find_spec"))
    spec = next((spec for spec in specs if spec is not None), None)
    if spec is None:
        return False
    if not below:
        return spec.origin is None or not str(file).endswith(".py") or _real(spec.origin) == _real(file)
    return any(_real(file).startswith(f"{_real(folder)}/") for folder in spec.submodule_search_locations or ())


def _real(path: str) -> str:
    from os.path import realpath

    return realpath(path)


def _stem(file: str) -> str:
    from os.path import basename

    return basename(file).rpartition(".")[0] or basename(file)


def _absolute(file: str) -> str:
    from os.path import abspath

    return abspath(file)


def _typed_in(function: Any) -> bool:
    """Whether the function was typed into a prompt, so that no file holds it."""
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename.startswith("<")


def _guarded(function: Any) -> bool:
    """Whether a script defines the function inside a block, as under ``if __name__ == "__main__"``, which no worker runs."""
    code = getattr(function, "__code__", None)
    if function.__module__ != "__main__" or code is None or "." in function.__qualname__:
        return False
    from linecache import getline

    return getline(code.co_filename, code.co_firstlineno)[:1].isspace()


def _pickled(task: Any, name: str, function: Any) -> bytes:
    from localflyte.types.opaque import dumps

    try:
        return dumps(task)
    except Exception as error:
        what = _culprit(function, f"task {name}", DEEPEST, set()) or f"task {name}"
        raise CodeBundleError(
            f"task {name} has to be pickled for its worker, because no import reaches it "
            f"(it is defined in a function, a prompt, or a block that workers do not run), and {what} cannot be pickled "
            f"({type(error).__name__}: {error}). Create that value inside the task, pass it as an input, "
            f"or define the task at the top level of a module."
        ) from error


def _culprit(function: Any, owner: str, depth: int, seen: set[int]) -> str:
    """:return: the variable that cannot be pickled, in words; empty when it was not found"""
    from localflyte.types.opaque import dumps

    if id(function) in seen:
        return ""
    seen.add(id(function))
    for what, value in _variables(function):
        try:
            dumps(value)
        except Exception:  # noqa: BLE001 - as above
            inner = getattr(value, "func", value)
            deeper = _culprit(inner, f"{what} of {owner}", depth - 1, seen) if depth and hasattr(inner, "__code__") else ""
            return deeper or f"{what} of {owner}"
    return ""


def _variables(function: Any) -> Iterator[tuple[str, Any]]:
    code = getattr(function, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"closure variable {name!r}", cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    arguments = code.co_varnames[: code.co_argcount]
    for name, value in zip(reversed(arguments), reversed(function.__defaults__ or ()), strict=False):
        yield f"the default of parameter {name!r}", value
    for name, value in (function.__kwdefaults__ or {}).items():
        yield f"the default of parameter {name!r}", value
    for name in _global_names(code):
        if name in function.__globals__:
            yield f"global variable {name!r}", function.__globals__[name]


def _global_names(code: Any) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _global_names(constant)
