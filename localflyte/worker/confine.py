"""Confine: what the kernel is asked to hold for a worker process, on the systems that have it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from fcntl import F_SETFL
from fcntl import fcntl
from typing import Any

__all__ = ("become_subreaper", "die_with_engine", "die_with_parent", "offer_to_kernel", "outlive_parent", "prepare")

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL = 9
_F_SETOWN = 8
_F_SETSIG = 10
LIFELINE_FD = 201  # out of the way of what tasks close
_prctl: Any = None


def prepare() -> None:
    """Look the system call up once, before any fork."""
    global _prctl  # noqa: PLW0603 - found once per process
    if sys.platform == "linux" and _prctl is None:
        try:
            from ctypes import CDLL

            _prctl = CDLL(None).prctl
        except (ImportError, OSError, AttributeError):
            _prctl = False


def become_subreaper() -> None:
    """Adopt the orphans of our children, so that a process that left its group can still be found and ended."""
    if _prctl:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> None:
    """Have the kernel end this process when its parent dies. Only sound where the parent forks from its only thread."""
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def die_with_engine(lifeline: int) -> None:
    """Have the kernel end this process's group when the engine is gone, whatever it is doing then and whoever its parent is.

    Nobody ever writes to the pipe, and only the engine holds its other end. A reader of its own is opened for each group,
    since the kernel keeps one owner for each.

    :param lifeline: the reading end, as the fork server has it; closed here
    """
    if sys.platform != "linux" or lifeline < 0:
        return
    try:
        own = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # no /proc: the fork server ends us all the same, while it lives
        return
    os.dup2(own, LIFELINE_FD, inheritable=False)
    os.close(own)
    os.close(lifeline)
    fcntl(LIFELINE_FD, _F_SETOWN, -os.getpid())
    fcntl(LIFELINE_FD, _F_SETSIG, _SIGKILL)
    fcntl(LIFELINE_FD, F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    try:
        if not os.read(LIFELINE_FD, 1):  # it went before we asked
            os._exit(1)
    except BlockingIOError:
        return


def offer_to_kernel() -> None:
    """Have the kernel end this process, and what it starts, before others where memory runs out."""
    with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")


def outlive_parent() -> None:
    """Take `die_with_parent` back: from now on this process ends in order when its parent dies."""
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
