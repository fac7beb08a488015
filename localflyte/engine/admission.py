"""Admission: the ledger of what this machine has, the lines in which calls wait for it, and the leases on it.

A call is given all that it claims at once or nothing, so none holds one thing while it waits for another. Equal claims wait in
one line. Among the first of all lines, a higher priority goes first, and then who came first; what one of them claims is kept free
from those behind it, so that a large claim is overtaken only by calls that take nothing from it.

A task that awaits others lends its cores and its places in queues, and keeps its memory and its GPUs, which are really in use.
So what it awaits may need what it holds. Where nothing that still goes on can help, such a call borrows what waiting tasks
hold. A call that no task waits for never does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import anyio

from localflyte.engine.units import HELD
from localflyte.engine.units import IN_USE
from localflyte.engine.units import Units

__all__ = ("Amounts", "Claim", "Lease", "Ledger", "Slots")

DUST = 1e-9  # cores; sums of fractions are compared with this much give
MOST_PASSES = 32  # calls of a higher priority that go before one that came earlier; then that one is next


class Amounts(NamedTuple):
    """How much of the machine."""

    cpu: float
    memory: int = 0
    """Bytes."""
    gpus: int = 0


class Slots:
    """Places for so many leases at a time.

    :param limit: how many there are
    """

    __slots__ = ("limit", "taken")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.taken = 0


class Claim(NamedTuple):
    """What a call needs before it can begin."""

    amounts: Amounts
    slots: tuple[Slots, ...] = ()
    """A place in each of these; lent while the task awaits others."""
    kept: tuple[Slots, ...] = ()
    """A place in each of these, kept to the end."""
    priority: int = 0
    depth: int = 1
    """1 for the first call of a run that nobody waits for, one more for what that calls."""
    pinned: bool = False
    """Whether its cores are to be cores of its own; they are whole then."""


class Lease:
    """A share of the machine, given back exactly once. While its holder only waits for others most of it can be lent out."""

    __slots__ = ("_idle", "_ledger", "_light", "_owner", "_released", "above", "borrowed", "claim", "cores", "gpus")

    def __init__(self, ledger: Ledger, claim: Claim, owner: object, above: Lease | None, borrowed: bool) -> None:
        self.claim = claim
        #: the lease of the task that waits for this one
        self.above = above
        #: whether some of it is held by tasks that wait
        self.borrowed = borrowed
        #: the numbers of the cores it has for itself, if there are enough of them; empty for a share of all
        self.cores: tuple[int, ...] = ()
        #: its GPUs, as CUDA_VISIBLE_DEVICES names them
        self.gpus: tuple[str, ...] = ()
        self._ledger = ledger
        self._owner = owner
        amounts = claim.amounts
        #: whether it is a share of the cores and nothing else, as that of most calls is
        self._light = not (amounts.memory or amounts.gpus or claim.pinned or claim.slots or claim.kept)
        self._idle = False
        self._released = False

    def pause(self) -> None:
        """Lend out what a task that waits for others does not need: cores and places in queues, not memory and GPUs."""
        if not self._idle and not self._released:
            self._idle = True
            self._ledger._lend(self)

    def resume(self) -> None:
        """Take all of it back at once, even if that overdraws the ledger: a parent that had to wait for its own cores
        could wait for a child that waits for them. The debt is paid before anything new is admitted.
        """
        if self._idle and not self._released:
            self._idle = False
            self._ledger._take_back(self)

    def release(self) -> None:
        """Give the share back; a second time does nothing."""
        if not self._released:
            self._released = True
            self._ledger._end(self)

    @property
    def is_idle(self) -> bool:
        """Whether its holder waits for others and has lent what can be lent."""
        return self._idle and not self._released


class _Turn:
    """One call in the line."""

    __slots__ = ("above", "lease", "number", "owner", "ready")

    def __init__(self, number: int, owner: object, above: Lease | None) -> None:
        self.number = number
        self.owner = owner
        self.above = above
        self.lease: Lease | None = None
        self.ready = anyio.Event()


class Ledger:
    """:param total: all there is
    :param cores: the numbers of the cores
    :param gpus: the names of the GPUs, as many as `total` has
    """

    def __init__(self, total: Amounts, cores: Iterable[int] = (), gpus: Iterable[str] = ()) -> None:
        self.total = total
        self.cpu = total.cpu
        self.memory = total.memory
        self.gpus = total.gpus
        #: memory and GPUs of holders that wait for others; it is not free
        self._idle_memory = 0
        self._idle_gpus = 0
        self._core_units = Units(cores)
        self._gpu_units = Units(gpus)
        #: by owner; an earlier lease of an owner that has another by now, by itself
        self._leases: dict[object, Lease] = {}
        self._lines: dict[Claim, deque[_Turn]] = {}
        self._turns = 0
        self._passes = 0

    async def acquire(self, claim: Claim, owner: object = None, caller: object = None) -> Lease:
        """Wait for a share, which must not be more than there is in all.

        :param owner: whose lease it is
        :param caller: the owner of the lease whose holder waits for this one
        """
        above = None if caller is None else self._leases.get(caller)
        if not self._lines and self._is_open(claim) and self._fits(claim.amounts, self.cpu, self.memory, self.gpus):
            return self._grant(claim, owner, above)
        self._turns += 1
        turn = _Turn(self._turns, owner, above)
        line = self._lines.get(claim)
        if line is None:
            self._lines[claim] = deque((turn,))
            self._admit()
        else:
            line.append(turn)
        if turn.lease is None:
            await self._wait(claim, turn)
        assert turn.lease is not None  # else the line above has raised
        return turn.lease

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return sum(map(len, self._lines.values()))

    async def _wait(self, claim: Claim, turn: _Turn) -> None:
        try:
            await turn.ready.wait()
        except BaseException:
            if turn.lease is not None:
                turn.lease.release()
            else:
                self._lines[claim].remove(turn)
                self._drop_if_empty(claim)
                self._admit()  # it may have been what held the others up
            raise

    # -- what leases do -----------------------------------------------------------------------------------------

    def _grant(self, claim: Claim, owner: object, above: Lease | None, borrowed: bool = False) -> Lease:
        lease = Lease(self, claim, owner, above, borrowed)
        amounts = claim.amounts
        self.cpu -= amounts.cpu
        before = self._leases.get(owner)
        if before is not None:
            self._leases[before] = before
        self._leases[lease if owner is None else owner] = lease
        if lease._light:
            return lease
        if amounts.gpus:
            lease.gpus = self._gpu_units.take(amounts.gpus)
        if claim.pinned:
            lease.cores = self._core_units.take(round(amounts.cpu))
        self.memory -= amounts.memory
        self.gpus -= amounts.gpus
        for slots in claim.slots + claim.kept:
            slots.taken += 1
        return lease

    def _lend(self, lease: Lease) -> None:
        self._count(lease, -1)
        self._admit()

    def _take_back(self, lease: Lease) -> None:
        self._count(lease, 1)

    def _count(self, lease: Lease, by: int) -> None:
        """:param by: 1 when the holder of a lease goes on, -1 when it begins to wait"""
        claim = lease.claim
        amounts = claim.amounts
        self.cpu -= by * amounts.cpu
        if lease._light:
            return
        self._idle_memory -= by * amounts.memory
        self._idle_gpus -= by * amounts.gpus
        for slots in claim.slots:
            slots.taken += by
        if lease.cores:
            self._core_units.add(lease.cores, by * IN_USE)
        if lease.gpus:
            self._gpu_units.add(lease.gpus, by * (IN_USE - HELD))

    def _end(self, lease: Lease) -> None:
        if not lease._idle:
            self._count(lease, -1)
        if not lease._light:
            amounts = lease.claim.amounts
            self._idle_memory -= amounts.memory
            self._idle_gpus -= amounts.gpus
            self.memory += amounts.memory
            self.gpus += amounts.gpus
            if lease.gpus:
                self._gpu_units.add(lease.gpus, -HELD)
            for slots in lease.claim.kept:
                slots.taken -= 1
        leases = self._leases
        del leases[lease._owner if leases.get(lease._owner) is lease else lease]
        if not leases:
            self.cpu = self.total.cpu  # sums of fractions drift
        if self._lines:
            self._admit()

    # -- the line -----------------------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Let in everybody who can be."""
        while self._lines:
            found = self._next()
            if found is None:
                return
            claim, borrowed = found
            turn = self._lines[claim].popleft()
            self._drop_if_empty(claim)
            turn.lease = self._grant(claim, turn.owner, turn.above, borrowed)
            turn.ready.set()

    def _next(self) -> tuple[Claim, bool] | None:
        """:return: whose head of line is next, and whether it borrows; ``None`` while everybody has to wait"""
        if self.cpu <= DUST:
            return None  # everybody needs some
        in_order = self._in_order()
        # What is left when each that waits in front has been given its own: to everybody, and to calls that a task waits for.
        # Those pass a claim that not only running tasks keep waiting: it may wait for the very task that waits for them.
        rest = nested = (self.cpu, self.memory, self.gpus)
        lacking: list[Claim] = []
        for claim in in_order:
            amounts = claim.amounts
            if self._fits(amounts, *(nested if claim.depth > 1 else rest)):
                self._note_passes(claim, in_order)
                return claim, False
            if self._waits_for_the_running(amounts, rest):
                nested = _less(nested, amounts)
            rest = _less(rest, amounts)
            if claim.depth > 1 and (amounts.memory > self.memory or amounts.gpus > self.gpus):
                lacking.append(claim)
        # The deepest first: when it is done, those above it can be.
        lacking.sort(key=lambda claim: -claim.depth)
        return next(((claim, True) for claim in lacking if self._may_borrow(claim)), None)

    def _in_order(self) -> list[Claim]:
        """:return: the claims whose line has somebody in it who has a place in every queue, in the order in which they come"""
        lines = self._lines
        found = [claim for claim in lines if self._is_open(claim)]
        if len(found) > 1:
            if self._passes < MOST_PASSES:
                found.sort(key=lambda claim: (-claim.priority, lines[claim][0].number))
            else:
                found.sort(key=lambda claim: lines[claim][0].number)
        return found

    def _note_passes(self, chosen: Claim, in_order: list[Claim]) -> None:
        """Count how often a higher priority went before one that came earlier, so that no stream of it keeps the others out for ever."""
        if len(in_order) == 1:
            return
        earliest = min(in_order, key=lambda claim: self._lines[claim][0].number)
        if chosen is earliest:
            self._passes = 0
        elif chosen.priority > earliest.priority:
            self._passes += 1

    def _drop_if_empty(self, claim: Claim) -> None:
        if not self._lines[claim]:
            del self._lines[claim]

    def _is_open(self, claim: Claim) -> bool:
        places = claim.slots + claim.kept
        return not places or all(slots.taken < slots.limit for slots in places)

    @staticmethod
    def _fits(amounts: Amounts, cpu: float, memory: int, gpus: int) -> bool:
        return amounts.cpu <= cpu + DUST and (not amounts.memory or amounts.memory <= memory) and (not amounts.gpus or amounts.gpus <= gpus)

    def _waits_for_the_running(self, amounts: Amounts, rest: tuple[float, int, int]) -> bool:
        """:return: whether it is enough that the tasks which now run end"""
        total = self.total
        return self._fits(
            amounts,
            rest[0] + total.cpu - self.cpu,
            rest[1] + total.memory - self.memory - self._idle_memory,
            rest[2] + total.gpus - self.gpus - self._idle_gpus,
        )

    def _may_borrow(self, claim: Claim) -> bool:
        """Tell whether a call may take what waiting tasks hold.

        It may if what still goes on, running tasks and those that wait for them, cannot give back enough, and only of
        what does not belong to those.
        """
        amounts = claim.amounts
        if amounts.cpu > self.cpu + DUST:
            return False
        mine = set(_chain(self._lines[claim][0].above))
        running = [lease for lease in self._leases.values() if not lease._idle]
        going_on = set(running)
        for lease in running:
            for above in _chain(lease.above):
                if above in going_on:
                    break
                if above.is_idle:
                    going_on.add(above)
        going_on -= mine
        memory = sum(lease.claim.amounts.memory for lease in going_on)
        gpus = sum(lease.claim.amounts.gpus for lease in going_on)
        helped = self._fits(amounts, self.cpu, self.memory + memory, self.gpus + gpus)
        return not helped and self._fits(amounts, self.cpu, self.total.memory - memory, self.total.gpus - gpus)


def _chain(lease: Lease | None) -> Iterable[Lease]:
    while lease is not None:
        yield lease
        lease = lease.above


def _less(rest: tuple[float, int, int], amounts: Amounts) -> tuple[float, int, int]:
    return rest[0] - amounts.cpu, rest[1] - amounts.memory, rest[2] - amounts.gpus
