"""Footing: what the process of a task stands on: the interpreter that runs this, one made for its image, or a container.

Wherever it is, it is a fork server of ours that is started there, by a path: of this very package, or where that would bring the packages
beside it along, of a place where nothing but this package and the two that it needs are seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from sysconfig import get_path
from typing import NamedTuple

from localflyte.errors import RuntimeUserError
from localflyte.images.ways import Container
from localflyte.images.ways import Venv
from localflyte.images.ways import Way
from localflyte.launch.child import Child
from localflyte.launch.environ import build_environment
from localflyte.launch.environ import contained_environment
from localflyte.launch.secrets import Given
from localflyte.launch.start import PROGRAM
from localflyte.runs.folder import make_private_folder
from localflyte.settings import Settings
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ResourceTerms
from localflyte.spec.run import RunRequest

__all__ = ("INSIDE", "Footing", "Site", "check_python", "find_site", "footing_for", "own_code", "runtime_folders")

INSIDE = "/opt/localflyte"  # where a container sees them
RUNTIME = ("localflyte", "msgpack", "cloudpickle")
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_PROGRAM = os.path.relpath(PROGRAM, os.path.dirname(_PACKAGE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    python: str
    program: str = PROGRAM
    keeps_path: bool = False
    """Whether its modules come after the program's own on the path, instead of this interpreter's."""
    container: Container | None = None


def footing_for(way: Way, python: str, home: str) -> Footing:
    """:param way: what the image of the task came to
    :param python: the caller's interpreter
    :param home: the folder of everything that localflyte keeps
    """
    match way:
        case Venv():
            return Footing(python=way.python, program=_linked_program(home), keeps_path=True)
        case Container():
            return Footing(python="", program=f"{INSIDE}/{_PROGRAM}", keeps_path=True, container=way)
    return Footing(python=python)


class Site(NamedTuple):
    """All that a task could see before its first line runs."""

    key: tuple[object, ...]
    """What is equal for two tasks that may share a fork server."""
    footing: Footing
    cwd: str
    env: dict[str, str]
    files: tuple[tuple[str, str], ...]
    """The secrets that are files: their paths, and what is in them."""
    sys_path: tuple[str, ...]
    terminal: str
    is_alone: bool
    """Whether what it stands on serves one call at a time: limits of a container are those of all that is in it."""


def find_site(way: Way, request: RunRequest, plan: Plan, given: Given, settings: Settings, cores: float) -> Site:
    """Put together what a task is to see.

    :param way: what its image came to
    :param given: its secrets
    :param cores: what this machine has
    :raises RuntimeUserError: if a declared variable cannot be one
    """
    around = request.surroundings
    footing = footing_for(way, around.python, str(settings.home))
    contained = footing.container is not None
    caller = contained_environment(around.env, settings.pass_env) if contained else around.env
    env = build_environment(caller, plan, settings.pass_env, cores, alias=around.alias and not contained)
    if isinstance(way, Venv):
        env = _in_venv(env, way, plan)
    env |= given.variables
    sys_path = own_code(around.sys_path) if footing.keeps_path else around.sys_path
    cwd, terminal = plan.working_dir or around.cwd, "" if contained else around.terminal
    seen = (footing.python, cwd, sys_path, around.argv, around.alias, around.umask, terminal, around.times_changed)
    container = (way.engine, way.image, plan.resources, request.raw_data_path) if isinstance(way, Container) else ()
    key = (*seen, tuple(sorted(env.items())), given.files, container)
    return Site(key, footing, cwd, env, given.files, sys_path, terminal, contained and plan.resources != ResourceTerms())


def check_python(version: str, plan: Plan, child: Child) -> None:
    """A pickle holds code as one minor version of Python compiled it.

    :param version: of the Python that is to run the task
    :raises RuntimeUserError: if the task can only come as a pickle, and of another version; the child is let go then
    """
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if not plan.task.pickle or version.startswith(f"{here}."):
        return
    child.discard()
    message = (
        f"Task {plan.task.name} is defined where no import finds it, so its code has to cross as a pickle, and its image runs Python "
        f"{version}, not {here}. Define it at the top of a module, or give the image Python {here}."
    )
    raise RuntimeUserError("PythonVersionError", message, "user")


def _in_venv(env: dict[str, str], way: Venv, plan: Plan) -> dict[str, str]:
    """:return: the environment of a task, with the variables and the programs of the one that it runs in"""
    folder = os.path.dirname(way.python)
    path = {"PATH": folder + os.pathsep + env.get("PATH", ""), "VIRTUAL_ENV": os.path.dirname(folder)}
    return {**env, **path, **way.env, **plan.env_vars}


def own_code(sys_path: Sequence[str]) -> tuple[str, ...]:
    """:return: the folders of a module search path that are the program's own: none of an interpreter and its packages"""
    roots = {os.path.join(get_path(name), "") for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")}
    return tuple(path for path in sys_path if path and not os.path.join(path, "").startswith(tuple(roots)) and not _is_of_packages(path))


def runtime_folders() -> dict[str, str]:
    """:return: where the packages lie that a worker needs, by name"""
    found = {name: find_spec(name) for name in RUNTIME[1:]}
    return {"localflyte": _PACKAGE, **{name: os.path.dirname(spec.origin) for name, spec in found.items() if spec and spec.origin}}


def _is_of_packages(path: str) -> bool:
    parts = path.split(os.sep)
    return "site-packages" in parts or "dist-packages" in parts or parts[-1] == f"python{sys.version_info[0]}{sys.version_info[1]}.zip"


def _linked_program(home: str) -> str:
    """:return: our program in a folder that holds links to what a worker needs, and nothing else"""
    folders = runtime_folders()
    name = "-".join(f"{os.stat(folder).st_ino:x}" for folder in folders.values())
    place = os.path.join(home, "runtime", name)
    make_private_folder(place)
    for package, folder in folders.items():
        link = os.path.join(place, package)
        if not os.path.islink(link) or os.readlink(link) != folder:
            draft = f"{link}.{os.getpid()}.{os.urandom(4).hex()}"
            os.symlink(folder, draft)
            os.replace(draft, link)
    return os.path.join(place, _PROGRAM)
