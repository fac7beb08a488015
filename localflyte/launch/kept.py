"""Kept: the guard of a task in a container. The container holds its memory and CPU; its disk is looked at from here."""

from __future__ import annotations

import time

from localflyte.launch.child import Worker
from localflyte.launch.meter import folder_bytes
from localflyte.launch.watch import DISK_EVERY
from localflyte.launch.watch import Breach
from localflyte.launch.watch import Guard
from localflyte.launch.watch import Limits

__all__ = ("ContainerGuard",)

KILL = 9


class ContainerGuard(Guard):
    """:param limits: what its container was started with"""

    def __init__(self, child: Worker, limits: Limits) -> None:
        super().__init__(0, limits, 0, lambda: child.signal(KILL), lambda *_: None)
        self._child = child

    def look(self, now: float) -> None:
        """Look at its disk."""
        self._looks += 1
        limit = self.limits.disk
        if limit is None or self.breach is not None or self._looks % DISK_EVERY:
            return
        held = folder_bytes(*self.limits.folders)
        if held > limit:
            self._end(Breach("disk", limit, held, ((now - self._began, held),), "sampler"))

    def verdict(self) -> Breach | None:
        """:return: the limit that was passed: by its disk, or by its memory, as the kernel has told it in its container"""
        if self.breach is None and self._child.ran_out:
            limit = self.limits.memory or 0
            self.peak = max(self.peak, limit)
            self.breach = Breach("memory", limit, self.peak, ((time.monotonic() - self._began, self.peak),), "kernel")
        return self.breach
