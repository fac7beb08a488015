"""Environ: the environment of a task's process, which is built from a short list and what was declared, never copied.

    caller's environment --- names below, settings.pass_env ---+
    cores of the task ------ thread counts --------------------+--> the task's environment
    env_vars, secrets ------ declared --------------------------+

What comes later in that drawing wins. A new interpreter is started with the names below alone, and with those declared
variables that it reads itself while it starts; the rest is sent to it afterwards. So what may be a secret is never in the
block that the system shows of every process (``/proc/PID/environ``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from localflyte.spec.plan import Plan
    from localflyte.spec.plan import ResourceTerms

__all__ = (
    "ALIAS_FOLDER",
    "ALLOWED",
    "THREAD_COUNTS",
    "WITHOUT_THREADS",
    "build_environment",
    "check_variable",
    "contained_environment",
    "is_passed",
    "start_environment",
)

#: What a task gets of the caller's environment without asking; a name that ends in ``*`` is the beginning of several.
ALLOWED = (
    # Where programs and the person's own files are.
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "XDG_*",
    # How text and time are written.
    "LANG", "LANGUAGE", "LC_*", "TZ",
    # Where temporary files go.
    "TMPDIR", "TEMP", "TMP",
    # What the terminal can show: what a task prints ends there.
    "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES",
    # The interpreter, its packages, and the libraries that it loads.
    "PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "DYLD_*",
    # Whom to trust on the network; and the way into it, unless a password is part of it (see _is_proxy).
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    # How much flyte's own loggers say: Flyte gives these to its tasks on a cluster too.
    "LOG_LEVEL", "LOG_FORMAT", "USER_LOG_LEVEL", "FLYTE_RESET_ROOT_LOGGER",
    # Set by coverage.py for the processes of the program that it measures.
    "COVERAGE_PROCESS_*",
    # Without these, programs on Windows and macOS do not start, or do not find their folders.
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "USERNAME", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
    "PROGRAMFILES*", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "__CF_USER_TEXT_ENCODING",
)  # fmt: skip
_NAMES = frozenset(name for name in ALLOWED if not name.endswith("*"))
_PREFIXES = tuple(name[:-1] for name in ALLOWED if name.endswith("*"))
_PROXIES = frozenset(("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"))

#: Declared variables that an interpreter, or the loader of its libraries, reads before any message can reach it.
_READ_AT_START = ("PYTHON", "LD_", "DYLD_", "MALLOC_", "GLIBC_TUNABLES", "LANG", "LC_")

#: What a task in a container gets without asking: how to write text and time, and how much to say.
_FOR_CONTAINERS = ("LANG", "LC_", "TZ", "TERM", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "LOG_LEVEL", "LOG_FORMAT", "USER_LOG_LEVEL")

#: By these, numeric libraries learn how many threads to start. They read them once, when they are imported.
THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

#: By these, libraries learn to start no thread when they are imported: a process that has one cannot be forked safely.
WITHOUT_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false"}  # pyarrow, and pandas with it

#: Holds the sitecustomize that has ``flyte`` mean localflyte. Workers do without: they are told.
ALIAS_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bridges", "path")

OUR_PREFIX = "LOCALFLYTE_"  # how the engine behaves is no business of tasks, and would differ between equal servers


def build_environment(
    caller: Mapping[str, str], plan: Plan, pass_env: Sequence[str], cores: float, *, alias: bool = False
) -> dict[str, str]:
    """Build the environment of a task, without its secrets.

    :param caller: the environment in which the run was started
    :param pass_env: patterns of further names to pass
    :param cores: what this machine has, the most threads that make sense
    :param alias: whether ``flyte`` has to mean localflyte in the interpreters that the task starts, too
    :raises RuntimeUserError: if a declared variable cannot be one
    """
    patterns = tuple(pass_env)
    counts = str(_threads(plan.resources, cores))
    env = {name: value for name, value in caller.items() if _is_allowed(name) or _is_proxy(name, value)}
    env.update(dict.fromkeys(THREAD_COUNTS, counts))
    env.update(WITHOUT_THREADS)
    if patterns:
        env.update((name, value) for name, value in caller.items() if _is_asked_for(name, patterns))
    for name, value in plan.env_vars.items():
        check_variable(name, value, plan.task.name)
    env.update(plan.env_vars)
    if alias:
        path = env.get("PYTHONPATH", "")
        if path.partition(os.pathsep)[0] != ALIAS_FOLDER:
            env["PYTHONPATH"] = ALIAS_FOLDER + (os.pathsep + path if path else "")
    return env


def contained_environment(caller: Mapping[str, str], pass_env: Sequence[str]) -> dict[str, str]:
    """:return: what a container is given of the caller's environment; where things are, its image knows better"""
    return {name: value for name, value in caller.items() if name.startswith(_FOR_CONTAINERS) or _is_asked_for(name, tuple(pass_env))}


def start_environment(caller: Mapping[str, str], declared: Mapping[str, str] | None = None) -> dict[str, str]:
    """:return: what a new interpreter is started with
    :param declared: variables of the task that are no secrets
    """
    env = {name: value for name, value in caller.items() if _is_allowed(name)}
    if declared:
        env.update((name, value) for name, value in declared.items() if name.startswith(_READ_AT_START))
    return env


def is_passed(name: str, value: str, pass_env: Sequence[str]) -> bool:
    """:return: whether tasks are given that variable of the caller's environment"""
    return _is_allowed(name) or _is_proxy(name, value) or _is_asked_for(name, tuple(pass_env))


def check_variable(name: str, value: str, task: str) -> None:
    """:raises RuntimeUserError: if no process can have such a variable; the message does not tell the value"""
    if not name or "=" in name or "\0" in name:
        what = f"{name!r} cannot be the name of an environment variable: it is empty, or holds '=' or a zero byte"
    elif "\0" in value:
        what = f"the variable {name} cannot be set: its value holds a zero byte, at which it would end"
    else:
        return
    from localflyte.errors import RuntimeUserError  # 3 ms that the start of the first interpreter would wait for

    raise RuntimeUserError("EnvironmentVariableError", f"Task {task}: {what}. Correct env_vars, or hand the value over as an input.")


@cache
def _is_allowed(name: str) -> bool:
    return name in _NAMES or name.startswith(_PREFIXES)


def _is_proxy(name: str, value: str) -> bool:
    return name.upper() in _PROXIES and "@" not in value


@cache
def _is_asked_for(name: str, patterns: tuple[str, ...]) -> bool:
    from fnmatch import fnmatchcase

    if name.startswith(OUR_PREFIX):
        patterns = tuple(pattern for pattern in patterns if pattern.startswith(OUR_PREFIX))  # "*" does not mean these
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _threads(resources: ResourceTerms, cores: float) -> int:
    declared = resources.cpu_limit or resources.cpu or 1.0
    return max(1, min(ceil(declared), ceil(cores)))
