"""Forking: os.fork from a process with one thread, without the repairs that only threads make necessary.

After a fork Python has `threading` and `logging` rebuild their locks in the child, in case another thread of the
parent held one. The fork server has no other thread (it refuses to fork when it has), so there is nothing to repair,
and the repair touches some 130 pages, each a copy: 0.3 ms of a 0.9 ms child. It is left out for our own forks only;
a task that forks has it back.
"""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ("fork",)

_REPAIRS = (("threading", "_after_fork"), ("logging", "_after_at_fork_child_reinit_locks"))


def _nothing() -> None:
    """Take the place of a repair."""


def fork() -> int:
    """Do as `os.fork`, in a process that has one thread."""
    spared: list[tuple[Any, Any]] = []
    for module, name in _REPAIRS:
        function = getattr(sys.modules.get(module), name, None)
        code = getattr(function, "__code__", None)
        if code is not None and not code.co_freevars and not code.co_argcount:
            spared.append((function, code))
            function.__code__ = _nothing.__code__  # type: ignore[union-attr]
    try:
        return os.fork()
    finally:
        for function, code in spared:
            function.__code__ = code
