"""Ground: where in the cgroup trees this process may make groups of its own, found by trying."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from itertools import count
from typing import NamedTuple

from localflyte.launch.cgroup import Group
from localflyte.launch.hierarchy import V2
from localflyte.launch.hierarchy import Place
from localflyte.launch.hierarchy import places
from localflyte.launch.leftovers import marker

__all__ = ("Ground", "find_ground", "leave_leaf")

TRIED_BYTES = 1 << 30  # the limit of the group that is tried; nothing is ever put in it that needs so much
SETTLE_ROUNDS = 5  # processes may be started while we move those there are

_tries = count(1)


class Ground(NamedTuple):
    """The folders in which groups are made."""

    #: 1 for a tree a controller, 2 for the unified one
    version: int
    memory: str
    #: where the CPU can be held as well
    cpu: str | None
    #: the group that we moved into, so that ours could hand its controllers down
    leaf: str = ""


def find_ground(root: str = "/") -> tuple[Ground | None, list[str]]:
    """Look where groups can be made, make one, and move a process into it.

    :param root: where the file system begins; tests have one of their own
    :return: the ground, and where there is none the reasons
    """
    found = places(root)
    if not found:
        return None, ["this system has no cgroups"]
    if "memory" in found:
        return _separate(found["memory"], found.get("cpu"))
    if V2 in found:
        return _unified(found[V2])
    return None, ["no cgroup tree with a memory controller is mounted"]


def _separate(memory: Place, cpu: Place | None) -> tuple[Ground | None, list[str]]:
    """A tree a controller: groups can be made below ours."""
    refusal = _try(memory.folder, "memory.limit_in_bytes", str(TRIED_BYTES))
    if refusal:
        return None, [refusal]
    holds_cpu = cpu is not None and not _try(cpu.folder, "cpu.cfs_quota_us", "100000")
    return Ground(1, memory.folder, cpu.folder if cpu is not None and holds_cpu else None), []


def _try(folder: str, name: str, value: str) -> str:
    """:return: why no group can be made below `folder`; empty where one can"""
    group = Group(f"{folder}/{marker()}try{next(_tries)}")
    step = f"no group can be made in {folder}"
    try:
        group.create()
        step = f"the limit {name} cannot be set in {folder}"
        group.write(name, value)
        step = f"no process can be started to be moved to {folder}"
        with _bystander() as pid:
            step = f"no process can be moved to {folder}"
            group.add([pid])
            return "" if pid in group.pids() else f"{step}: it did not arrive"
    except OSError as error:
        return f"{step}: {error.strerror}"
    finally:
        group.remove()


@contextmanager
def _bystander() -> Iterator[int]:
    """A process that is there to be moved. It is gone before its interpreter is up."""
    command = [sys.executable, "-I", "-S", "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.kill()


def _unified(own: Place) -> tuple[Ground | None, list[str]]:
    """The tree of all controllers: a group with processes in it can hand none down. So ours has to be empty of others, or
    we need one above it.
    """
    reasons: list[str] = []
    folders = own.chain()
    leaf = Group(f"{folders[0]}/{marker()}engine")
    if not _hands_down(folders[0]) and Group(folders[0]).read("cgroup.type"):  # the root of the whole tree is of no type
        refusal = _move_into_leaf(Group(folders[0]), leaf)
        if refusal:
            reasons.append(refusal)
    for depth, folder in enumerate(folders):
        limits = [below for below in folders[:depth] if _is_limited(below)]
        if limits:  # whoever set that limit meant us
            reasons.append(f"{limits[0]} has limits of its own, which a group above it would escape")
            break
        if not _hands_down(folder):
            reasons.append(f"{folder} does not hand the memory controller down (cgroup.subtree_control)")
            continue
        refusal = _try(folder, "memory.max", str(TRIED_BYTES))
        if not refusal:
            has_cpu = "cpu" in Group(folder).read("cgroup.subtree_control").split()
            return Ground(2, folder, folder if has_cpu else None, leaf.folder if os.path.isdir(leaf.folder) else ""), []
        reasons.append(refusal)
    leave_leaf(leaf.folder)
    return None, reasons


def leave_leaf(folder: str) -> None:
    """Move back to where we came from, as if we had never left; groups beside the leaf have to be gone.

    :param folder: the leaf
    """
    leaf, own = Group(folder), Group(os.path.dirname(folder))
    if not os.path.isdir(folder):
        return
    with suppress(OSError):
        handed_down = own.read("cgroup.subtree_control").split()
        own.write("cgroup.subtree_control", " ".join(f"-{name}" for name in handed_down))
        for _ in range(SETTLE_ROUNDS):
            own.add(leaf.pids())
            if leaf.remove():
                return


def _hands_down(folder: str) -> bool:
    return "memory" in Group(folder).read("cgroup.subtree_control").split()


def _is_limited(folder: str) -> bool:
    group = Group(folder)
    maxima = ("memory.max", "memory.high", "memory.swap.max", "cpu.max")
    return any(group.read(name).split()[:1] not in ([], ["max"]) for name in maxima) or bool(group.read("cpuset.cpus").strip())


def _move_into_leaf(own: Group, leaf: Group) -> str:
    """Move ourselves and what we started into a group below ours, so that ours can hand controllers down.

    :return: why that cannot be; empty when it is done
    """
    if "memory" not in own.read("cgroup.controllers").split():
        return f"{own.folder} has no memory controller"
    if not _all_ours(own.pids()):
        return f"{own.folder} holds processes that are not ours"
    try:
        leaf.create()
        for _ in range(SETTLE_ROUNDS):
            pids = [int(word) for word in own.read("cgroup.procs").split()]
            if not pids:
                break
            leaf.add(pids)
        own.write("cgroup.subtree_control", "+memory")
        with suppress(OSError):
            own.write("cgroup.subtree_control", "+cpu")
    except OSError as error:
        with suppress(OSError):
            own.add(leaf.pids())
        leaf.remove()
        return f"the controllers of {own.folder} cannot be handed down: {error.strerror}"
    return ""


def _all_ours(pids: list[int]) -> bool:
    """:return: whether all of them are this process or come from it"""
    ours, own = {0: False, 1: False}, os.getpid()
    ours[own] = True
    for pid in pids:
        line: list[int] = []
        while pid not in ours:
            line.append(pid)
            pid = _parent(pid)  # noqa: PLW2901 - up the line
        ours.update(dict.fromkeys(line, ours[pid]))
    return all(ours[pid] for pid in pids)


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0
