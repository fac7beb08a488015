"""Sources: find what stands in the source of a live function, class or module, and tell whose code it is."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from localflyte.api.kept import Stamp
from localflyte.api.kept import outline_of_file
from localflyte.api.kept import outline_of_source
from localflyte.api.loaded import is_as_loaded
from localflyte.api.loaded import is_older_than_this_process
from localflyte.api.outline import Definition
from localflyte.api.outline import Outline
from localflyte.api.values import UncertainError

__all__ = ("Sources", "file_of", "owner_of")

_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_OURS = frozenset({"flyte", "localflyte"})
_NO_SOURCE = (".so", ".pyd", ".pyc", os.sep)

_owners: dict[str, str] = {}


def owner_of(module: str) -> str:
    """:return: ``"project"``, ``"package"``, ``"stdlib"``, ``"flyte"``, or ``"missing"`` when there is no such module"""
    known = _owners.get(module)
    if known is None:
        known = _find_owner(module)
        if known != "missing":  # it may be made, or become reachable, later
            _owners[module] = known
    return known


def _find_owner(module: str) -> str:
    top = module.partition(".")[0]
    if top in _OURS:
        return "flyte"
    if top == "builtins":
        return "stdlib"
    file = file_of(module)
    if file is None:
        return "missing"
    if not file:
        return "stdlib" if top in sys.stdlib_module_names else "project"
    if any(part in file for part in _INSTALLED):
        return "package"
    return "stdlib" if file.startswith(_STDLIB) else "project"


def file_of(module: str) -> str | None:
    """Find a module's file, without importing anything for it.

    :return: the file, or the folder of a package without one, with a slash; empty for a module without either, ``None`` for no module
    """
    loaded = sys.modules.get(module)
    if loaded is not None:
        file: str | None = getattr(loaded, "__file__", None)
        return os.path.abspath(file) if file else _folder_in(getattr(loaded, "__path__", ()))
    parent, _, name = module.rpartition(".")
    if parent:
        above = file_of(parent)
        folder, last = os.path.split(above or "")
        return _file_in(folder, name) if folder and (not last or last.startswith("__init__.")) else None
    from importlib.util import find_spec

    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    if spec is None:
        return None
    if spec.has_location and spec.origin:
        return os.path.abspath(spec.origin)
    return _folder_in(spec.submodule_search_locations or ())


def _folder_in(path: Iterable[str]) -> str:
    # A package without an __init__ has folders instead; one of them says whose it is.
    folders = list(path)
    return os.path.join(os.path.abspath(folders[0]), "") if folders else ""


def _file_in(folder: str, name: str) -> str | None:
    from importlib.machinery import all_suffixes

    for suffix in all_suffixes():
        for file in (f"{folder}/{name}/__init__{suffix}", f"{folder}/{name}{suffix}"):
            if os.path.isfile(file):
                return file
    return f"{folder}/{name}/" if os.path.isdir(f"{folder}/{name}") else None


class _File:
    """A source file as it was read: what it holds, and whether it is surely what was imported."""

    __slots__ = ("outline", "source", "stamp", "sure")

    def __init__(self, file: str, stamp: Stamp | None, namespace: Mapping[str, Any]) -> None:
        self.stamp = stamp
        self.sure = stamp is None or is_older_than_this_process(max(stamp[0], stamp[3]))
        self.source = b""
        self.outline = outline_of_file(file, stamp) if stamp is not None and self.sure else None
        if self.outline is None:
            source = _source_of(file, stamp, namespace)
            self.outline = outline_of_source(source, "" if stamp is None else file, stamp) if source else None
            if not self.sure:
                self.source = source


_read: dict[str, _File] = {}


class Sources:
    """Looks at each file once; one that was changed is read again by the next of its kind."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._classes: dict[int, list[Outline]] = {}

    def stamps(self) -> dict[str, Stamp | None]:
        """:return: what the files that were looked at can be told by"""
        return {name: each.stamp for name, each in self._files.items()}

    def of_function(self, function: Any) -> list[Definition]:
        """:return: a function's definition; several when a line holds several lambdas; none when there is no source

        :raises UncertainError: if there is source, and the function that this process runs is not in it
        """
        code = function.__code__
        file = self._file(code.co_filename, function.__globals__)
        if file.outline is None:
            return []
        line: int | None = code.co_firstlineno
        if not file.sure:
            line = is_as_loaded(code, file.source, code.co_filename)
        found = [] if line is None else file.outline.at(code.co_name, line)
        if not found:
            raise UncertainError(
                f"{code.co_qualname} in {code.co_filename} was changed after it was imported, and the old code still runs here; "
                "start the program again"
            )
        return found

    def of_class(self, cls: type[Any], functions: list[Any]) -> list[Definition]:
        """:return: the definitions of a class; several when a file has several; none when there is no source

        :param functions: the functions that are its members
        """
        module = sys.modules.get(cls.__module__)
        file = getattr(module, "__file__", None)
        if not file:  # a class that was typed into a notebook is found by what it is made of
            file = next((each.__code__.co_filename for each in functions if each.__qualname__.startswith(cls.__qualname__)), None)
        if file is None:
            return []
        outline = self._file(file, vars(module) if module is not None else {}).outline
        self._classes[id(cls)] = [] if outline is None else [outline]
        return [] if outline is None else [each for each in outline.named(cls.__qualname__) if each.kind == "class"]

    def methods_of(self, cls: type[Any], method: str) -> list[Definition]:
        """:return: the definitions of a method of a class that has a source; several for a property"""
        return [one for outline in self._classes.get(id(cls), ()) for one in outline.named(f"{cls.__qualname__}.{method}")]

    def verify(self, function: Any) -> None:
        """:raises UncertainError: if the source holds another function than the one that runs"""
        if not self._file(function.__code__.co_filename, function.__globals__).sure:
            self.of_function(function)

    def of_file(self, file: str) -> Outline | None:
        """:return: the outline of a file, ``None`` when it holds no Python source"""
        return self._file(file, {}).outline

    def check(self, module: str, file: str) -> None:
        """:raises UncertainError: if the file of a module that is loaded holds other functions than those that run"""
        held = self._file(file, {})
        if held.sure or module not in sys.modules:
            return
        for value in list(vars(sys.modules[module]).values()):
            members = vars(value).values() if isinstance(value, type) and value.__module__ == module else ()
            for each in (value, *members):
                code = getattr(each, "__code__", None)
                if code is not None and getattr(code, "co_filename", "") == file:
                    self.of_function(each)

    def _file(self, file: str, namespace: Mapping[str, Any]) -> _File:
        known = self._files.get(file)
        if known is None:
            known = self._files[file] = _read_file(file, namespace)
        return known


def _read_file(file: str, namespace: Mapping[str, Any]) -> _File:
    stamp = stamp_of(file)
    known = _read.get(file)
    if known is not None and stamp is not None and known.stamp == stamp:
        return known
    try:
        read = _File(file, stamp, namespace)
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise UncertainError(f"the source {file} cannot be read: {type(error).__name__}: {error}") from error
    _read[file] = read
    return read


def _source_of(file: str, stamp: object, namespace: Mapping[str, Any]) -> bytes:
    if file.endswith(_NO_SOURCE):
        return b""
    if stamp is not None:
        with open(file, "rb") as opened:
            return opened.read()
    import linecache  # a notebook's cells, and what lies in a zip

    return "".join(linecache.getlines(file, dict(namespace))).encode("utf-8", "surrogatepass")


def stamp_of(file: str) -> Stamp | None:
    """:return: what changes with a file; ``None`` for what is no file, as a notebook's cell"""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns
