"""Hierarchy: where this process stands in the cgroup trees of the machine, of both versions."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ("V2", "Place", "places")

V2 = ""  # the key of the unified tree, which has every controller that no older tree holds


class Place(NamedTuple):
    """The group of this process in one tree."""

    version: int
    #: where the tree, or the part of it that we can see, is mounted
    mount: str
    #: the folder of our own group
    folder: str

    def chain(self) -> list[str]:
        """:return: the folders of our group and of those above it, ours first"""
        folders = [self.folder]
        while folders[-1] != self.mount and len(folders[-1]) > len(self.mount):
            folders.append(os.path.dirname(folders[-1]))
        return folders


def places(root: str = "/") -> Mapping[str, Place]:
    """Find our groups.

    :param root: where the file system begins; tests have one of their own
    :return: the group for each controller that has a tree of version 1, and for `V2`
    """
    try:
        groups = _read(root, "proc/self/cgroup").splitlines()
        mounts = _read(root, "proc/self/mountinfo").splitlines()
    except OSError:  # no Linux
        return {}
    found: dict[str, Place] = {}
    for line in groups:
        number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            if number != "0" and not controller:
                continue
            place = _mounted(mounts, controller, path, root)
            if place is not None:
                found[controller] = place
    return found


def _mounted(mounts: list[str], controller: str, path: str, root: str) -> Place | None:
    for line in mounts:
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        if kind != ("cgroup" if controller else "cgroup2") or (controller and controller not in options.split(",")):
            continue
        _, _, _, top, mount, *_ = left.split(" ")
        mount = os.path.join(root, _unescaped(mount).lstrip("/"))
        # In a container only its own part of the tree is mounted, and the path may be told from the host's root.
        below = os.path.relpath(path, _unescaped(top))
        folder = os.path.normpath(os.path.join(mount, below))
        if below.startswith("..") or not os.path.isdir(folder):
            folder = mount
        return Place(1 if controller else 2, mount, folder)
    return None


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def _read(root: str, path: str) -> str:
    with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()
