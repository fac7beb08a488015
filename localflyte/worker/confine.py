"""Confine: what the kernel is asked to hold for a worker process, on the systems that have it."""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ("become_subreaper", "die_with_parent", "outlive_parent", "prepare")

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SIGKILL = 9
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


def outlive_parent() -> None:
    """Take `die_with_parent` back: from now on this process ends in order when its parent dies."""
    if _prctl:
        _prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
