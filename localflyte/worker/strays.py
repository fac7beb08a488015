"""Strays: processes that a request has started and that nothing in its replica holds any more. They are killed with the request.

A pool of processes, or a server that a `Popen` stands for, is state like any other and stays as long as something holds it.
What nothing holds can only be left over: in a process of its own the task would have taken it along when it ended.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

__all__ = ("end_strays",)

SIGKILL = 9
ROUNDS = 16  # each brings up the children of those that the last one killed


def end_strays() -> None:
    """Kill what nothing holds, and reap it. Where there are no children at all, which is the rule, it costs 1 us."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return
    held = _held()
    for _ in range(ROUNDS):
        strays = _children() - held
        if not strays:
            return
        for pid in strays:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, SIGKILL)
        for pid in strays:
            with suppress(ChildProcessError):  # somebody else here waits for it
                os.waitpid(pid, 0)


def _children() -> set[int]:
    """:return: our direct children, the orphans we adopted included"""
    found: set[int] = set()
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with suppress(OSError), open(f"/proc/self/task/{thread}/children", encoding="ascii") as file:
                found.update(map(int, file.read().split()))
    return found


def _held() -> set[int]:
    return _held_by_subprocess() | _held_by_multiprocessing()


def _held_by_subprocess() -> set[int]:
    subprocess: Any = sys.modules.get("subprocess")
    if subprocess is None:
        return set()
    import gc

    gc.collect()  # what only a cycle of garbage refers to is not held
    dropped = {id(process) for process in subprocess._active or ()}  # collected by Python while they ran
    alive = [each for each in gc.get_objects() if isinstance(each, subprocess.Popen)]
    return {process.pid for process in alive if id(process) not in dropped and isinstance(getattr(process, "pid", None), int)}


def _held_by_multiprocessing() -> set[int]:
    known: set[Any] = getattr(sys.modules.get("multiprocessing.process"), "_children", set())
    lonely = {object()}  # what is in one set and nowhere else, as a process that only multiprocessing knows
    counts = {id(each): sys.getrefcount(each) for each in (*known, *lonely)}
    least = counts[id(next(iter(lonely)))]
    held = {process.pid for process in known if counts[id(process)] > least}
    for name, module in list(sys.modules.items()):
        if name.endswith("resource_tracker"):  # of multiprocessing, and of what has a copy of it
            held.add(getattr(getattr(module, "_resource_tracker", None), "_pid", None) or 0)
        elif name == "multiprocessing.forkserver":
            held.add(getattr(getattr(module, "_forkserver", None), "_forkserver_pid", None) or 0)
    return held
