"""Lives: which process is which. A number alone may be another process's next minute, so it comes with the moment of its start."""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

__all__ = ("Life", "life_of", "my_life")


class Life(NamedTuple):
    """A process, told from every other that has had or will have its number."""

    pid: int
    born: str
    """When it started, counted by the kernel, and in which machine's life and which container; clocks that are set do not change it."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended; of a process in another container nothing can be said, so it counts as alive."""
        now = life_of(self.pid)
        if now is not None and now.born == self.born:
            return False
        boot, space, _ = _parts(self.born)
        here = _parts(f"{_boot()}.{_space()}.0")
        return not boot or boot != here[0] or space == here[1]

    def __str__(self) -> str:
        return f"{self.pid}.{self.born}"

    @classmethod
    def parse(cls, text: str) -> Life | None:
        """:return: what `str` wrote, or ``None`` if it did not"""
        pid, _, born = text.partition(".")
        return cls(int(pid), born) if pid.isascii() and pid.isdigit() and len(pid) < 10 and born.count(".") == 2 else None


def life_of(pid: int) -> Life | None:
    """:return: the process that has this number now; ``None`` if there is none, or it only waits to be reaped"""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()  # its name, before that, may hold anything
        return None if fields[0] in (b"Z", b"X") else Life(pid, f"{_boot()}.{_space()}.{int(fields[19])}")
    except (IndexError, ValueError):
        return None
    except OSError:
        return None if os.path.exists("/proc/self/stat") else _elsewhere(pid)


def my_life() -> Life:
    """:return: this process"""
    return life_of(os.getpid()) or Life(os.getpid(), "..")


def _elsewhere(pid: int) -> Life | None:
    """Ask psutil, on systems that have no /proc."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else Life(pid, f"..{int(process.create_time() * 100)}")
    except psutil.Error:
        return None


@cache
def _boot() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(8)
    except OSError:
        return ""


def _space() -> str:
    try:
        return str(os.stat("/proc/self/ns/pid").st_ino)
    except OSError:
        return ""


def _parts(born: str) -> tuple[str, str, str]:
    boot, _, rest = born.partition(".")
    space, _, ticks = rest.partition(".")
    return boot, space, ticks
