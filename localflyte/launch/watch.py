"""Watch: the one sampler that holds running tasks to what they declared of memory, CPU and disk.

It looks at every live tree each 50 ms. Looking is cheap: the resident set, which is never less than what the task
holds. Only when that comes near the limit is the tree measured properly. A task that ends sooner is never looked at.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import psutil

from localflyte.launch.meter import Meter
from localflyte.launch.meter import folder_bytes
from localflyte.launch.throttle import Throttle
from localflyte.launch.wall import Wall

__all__ = ("Breach", "Guard", "Limits", "Watch")

SAMPLES = 8  # told with a breach
AROUND_EVERY = 4  # looks between two searches for new processes of a tree
DISK_EVERY = 10  # looks between two measurements of a folder
CALM_LOOKS = 8  # without a change, after which a tree is looked at half as often
CALM_BYTES = 1 << 20
WALL_SLACK = 16 << 20  # for what the kernel counts with a group and the sampler does not: page tables, buffers of pipes


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an attempt is held to; ``None`` is no limit."""

    memory: int | None = None
    """Bytes above a bare interpreter."""
    cpu: float | None = None
    """Cores, on average."""
    disk: int | None = None
    """Bytes in `folders`."""
    folders: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.memory is not None or self.cpu is not None or self.disk is not None


class Breach(NamedTuple):
    """A limit that was passed, and ended the attempt."""

    what: str
    """``"memory"`` or ``"disk"``."""
    limit: int
    peak: int
    samples: tuple[tuple[float, int], ...]
    """Seconds since the start, and bytes."""
    by: str
    """``"sampler"`` or ``"kernel"``."""


BuildWall = Callable[[list[psutil.Process], int | None, Callable[[Wall | None], None]], None]


class Guard:
    """One attempt under watch.

    :param kill: ends the whole tree, at once
    :param wall: given the processes and what memory they may take from then on, puts a harder wall around them where there can be
        one, and hands it, or ``None``, to its last argument, perhaps later
    """

    def __init__(self, pid: int, limits: Limits, bare: int, kill: Callable[[], None], wall: BuildWall) -> None:
        self.pid = pid
        self.limits = limits
        self.breach: Breach | None = None
        self.peak = 0
        self._bare = bare
        self._kill = kill
        self._make_wall = wall
        self._wall: Wall | None = None
        self._meter: Meter | None = None
        self._began = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque(maxlen=SAMPLES)
        self._excess = 0  # what the resident set had more than the tree really held, when that was last measured
        self._looks = 0
        self._calm = 0
        self._throttle: Throttle | None = None
        self._loose = self._closed = False

    def look(self, now: float) -> None:
        """Look at the tree once, and end it if it is over a limit."""
        if self.breach is not None:
            return
        self._looks += 1
        if self._calm > CALM_LOOKS and self._looks % 2 and self._throttle is None:
            return
        try:
            meter = self._meter or self._first_look()
        except psutil.Error:
            return  # it has just ended
        if self._looks % AROUND_EVERY == 0:
            meter.look_around()
        if self.limits.memory is not None:
            self._look_at_memory(meter, self.limits.memory, now)
        if self.limits.disk is not None and self._looks % DISK_EVERY == 0:
            held = folder_bytes(*self.limits.folders)
            if held > self.limits.disk:
                self._end(Breach("disk", self.limits.disk, held, ((now - self._began, held),), "sampler"))
        if self._throttle is not None:
            self._throttle.tick(now, meter.cpu_seconds())

    def verdict(self) -> Breach | None:
        """:return: the limit that the tree has passed, whoever saw it: the sampler, or the kernel at the wall"""
        if self.breach is None and self._wall is not None and self._wall.oom_kills():
            limit = self.limits.memory or 0
            self.breach = Breach("memory", limit, max(self.peak, limit), tuple(self._samples), "kernel")
        return self.breach

    def loosen(self) -> None:
        """Let the tree run as fast as it can: it is asked to end."""
        self._loose = True
        if self._throttle is not None:
            self._throttle.close()
            self._throttle = None

    def close(self) -> None:
        """Let the tree go: it is gone, or it is no longer ours."""
        self._closed = True
        self.loosen()
        if self._wall is not None:
            self.verdict()  # while it can still tell
            self._wall.close()
            self._wall = None

    def _first_look(self) -> Meter:
        meter = self._meter = Meter(self.pid, self._bare)
        meter.look_around()
        memory, cpu = self.limits.memory, self.limits.cpu
        if memory is not None or cpu is not None:
            # What the tree holds by now stays with the group it came from, and may be given back there. So the wall stands
            # where no task that keeps its limit can reach it, copies of the bare interpreter's own pages included.
            room = None if memory is None else memory + self._bare + WALL_SLACK
            self._make_wall(list(meter.each()), room, self._stand)
        return meter

    def _stand(self, wall: Wall | None) -> None:
        """Take the wall that has been made, or learn that there is none."""
        if self._closed:
            if wall is not None:
                wall.close()
            return
        self._wall = wall
        cpu = self.limits.cpu
        if cpu is not None and not self._loose and not (wall is not None and wall.holds_cpu):
            self._throttle = Throttle(cpu, lambda: self._signal(signal.SIGSTOP), lambda: self._signal(signal.SIGCONT))

    def _look_at_memory(self, meter: Meter, limit: int, now: float) -> None:
        resident = meter.resident()
        if not resident:
            return  # it has just ended
        held = resident - self._excess
        if held > limit:
            meter.look_around()
            resident, held = meter.resident(), meter.held()
            self._excess = resident - held
        held = max(held, 0)
        self._calm = 0 if not self._samples or abs(held - self._samples[-1][1]) > CALM_BYTES else self._calm + 1
        self._samples.append((now - self._began, held))
        self.peak = max(self.peak, held)
        if held > limit:
            self._end(Breach("memory", limit, self.peak, tuple(self._samples), "sampler"))
        elif self.verdict() is not None:
            self._kill()  # the kernel ended one process of the tree; the rest goes with it

    def _end(self, breach: Breach) -> None:
        self.breach = breach
        self._kill()

    def _signal(self, number: int) -> None:
        if self._meter is not None:
            for process in self._meter.each():
                with suppress(psutil.Error, ProcessLookupError, PermissionError):
                    process.send_signal(number)  # psutil makes sure that it is still the same process


class Watch:
    """:param seconds: between two looks"""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._guards: set[Guard] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, guard: Guard) -> None:
        """Look at a tree from now on."""
        self._guards.add(guard)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._tick)

    def remove(self, guard: Guard) -> None:
        """Look at it no more."""
        if guard in self._guards:
            self._guards.remove(guard)
            guard.close()

    def close(self) -> None:
        """End it all."""
        for guard in tuple(self._guards):
            self.remove(guard)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        for guard in tuple(self._guards):
            guard.look(now)
        if self._guards:
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._tick)
