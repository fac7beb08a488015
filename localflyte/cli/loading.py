"""Loading: the Python file that a person named, loaded the way ``flyte run`` does, and its tasks."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from importlib.util import spec_from_file_location
from types import FunctionType
from types import ModuleType
from typing import TYPE_CHECKING
from typing import Any

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import say
from localflyte.cli.near import near
from localflyte.errors import TaskNotFoundError

if TYPE_CHECKING:
    from localflyte.api.task import TaskTemplate

__all__ = ("check_file", "files_of", "find_task", "get_ready", "import_file", "load_file", "load_program", "tasks_of")


#: Folders with code of others.
_NOT_SOURCES = frozenset(("build", "dist", "node_modules", "site-packages", "venv"))


def check_file(path: str) -> str:
    """Check that a path names a Python file.

    :param path: the path as the person typed it
    :return: the absolute path
    :raises click.UsageError: if there is no such file; the message names the nearest one
    """
    if os.path.isfile(path):
        if path.endswith(".py"):
            return os.path.abspath(path)
        raise click.UsageError(f"{path!r} is not a Python file: its name does not end in .py")
    if os.path.isdir(path):
        files = sorted(name for name in os.listdir(path) if name.endswith(".py") and name != "__init__.py")
        inside = f"its Python files are {', '.join(files[:8])}" if files else "it has no Python files"
        raise click.UsageError(f"{path!r} is a folder; name a file ({inside})")
    folder, name = os.path.split(path)
    try:
        names = [entry for entry in os.listdir(folder or ".") if entry.endswith(".py")]
    except OSError:
        raise click.UsageError(f"there is no file {path!r}: there is no folder {folder!r}") from None
    close = near(name, names)
    hint = f"did you mean {os.path.join(folder, close)!r}?" if close else f"looked in {os.path.abspath(folder or '.')}"
    raise click.UsageError(f"there is no file {path!r}; {hint}")


def load_file(path: str, *, root_dir: str | None = None) -> ModuleType:
    """Run a file as the module of its own name, with its folder and the project's root on ``sys.path``.

    :param path: the absolute path of the file
    :param root_dir: the project's root; the current folder by default
    :raises BaseException: whatever the file raises
    """
    for folder in (os.path.dirname(path), os.path.abspath(root_dir or os.getcwd())):
        if folder not in sys.path:
            sys.path.append(folder)
    name = _module_name(path)
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def files_of(path: str, *, recursive: bool) -> list[str]:
    """List the Python files that a person means by a file or a folder.

    :param recursive: whether those in folders below count as well
    :raises click.UsageError: if there are none
    """
    if not os.path.isdir(path):
        return [check_file(path)]
    found = []
    for folder, folders, names in os.walk(os.path.abspath(path)):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith((".", "__")) and name not in _NOT_SOURCES)
        found += [os.path.join(folder, name) for name in sorted(names) if name.endswith(".py") and name != "__init__.py"]
    if not found:
        raise click.UsageError(f"there is no Python file in {path!r}" + ("" if recursive else "; --recursive looks into its folders, too"))
    return found


def import_file(path: str, *, root_dir: str | None = None) -> ModuleType:
    """Import a file under the name that it has below the project's root, as other modules of the project import it.

    :param path: the absolute path of the file
    :param root_dir: the project's root; the current folder by default
    :raises BaseException: whatever the file raises
    """
    root = os.path.abspath(root_dir or os.getcwd())
    name = os.path.relpath(path, root).removesuffix(".py").replace(os.sep, ".")
    if not all(part.isidentifier() for part in name.split(".")):
        return load_file(path, root_dir=root_dir)
    if root not in sys.path:
        sys.path.append(root)
    return import_module(name)


def get_ready(
    *,
    root_dir: str | None = None,
    project: str | None = None,
    domain: str | None = None,
    images: Sequence[str] = (),
    verbose: int = 0,
) -> None:
    """Make this process one in which programs can be loaded: under the name flyte, with what a person says of all runs.

    :param images: ``NAME=URI``, or a URI alone for the default
    :raises click.UsageError: if what is given for an image is no URI of one
    """
    from localflyte.bridges import flyte
    from localflyte.initialize import init

    flyte.install()
    named = dict(_named_image(text) for text in images)
    level = max(10, 40 - 10 * verbose) if verbose else None
    init(project=project, domain=domain, root_dir=root_dir, images=named, log_level=level)


def load_program(
    path: str,
    *,
    root_dir: str | None = None,
    load: Callable[..., ModuleType] = load_file,
    **options: Any,
) -> ModuleType:
    """Load a file as a command does for a person: under the name flyte, and with the traceback of what it raises.

    :param path: the absolute path of the file
    :param load: how: `load_file` or `import_file`
    :param options: of `get_ready`
    :raises click.UsageError: if what is given for an image is no URI of one
    :raises click.exceptions.Exit: if it could not be loaded, after that was said
    """
    get_ready(root_dir=root_dir, **options)
    try:
        return load(path, root_dir=root_dir)
    except KeyboardInterrupt:
        raise
    except SystemExit as error:
        guard = "guard that with `if __name__ == '__main__':`"
        say(f"{os.path.relpath(path)} ended itself while it was loaded (exit code {error.code}); {guard}")
    except click.ClickException as error:  # what a program says to people itself needs no traceback
        say(f"{os.path.relpath(path)} could not be loaded: {error.format_message()}")
    except BaseException as error:  # noqa: BLE001 - the user's module may raise anything
        from localflyte.cli.tracebacks import print_traceback

        print_traceback(error)
        reason = type(error).__name__
        if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith(("flyte", "localflyte")):
            reason = f"the module {error.name!r} is not installed for {sys.executable}"
        say(f"{os.path.relpath(path)} could not be loaded: {reason}")
    raise click.exceptions.Exit(ExitCode.FAILED)


def _named_image(text: str) -> tuple[str, str]:
    from localflyte.spec.image_reference import check_reference

    name, _, uri = text.partition("=") if "=" in text else ("default", "", text)
    try:
        return name, check_reference(uri, f"--image {name}=URI")
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _module_name(path: str) -> str:
    stem = os.path.splitext(os.path.basename(path))[0]
    loaded = sys.modules.get(stem)
    is_free = stem not in sys.stdlib_module_names and (loaded is None or getattr(loaded, "__file__", None) == path)
    found = PathFinder.find_spec(stem) if is_free else None
    # A script called queue.py must not become the queue module of everything else in this process, nor may a worker that
    # imports it by name get another file: under a name that is not its file's, workers load it by path.
    return stem if found is not None and found.origin == path else f"{stem}__script"


def tasks_of(module: ModuleType) -> dict[str, TaskTemplate[Any, Any, Any]]:
    """:return: the tasks of a module by the variable that each is bound to"""
    from localflyte.api.task import TaskTemplate

    return {name: value for name, value in vars(module).items() if isinstance(value, TaskTemplate)}


def find_task(module: ModuleType, name: str) -> TaskTemplate[Any, Any, Any]:
    """Find a task by its variable, or else by its short or its full name.

    :param module: the loaded file
    :param name: what the person typed
    :raises TaskNotFoundError: if it has no such task; the message names the nearest one
    :raises click.UsageError: if several tasks share the name
    """
    tasks = tasks_of(module)
    if name in tasks:
        return tasks[name]
    by_name = {id(task): (variable, task) for variable, task in tasks.items() if name in _names(task)}
    if len(by_name) == 1:
        return next(task for _, task in by_name.values())
    if by_name:
        variables = ", ".join(variable for variable, _ in by_name.values())
        raise click.UsageError(f"several tasks are called {name!r}; say which by its variable: {variables}")
    if isinstance(getattr(module, name, None), FunctionType):
        raise click.UsageError(f"{name} of {os.path.relpath(module.__file__ or '')} is no task: decorate it with @env.task")
    raise TaskNotFoundError(name, os.path.relpath(module.__file__ or ""), tasks)


def _names(task: TaskTemplate[Any, Any, Any]) -> set[str]:
    return {task.name, task.short_name, task.name.rpartition(".")[2]}
