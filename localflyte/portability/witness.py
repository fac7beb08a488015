"""Witness: a process that imports the modules of tasks as a worker does, and says what is in them then."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

__all__ = ("ask", "bear_witness")

SECONDS = 120.0  # that the import of a program may take; one that takes longer is not looked at

#: The path has to be there before anything of ours can be found by it.
_PROGRAM = "import json, sys; asked = json.load(sys.stdin); sys.path[:] = asked['sys_path']\n"
_PROGRAM += "from localflyte.portability.witness import bear_witness; bear_witness(asked)"


def ask(module: str, file: str, tasks: Iterable[str], names: Iterable[str], *, alias: bool) -> dict[str, Any] | None:
    """Ask a new process.

    :param module: the module that it imports, and the file where that has to be loaded by path
    :param tasks: the tasks of that module that are meant, by full name
    :param names: of global variables, as ``<module>.<name>``
    :param alias: whether ``import flyte`` means localflyte
    :return: ``variables`` and ``classes`` for each task, and of the names those that ``exist``; ``None`` if it could not say
    """
    import subprocess

    asked = {"module": module, "file": file, "tasks": list(tasks), "names": list(names), "alias": alias, "argv": sys.argv}
    asked["sys_path"] = [os.path.abspath(entry) for entry in sys.path]
    command = [sys.executable, "-c", _PROGRAM]
    try:
        done = subprocess.run(command, input=json.dumps(asked).encode(), capture_output=True, check=True, timeout=SECONDS)
        answer: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None  # what is wrong with the import, the run itself will say
    return answer


def bear_witness(asked: Mapping[str, Any]) -> None:
    """Import what is asked about and print what was found, as the one thing that is printed; then end."""
    answer_to = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    sys.argv[:] = asked["argv"]
    if asked["alias"]:
        from localflyte.bridges import flyte

        flyte.install()
    from localflyte.api import registry
    from localflyte.api.port import enter_worker
    from localflyte.api.uses import uses_of
    from localflyte.worker.loading import load_module

    enter_worker()
    load_module(asked["module"], asked["file"])
    found = {name: uses_of(task.function) for name in asked["tasks"] if (task := registry.find(asked["module"], name)) is not None}
    answer = {
        "variables": {name: uses.variables for name, uses in found.items()},
        "classes": {name: uses.classes() for name, uses in found.items()},
        "exist": sorted(set(asked["names"]) & _existing()),
    }
    with os.fdopen(answer_to, "w") as stream:
        json.dump(answer, stream)
    os._exit(0)  # threads that the program has started are not waited for


def _existing() -> set[str]:
    from localflyte.api.members import home_of

    found = set()
    for module in list(sys.modules.values()):
        with suppress(TypeError):  # something that a package put in place of a module
            found |= {f"{home_of(vars(module))}.{name}" for name in vars(module)}
    return found
