"""Machine: what this process may use of the computer it runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator

from localflyte.launch.hierarchy import V2
from localflyte.launch.hierarchy import places

__all__ = ("kernel_oom_kills", "usable_cores", "usable_memory")

LEAST_CORES = 0.1  # a quota of less would be a mistake, and nothing could be admitted


def usable_cores(root: str = "/") -> float:
    """:param root: where the file system begins; tests have one of their own
    :return: the cores this process may run on: its affinity, or the smallest quota of its cgroups where that is less
    """
    try:
        cores = float(len(os.sched_getaffinity(0)))
    except AttributeError:  # not on this system
        cores = float(os.cpu_count() or 1)
    return max(min([cores, *_quotas(root)]), LEAST_CORES)


def usable_memory(root: str = "/") -> int:
    """:param root: where the file system begins; tests have one of their own
    :return: the bytes this process may use: the machine's, or the smallest limit of its cgroups where that is less
    """
    return int(min([_physical(root), *_limits(root)]))


def kernel_oom_kills(root: str = "/") -> int:
    """:param root: where the file system begins; tests have one of their own
    :return: how many processes the kernel of this machine has ended for want of memory since it started; 0 where it does not say
    """
    text = _read(os.path.join(root, "proc/vmstat"))
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)


def _physical(root: str) -> float:
    for line in _read(os.path.join(root, "proc/meminfo")).splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on this system
        import psutil

        return float(psutil.virtual_memory().total)


def _limits(root: str) -> Iterator[float]:
    for folder, version in _groups("memory", root):
        text = _read(os.path.join(folder, "memory.max" if version == 2 else "memory.limit_in_bytes")).strip()
        if text.isdigit():  # neither missing nor "max"
            yield int(text)


def _quotas(root: str) -> Iterator[float]:
    for folder, version in _groups("cpu", root):
        if version == 2:
            words = _read(os.path.join(folder, "cpu.max")).split()
        else:
            words = [_read(os.path.join(folder, f"cpu.cfs_{name}_us")).strip() for name in ("quota", "period")]
        if len(words) == 2 and all(word.isdigit() for word in words) and int(words[1]):  # neither missing nor "max" nor -1
            yield int(words[0]) / int(words[1])


def _groups(controller: str, root: str) -> Iterator[tuple[str, int]]:
    """:return: the folders of our groups that may limit us, and the version of their tree"""
    found = places(root)
    place = found.get(controller) or found.get(V2)
    if place is not None:
        for folder in place.chain():
            yield folder, place.version


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
