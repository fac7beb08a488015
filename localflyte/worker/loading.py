"""Loading: how a worker brings the user's modules in, and finds the task a call names."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from localflyte.api import registry
from localflyte.api.loaded import note_load
from localflyte.errors import TaskNotFoundError
from localflyte.spec.plan import TaskRef

__all__ = ("find_task", "load_module")


def load_module(name: str, file: str) -> ModuleType:
    """Import a module by its name, or, for a script that its caller ran as ``__main__``, by its file under that name.

    The script's ``if __name__ == "__main__"`` block does not run. The module also stands in for ``__main__``, so that
    what the caller pickled by reference is found.

    :raises Exception: whatever the user's module raises
    """
    loaded = sys.modules.get(name)
    if loaded is not None and (not file or getattr(loaded, "__file__", None) == file):
        return loaded
    if not file:
        from importlib import import_module

        module = import_module(name)
        note_load()
        _stamp_records()
        return module
    from importlib.util import module_from_spec
    from importlib.util import spec_from_file_location

    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded as a Python module", name=name, path=file)
    module = module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    sys.modules["__main__"] = module
    note_load()
    _stamp_records()
    return module


def _stamp_records() -> None:
    if "logging" in sys.modules:  # a worker does without, and so do most programs
        from localflyte.api.records import stamp_records

        stamp_records()


def find_task(ref: TaskRef) -> Any:
    """:return: the task template
    :raises TaskNotFoundError: if the module was loaded and defines no such task
    """
    if ref.pickle:
        from localflyte.api.task import from_pickle

        return from_pickle(ref.pickle)
    load_module(ref.module, ref.file)
    task = registry.find(ref.module, ref.name)
    if task is None:
        where = f"module {ref.module!r} ({ref.file or getattr(sys.modules[ref.module], '__file__', 'no file')}), imported in a worker"
        raise TaskNotFoundError(ref.name, where, [known.name for known in registry.tasks(ref.module)])
    return task
