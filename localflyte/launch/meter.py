"""Meter: what one process tree holds of memory, has used of CPU, and keeps on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

import psutil

__all__ = ("Meter", "Rollup", "folder_bytes")

KIB = 1024
PROC = "/proc"
_FIELDS = {b"Anonymous": "anonymous", b"Pss_Anon": "shared_out", b"Pss_Shmem": "shmem", b"SwapPss": "swap"}


class Rollup:
    """What a process holds that no kernel could drop: anonymous memory, shared memory, swap. Files that it maps are
    left out, since a cluster reclaims those before it kills.

    :param anonymous: bytes, pages shared with others counted in full
    :param shared_out: bytes, each page divided by how many processes share it
    """

    __slots__ = ("anonymous", "shared_out", "shmem", "swap")

    def __init__(self, anonymous: int = 0, shared_out: int = 0, shmem: int = 0, swap: int = 0) -> None:
        self.anonymous = anonymous
        self.shared_out = shared_out
        self.shmem = shmem
        self.swap = swap

    @classmethod
    def of(cls, process: psutil.Process) -> Rollup:
        """Measure a process; one that is gone holds nothing."""
        try:
            with open(f"{PROC}/{process.pid}/smaps_rollup", "rb") as file:
                lines = file.read().splitlines()
        except OSError:
            return cls._roughly(process)
        values = {}
        for line in lines[1:]:
            name, _, rest = line.partition(b":")
            if name in _FIELDS:
                values[_FIELDS[name]] = int(rest.split()[0]) * KIB
        return cls(**values)

    @classmethod
    def _roughly(cls, process: psutil.Process) -> Rollup:
        """On systems that tell less: what is the process's own."""
        try:
            own = int(getattr(process.memory_full_info(), "uss", 0))
        except psutil.Error:
            own = 0
        return cls(own, own)


class Meter:
    """:param pid: the root of the tree; its parent has not reaped it, so the number is still its
    :param bare: bytes that an interpreter holds that has loaded nothing of the user's; no task is charged for them
    """

    def __init__(self, pid: int, bare: int) -> None:
        self.root = psutil.Process(pid)
        self.bare = bare
        self.below: list[psutil.Process] = []

    def look_around(self) -> None:
        """Find out which processes the tree has now."""
        known = {process.pid: process for process in self.below}
        self.below = []
        for pid in _below(self.root.pid):
            with suppress(psutil.Error):
                self.below.append(known.pop(pid, None) or psutil.Process(pid))

    def resident(self) -> int:
        """:return: bytes, at least what the tree holds: every page of every process. It costs 10 us a process"""
        total = 0
        for process in (self.root, *self.below):
            with suppress(psutil.Error):
                total += int(process.memory_info().rss)
        return total

    def held(self) -> int:
        """:return: bytes that the tree holds above a bare interpreter, each page counted once. It costs 200 us a process

        What the root got from the fork server by importing the user's modules is the task's own, as in a pod; pages
        that processes of the tree share by forking are not counted twice.
        """
        root = Rollup.of(self.root)
        own = root.anonymous + root.shmem + root.swap
        rollups = [root, *(Rollup.of(process) for process in self.below)]
        together = sum(each.shared_out + each.shmem + each.swap for each in rollups)
        return max(own, together) - self.bare

    def cpu_seconds(self) -> float:
        """:return: seconds of CPU that the tree has used"""
        total = 0.0
        for process in (self.root, *self.below):
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        with suppress(psutil.Error):
            times = self.root.cpu_times()
            total += times.children_user + times.children_system
        return total

    def each(self) -> Iterable[psutil.Process]:
        """:return: the processes of the tree, the root first"""
        return (self.root, *self.below)


def folder_bytes(*folders: str) -> int:
    """:return: bytes on disk below these folders, as blocks; what vanishes meanwhile counts nothing"""
    total = 0
    pending = list(folders)
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _below(pid: int) -> list[int]:
    """The processes below one. psutil reads all of the machine's to find them, 1.3 ms; the kernel's own lists take 14 us."""
    try:
        threads = os.listdir(f"{PROC}/{pid}/task")
    except OSError:
        return _below_by_psutil(pid) if not os.path.isdir(f"{PROC}/self/task") else []
    found: list[int] = []
    for thread in threads:
        with suppress(OSError), open(f"{PROC}/{pid}/task/{thread}/children", "rb") as file:
            for word in file.read().split():
                child = int(word)
                found += [child, *_below(child)]
    return found


def _below_by_psutil(pid: int) -> list[int]:
    with suppress(psutil.Error):
        return [process.pid for process in psutil.Process(pid).children(recursive=True)]
    return []
