"""Admission: the ledger of what this machine has, and the leases on it.

First come, first served, so that a large request is never overtaken for ever.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress

import anyio

__all__ = ("Lease", "Leases", "Ledger")

_DUST = 1e-9  # cores; sums of fractions are compared with this much give


class Lease:
    """A share of the machine, given back exactly once. While its holder only waits for others it can be lent out."""

    __slots__ = ("_held", "_ledger", "_released", "cpu")

    def __init__(self, ledger: Ledger, cpu: float) -> None:
        self.cpu = cpu
        self._ledger = ledger
        self._held = True
        self._released = False

    def release(self) -> None:
        """Give the share back; a second time does nothing."""
        if not self._released:
            self._released = True
            self.pause()

    def pause(self) -> None:
        """Lend the share out while its holder waits."""
        if self._held:
            self._held = False
            self._ledger._give(self.cpu)

    def resume(self) -> None:
        """Take the share back at once, even if that overdraws the ledger: a parent that had to wait for its own
        cores could wait for a child that waits for them. The debt is paid before anything new is admitted.
        """
        if not self._held and not self._released:
            self._held = True
            self._ledger._take(self.cpu)


class Leases:
    """Several leases that are lent, taken back and given back together."""

    __slots__ = ("_leases",)

    def __init__(self, *leases: Lease) -> None:
        self._leases = leases

    def release(self) -> None:
        """Give all of them back."""
        for lease in self._leases:
            lease.release()

    def pause(self) -> None:
        """Lend all of them out."""
        for lease in self._leases:
            lease.pause()

    def resume(self) -> None:
        """Take all of them back at once."""
        for lease in self._leases:
            lease.resume()


class Ledger:
    """:param cpu: cores in all"""

    def __init__(self, cpu: float) -> None:
        self.cpu = cpu
        self.free = cpu
        self._queue: deque[tuple[float, anyio.Event]] = deque()

    async def acquire(self, cpu: float) -> Lease:
        """Wait for a share. More than there is in all is cut to all there is, so nothing waits for ever."""
        cpu = min(cpu, self.cpu)
        if not self._queue and self._fits(cpu):
            self._take(cpu)
            return Lease(self, cpu)
        turn = anyio.Event()
        entry = (cpu, turn)
        self._queue.append(entry)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():
                self._give(cpu)
            else:
                with suppress(ValueError):
                    self._queue.remove(entry)
                self._admit()  # we may have been what held the others up
            raise
        return Lease(self, cpu)

    def _fits(self, cpu: float) -> bool:
        return self.free >= cpu - _DUST

    def _take(self, cpu: float) -> None:
        self.free -= cpu

    def _give(self, cpu: float) -> None:
        self.free += cpu
        self._admit()

    def _admit(self) -> None:
        while self._queue and self._fits(self._queue[0][0]):
            cpu, turn = self._queue.popleft()
            self._take(cpu)
            turn.set()
