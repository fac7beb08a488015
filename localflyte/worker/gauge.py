"""Gauge: what one request of a replica has used. The process outlives it, so its numbers are set back first."""

from __future__ import annotations

import os
from contextlib import suppress
from time import monotonic

__all__ = ("Gauge",)

HIGH_FD = 201  # tasks close and write into low descriptors
RESET_PEAK = b"5"  # what sets VmHWM back to what is held now, see proc(5)
SHORT = 0.002  # seconds; asking for the peak takes 10 us, much beside a request that is over before it could hold anything


class Gauge:
    """Kept open: opening and closing the two files costs 15 us a request, reading and writing them 7."""

    def __init__(self) -> None:
        self._status = _open_high("/proc/self/status", os.O_RDONLY)
        self._refs = _open_high("/proc/self/clear_refs", os.O_WRONLY)
        self._began = self._cpu = 0.0
        self._may_have_grown = True

    def reset(self) -> None:
        """Begin with a request."""
        self._began, self._cpu = monotonic(), _cpu_seconds()
        if self._may_have_grown and self._refs >= 0:
            self._may_have_grown = False
            with suppress(OSError):
                os.write(self._refs, RESET_PEAK)

    def read(self) -> tuple[int, float]:
        """:return: since the reset, the peak of memory in bytes (0 where it is not told), and seconds of CPU with ended children"""
        self._may_have_grown = monotonic() - self._began > SHORT
        return self._peak() if self._may_have_grown else 0, _cpu_seconds() - self._cpu

    def _peak(self) -> int:
        if self._status < 0:
            return 0
        try:
            text = os.pread(self._status, 4096, 0)
            at = text.index(b"VmHWM:") + 6
            return int(text[at : text.index(b"kB", at)]) * 1024
        except (OSError, ValueError):
            return 0


def _open_high(path: str, flags: int) -> int:
    """:return: a descriptor out of the way of tasks; -1 where there is no such file"""
    try:
        from fcntl import F_DUPFD_CLOEXEC
        from fcntl import fcntl

        fd = os.open(path, flags)
    except (OSError, ImportError):
        return -1
    try:
        return fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD)
    except OSError:
        return -1
    finally:
        os.close(fd)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
