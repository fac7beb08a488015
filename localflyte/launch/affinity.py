"""Affinity: keep a process, and all that it starts, on given cores."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

__all__ = ("pin",)


def pin(pid: int, cores: Collection[int]) -> None:
    """Keep a process on some cores. Threads and processes that it starts later stay there with it, so this comes before its work.

    It does nothing where the system has no such thing (macOS), if the process is gone, or if there is no such core.

    :param cores: the numbers of the cores; with none the process is left alone
    """
    if not cores:
        return
    with suppress(OSError, ValueError):
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(pid, cores)
        else:
            _pin_with_psutil(pid, cores)


def _pin_with_psutil(pid: int, cores: Collection[int]) -> None:
    import psutil

    with suppress(psutil.Error, AttributeError):
        psutil.Process(pid).cpu_affinity(list(cores))
