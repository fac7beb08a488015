"""Wall: hold one attempt to its memory and CPU with control groups, where this system lets us make them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from localflyte.errors import ConfigurationError
from localflyte.launch.cgroup import Group
from localflyte.launch.ground import Ground
from localflyte.launch.ground import find_ground
from localflyte.launch.ground import leave_leaf
from localflyte.launch.leftovers import clean
from localflyte.launch.leftovers import leftovers
from localflyte.launch.leftovers import marker
from localflyte.settings import Settings

__all__ = ("Wall", "WallMaker", "find_wall")

PERIOD_US = 100_000  # over which the CPU is measured out; the kernel's own default
LEAST_QUOTA_US = 1_000  # the kernel takes no less
LEAST_BYTES = 1 << 16  # a limit that could not hold a page would be refused
NAME_LENGTH = 60
REMOVE_SECONDS = 1.0  # for the last processes to be gone when the engine closes
REMOVE_EVERY = 0.005


class Wall:
    """The groups of one attempt. What a process had before it was moved stays with the group it came from, and counts there.

    :param memory: the group that holds the memory, if any does
    :param cpu: the group that holds the CPU, perhaps the same
    """

    def __init__(self, maker: WallMaker, memory: Group | None, cpu: Group | None) -> None:
        self._maker = maker
        self._memory = memory
        self._cpu = cpu

    @property
    def holds_cpu(self) -> bool:
        """Whether it holds the CPU as well."""
        return self._cpu is not None

    def oom_kills(self) -> int:
        """:return: how many of its processes the kernel ended because the memory was used up"""
        if self._memory is None:
            return 0
        return self._memory.count("memory.events" if self._maker.version == 2 else "memory.oom_control", "oom_kill")

    def peak(self) -> int | None:
        """:return: the most bytes it held at once; ``None`` where the system does not say (before Linux 5.19)"""
        if self._memory is None:
            return None
        text = self._memory.read("memory.peak" if self._maker.version == 2 else "memory.max_usage_in_bytes").strip()
        return int(text) if text.isdigit() else None

    def pids(self) -> list[int]:
        """:return: the processes in it, also those that left their parents and their group"""
        return list(dict.fromkeys(pid for group in self._groups() for pid in group.pids()))

    def kill(self) -> bool:
        """Kill everything in it.

        :return: whether nothing is left; what is left is on its way out
        """
        empty = [group.kill() for group in self._groups()]
        return all(empty)

    def close(self) -> None:
        """Kill what is left and remove the groups, now or as soon as the last process is gone."""
        for group in self._groups():
            self._maker.remove(group)

    def _groups(self) -> Iterator[Group]:
        if self._memory is not None:
            yield self._memory
        if self._cpu is not None and (self._memory is None or self._cpu.folder != self._memory.folder):
            yield self._cpu


class WallMaker:
    """Makes walls, and removes what is left of them. `make` blocks for what the kernel takes, see `move_seconds`, and may run in
    a thread beside the one that does the rest.

    :param ground: where groups can be made
    """

    def __init__(self, ground: Ground) -> None:
        self.version = ground.version
        self.ground = ground
        #: whether it can hold the CPU as well
        self.holds_cpu = ground.cpu is not None
        #: how long the last processes took to be moved. Usually 20 us; 20 ms on a unified tree that is not mounted with favordynmods
        self.move_seconds = 0.0
        self._marker = marker()
        self._numbers = count(1)
        self._groups: set[Group] = set()
        self._doomed: list[Group] = []
        self._lock = threading.Lock()

    def make(self, name: str, pids: Iterable[int], *, memory: int | None, cpu: float | None) -> Wall:
        """Put processes behind a wall of their own, with all that they will start.

        :param name: what the group is for; people may see it
        :param memory: the bytes they may use beyond what they use now
        :param cpu: the cores they may use
        :raises OSError: if the system refuses; the processes are then to be watched some other way
        """
        stem = f"{self._marker}{next(self._numbers)}-{re.sub('[^A-Za-z0-9_.-]', '_', name)[:NAME_LENGTH]}"
        wanted: dict[str, list[tuple[str, str, bool]]] = {}
        if memory is not None:
            wanted.setdefault(self.ground.memory, []).extend(_memory_terms(self.version, max(memory, LEAST_BYTES)))
        if cpu is not None and self.ground.cpu is not None:
            wanted.setdefault(self.ground.cpu, []).extend(_cpu_terms(self.version, cpu))
        groups = {folder: Group(f"{folder}/{stem}") for folder in wanted}
        pids = tuple(pids)
        try:
            for folder, group in groups.items():
                group.create()
                self._groups.add(group)
                for file, value, needed in wanted[folder]:
                    _set(group, file, value, needed=needed)
                began = time.monotonic()
                group.add(pids)
                self.move_seconds = time.monotonic() - began
        except OSError:
            for group in groups.values():
                self.remove(group)
            raise
        return Wall(
            self,
            groups[self.ground.memory] if memory is not None else None,
            groups[self.ground.cpu] if cpu is not None and self.ground.cpu is not None else None,
        )

    def remove(self, group: Group) -> None:
        """End a group as soon as it can be: a process that was killed is in it until it is gone."""
        self.sweep()
        with self._lock:
            if group in self._groups:
                self._groups.discard(group)
                if not group.remove():
                    group.kill()
                    self._doomed.append(group)

    def sweep(self) -> None:
        """Remove what could not be removed before."""
        with self._lock:
            self._doomed = [group for group in self._doomed if not group.remove()]

    def leftovers(self) -> list[Group]:
        """:return: the groups here of engines that are no more"""
        return list(leftovers(dict.fromkeys(filter(None, (self.ground.memory, self.ground.cpu)))))

    def close(self) -> None:
        """Remove every group. Waits a moment where processes are still on their way out."""
        give_up = time.monotonic() + REMOVE_SECONDS
        for group in tuple(self._groups):
            self.remove(group)
        self.sweep()
        while self._doomed and time.monotonic() < give_up:
            time.sleep(REMOVE_EVERY)
            self.sweep()
        if self.ground.leaf and not self._doomed:
            leave_leaf(self.ground.leaf)


def find_wall(settings: Settings) -> WallMaker | None:
    """Find out whether walls can be made here, by making one, and remove what killed engines left. To be done once an engine.

    :return: ``None`` where none can, or none is wanted; the sampler then stands alone
    :raises ConfigurationError: if they are insisted on and cannot be had
    """
    if settings.memory_wall == "sampler":
        return None
    ground, reasons = find_ground()
    if ground is None:
        if settings.memory_wall == "cgroup":
            raise ConfigurationError(
                f"memory_wall = cgroup, and this process can make no control groups: {'; '.join(reasons)}. Start it with "
                "`systemd-run --user --scope -p Delegate=yes ...`, or set memory_wall to auto (LOCALFLYTE_MEMORY_WALL, [tool.localflyte]) "
                "to do without; `localflyte doctor` tells what this machine has."
            )
        return None
    maker = WallMaker(ground)
    clean(maker.leftovers())
    return maker


def _memory_terms(version: int, memory: int) -> list[tuple[str, str, bool]]:
    """:return: the files to write, with what, and whether the wall is none without it"""
    if version == 2:
        return [("memory.max", str(memory), True), ("memory.swap.max", "0", False), ("memory.oom.group", "1", False)]
    # The second only exists where swap is accounted for; the third keeps the task out of swap where it is not.
    return [
        ("memory.limit_in_bytes", str(memory), True),
        ("memory.memsw.limit_in_bytes", str(memory), False),
        ("memory.swappiness", "0", False),
    ]


def _cpu_terms(version: int, cpu: float) -> list[tuple[str, str, bool]]:
    quota = max(round(cpu * PERIOD_US), LEAST_QUOTA_US)
    if version == 2:
        return [("cpu.max", f"{quota} {PERIOD_US}", True)]
    return [("cpu.cfs_period_us", str(PERIOD_US), True), ("cpu.cfs_quota_us", str(quota), True)]


def _set(group: Group, file: str, value: str, *, needed: bool) -> None:
    if needed:
        group.write(file, value)
    else:
        with suppress(OSError):
            group.write(file, value)
