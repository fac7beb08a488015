"""Start: bring up the interpreter of a fork server; the command line does so first of all, before it loads anything."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from localflyte.launch.census import mark
from localflyte.launch.environ import start_environment

__all__ = ("Started", "end_early", "reap", "start_early", "start_interpreter", "take_early")

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REAP_SECONDS = 1.0  # for the kernel to end a process that is ending; blocks the loop, once in the life of a server
PROGRAM = os.path.join(_HOME, "worker", "__main__.py")


class Started(NamedTuple):
    """A fork server that waits to be told who it is, and our ends of what leads to it."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    stdout: int
    stderr: int
    lifeline: int
    """The writing end of a pipe that nothing is written to: when it is closed, whoever closes it, the kernel ends every child."""


def start_interpreter(python: str, env: Mapping[str, str], program: str = PROGRAM) -> Started:
    """Start a fork server. It is told folder, path, arguments and the environment of its tasks later.

    :param env: what the interpreter itself has to have from the start; anybody who may look at the process sees it
    :param program: what it runs: this package's own, or the same by another way
    :raises OSError: if it cannot be started
    """
    ours, theirs = socket.socketpair()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    life_read, life_write = os.pipe()
    try:
        process = subprocess.Popen(
            [python, "-P", program, str(theirs.fileno()), str(life_read)],
            env={**env, **mark()},
            stdin=subprocess.DEVNULL,
            stdout=out_write,
            stderr=err_write,
            pass_fds=[theirs.fileno(), life_read],
            start_new_session=True,
        )
    except OSError:
        ours.close()
        os.close(out_read)
        os.close(err_read)
        os.close(life_write)
        raise
    finally:
        theirs.close()
        os.close(out_write)
        os.close(err_write)
        os.close(life_read)
    return Started(process, ours, out_read, err_read, life_write)


def reap(process: subprocess.Popen[bytes] | None) -> str:
    """:return: how a process ended that is at its end"""
    status: int | None = None
    if process is not None:
        with suppress(subprocess.TimeoutExpired):
            status = process.wait(REAP_SECONDS)
    return f"it was killed by signal {-status}" if status is not None and status < 0 else f"it exited with code {status}"


_starting = threading.Lock()
#: by the process that started it, as a forked copy of that must not talk to its server
_early: dict[int, tuple[str, dict[str, str], Started]] = {}


def start_early(python: str) -> None:
    """Start the fork server that a run of this process will most probably need, while the rest is still being loaded.

    When nothing takes it, it ends with the engine, or with this process.
    """
    if not _starting.acquire(blocking=False):  # another thread runs something for the first time as well
        return
    try:
        if os.getpid() not in _early:
            env = start_environment(os.environ)
            with suppress(OSError):  # the run will try again, and tell
                _early[os.getpid()] = python, env, start_interpreter(python, env)
                atexit.register(end_early)
    finally:
        _starting.release()


def take_early(python: str, env: Mapping[str, str]) -> Started | None:
    """:return: the one started early, if it is of that interpreter and was started with those variables"""
    known = _early.get(os.getpid())
    if known is None or known[:2] != (python, dict(env)):
        return None
    return _early.pop(os.getpid())[2]


def end_early() -> None:
    """End the one started early that nothing took."""
    if os.getpid() not in _early:
        return
    started = _early.pop(os.getpid())[2]
    started.process.kill()
    started.control.close()
    for fd in (started.stdout, started.stderr, started.lifeline):
        os.close(fd)
    reap(started.process)
