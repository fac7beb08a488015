"""Leftovers: how the groups of an engine are marked as its own, and how those of a killed engine are found and removed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Iterator

from localflyte.launch.cgroup import Group
from localflyte.launch.hierarchy import places
from localflyte.runs.lives import Life
from localflyte.runs.lives import my_life

__all__ = ("all_group_folders", "clean", "leftovers", "marker")

_MARK = re.compile(r"localflyte-([0-9.a-z]+)-")


def marker() -> str:
    """:return: what the names of our groups begin with"""
    return f"localflyte-{my_life()}-"


def leftovers(folders: Iterable[str]) -> Iterator[Group]:
    """Find the groups that engines left which are no more.

    A container has numbers of its own for processes, so what another one marked is left to it.

    :param folders: where engines of this machine make groups
    """
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            match = _MARK.match(name)
            owner = Life.parse(match[1]) if match is not None else None
            if owner is not None and owner.is_over:
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
