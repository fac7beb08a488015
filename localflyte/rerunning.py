"""Rerunning: what an earlier run was asked for, made ready to be asked for again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from localflyte.api import registry
from localflyte.api.task import from_pickle
from localflyte.errors import RunNotFoundError
from localflyte.errors import TaskNotFoundError
from localflyte.runcontext import sort_options
from localflyte.runs.folder import run_folder
from localflyte.runs.recall import request_of
from localflyte.settings import load_settings
from localflyte.spec.plan import TaskRef

__all__ = ("Again", "prepare_rerun")


class Again(NamedTuple):
    """An earlier run, to be run again."""

    folder: str
    task: Any
    """As it is now."""
    inputs: dict[str, Any]
    said: dict[str, Any]
    """What ``flyte.with_runcontext`` was told, as far as it concerns what the tasks do."""


def prepare_rerun(run_name: str, inputs: Mapping[str, Any]) -> Again:
    """Find the task and the inputs of a run.

    :param inputs: what is to be another than it was
    :raises RunNotFoundError: if there is no such run, or nothing was kept of it
    :raises TaskNotFoundError: if its task is not there any more
    :raises ValueError: if the task has no input of a name
    """
    folder = run_folder(load_settings().home, run_name)
    if not os.path.isdir(folder):
        raise RunNotFoundError(f"There is no run named {run_name!r} in {os.path.dirname(folder)}; `localflyte runs` lists them.")
    kept = request_of(folder)
    try:
        sort_options(kept.said)
    except (AttributeError, TypeError, ValueError) as error:
        raise RunNotFoundError(f"What is kept of run {run_name} says how it was to be run, and makes no sense: {error}") from error
    task = _task(kept.task, kept.path)
    known = task.border.inputs
    unknown = sorted(set(inputs) - set(known))
    if unknown:
        raise ValueError(f"task {task.name} has no input {unknown[0]!r}; its inputs are {', '.join(known) or 'none'}")
    before = {name: value for name, value in kept.inputs.items() if name in known}
    return Again(folder, task, {**task.border.decode_inputs(before, task=task.name), **inputs}, kept.said)


def _task(ref: TaskRef, path: Sequence[str]) -> Any:
    """:return: the task as this process has it, or as its module has it now"""
    if ref.pickle:
        return from_pickle(ref.pickle)
    for module in (ref.module, "__main__"):
        task = registry.find(module, ref.name)
        if task is not None and (module != "__main__" or not ref.file or _file_of_main() == ref.file):
            return task
    sys.path += [folder for folder in path if folder not in sys.path]
    _load(ref)
    task = registry.find(ref.module, ref.name)
    if task is None:
        raise TaskNotFoundError(ref.name, ref.file or ref.module, [known.name for known in registry.tasks(ref.module)])
    return task


def _file_of_main() -> str:
    return os.path.abspath(getattr(sys.modules.get("__main__"), "__file__", None) or "")


def _load(ref: TaskRef) -> None:
    from importlib import import_module
    from importlib.util import module_from_spec
    from importlib.util import spec_from_file_location

    try:
        if not ref.file:
            import_module(ref.module)
            return
        spec = spec_from_file_location(ref.module, ref.file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{ref.file} is no Python module")
        module = module_from_spec(spec)
        sys.modules[ref.module] = module
        spec.loader.exec_module(module)
    except (ImportError, OSError) as error:
        sys.modules.pop(ref.module, None)
        raise TaskNotFoundError(ref.name, f"{ref.file or ref.module} ({error})", []) from error
