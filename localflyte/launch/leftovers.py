"""Leftovers: how the groups of an engine are marked as its own, and how those of a killed engine are found and removed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Iterator

from localflyte.launch.cgroup import Group
from localflyte.launch.hierarchy import places

__all__ = ("all_group_folders", "clean", "leftovers", "marker", "started")

_MARK = re.compile(r"localflyte-([0-9]+)-([0-9]+)-([0-9]+)-")


def marker() -> str:
    """:return: what the names of our groups begin with: a number alone may be another process's next minute, or next door"""
    pid = os.getpid()
    return f"localflyte-{pid}-{started(pid)}-{_namespace()}-"


def started(pid: int) -> int:
    """:return: when a process started, in ticks since the machine did; with its number this is the process. 0 if there is none"""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])  # its name, before that, may hold anything
    except (OSError, IndexError, ValueError):
        return 0


def leftovers(folders: Iterable[str]) -> Iterator[Group]:
    """Find the groups that engines left which are no more.

    A container has numbers of its own for processes, so what another one marked is left to it.

    :param folders: where engines of this machine make groups
    """
    namespace = _namespace()
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            match = _MARK.match(name)
            if match is not None and int(match[3]) == namespace and started(int(match[1])) != int(match[2]):
                yield Group(f"{folder}/{name}")


def clean(groups: Iterable[Group]) -> tuple[int, int]:
    """End what still runs in them and remove them.

    :return: how many were removed, and how many could not be
    """
    removed = [_clean_one(group) for group in groups]
    return sum(removed), len(removed) - sum(removed)


def all_group_folders() -> Iterator[str]:
    """:return: every folder in which any engine could have made groups. Slower than asking one engine for its own"""
    for mount in dict.fromkeys(place.mount for place in places().values()):
        for folder, below, _ in os.walk(mount):
            below[:] = [name for name in below if not _MARK.match(name)]
            yield folder


def _clean_one(group: Group) -> bool:
    try:
        group.kill()
    except OSError:
        return False
    return group.remove()


def _namespace() -> int:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0
