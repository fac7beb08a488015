"""Forking: os.fork from a process with one thread, without the repairs that only threads make necessary.

After a fork Python has `threading` and `logging` rebuild their locks in the child, in case another thread of the
parent held one. The fork server has no other thread (it refuses to fork when it has), so there is nothing to repair,
and the repair touches some 130 pages, each a copy: 0.3 ms of a 0.9 ms child. It is left out for our own forks only;
a task that forks has it back. One thing is done in its place: `logging` takes its lock before a fork and leaves it to
the repair to give it back in the child.
"""

from __future__ import annotations

import os
import sys
from time import sleep
from typing import Any

__all__ = ("fork", "reseed", "thread_count")

TRIAL_STEP = 0.0005  # seconds
TRIAL_STEPS = 4000
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
        pid = os.fork()
    finally:
        for function, code in spared:
            function.__code__ = code
    if pid == 0:
        _free_logging()
    return pid


def _free_logging() -> None:
    """Give back the lock of `logging`, which its thread could take again and every other thread of the child would wait for."""
    lock = getattr(sys.modules.get("logging"), "_lock", None)
    owned = getattr(lock, "_is_owned", None)
    while owned is not None and owned():
        lock.release()  # type: ignore[union-attr]


def thread_count() -> int:
    """Count the threads that would be there at a fork.

    Importing numpy starts the threads of OpenBLAS, which ends them itself when the process forks and starts them again
    when they are needed. So where threads are not Python's, a fork is tried out.
    """
    count = _threads_now()
    threading = sys.modules.get("threading")
    if count > 1 and (threading is None or threading.active_count() == 1):
        _try_fork()
        count = _threads_now()
    return count


def reseed() -> None:
    """In a new child, give numpy's global generator fresh entropy, as a fresh interpreter would have.

    Python's own `random` does so by itself. A generator that the program has seeded stays as it is.
    """
    module = sys.modules.get("numpy.random.mtrand")
    generator = getattr(module, "_rand", None)
    bits = getattr(generator, "_bit_generator", None)
    if generator is not None and getattr(bits, "seed_seq", None) is not None:  # None once np.random.seed(n) was called
        generator.seed()


def _threads_now() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        threading = sys.modules.get("threading")
        return threading.active_count() if threading is not None else 1


def _try_fork() -> None:
    """Fork a child that does nothing. If it hangs all the same, it is killed."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    for _ in range(TRIAL_STEPS):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return
        sleep(TRIAL_STEP)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
