"""Pools: the warm replicas of each environment that is declared reusable: started when needed, kept for a while, replaced when they end.

A pool has as many replicas as there is work for, between the least and the most that were declared. A replica whose task
waits for calls of its own does not count, where it serves one task at a time: it is blocked, and what it waits for may
need a replica of the same pool. So a call never waits for a replica that waits for it, however deep tasks are nested.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any
from typing import Protocol

import anyio

from localflyte.errors import RuntimeSystemError
from localflyte.launch.child import Child
from localflyte.launch.replicas import Replica
from localflyte.launch.replicas import Seat
from localflyte.launch.servers import RunView
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ReuseTerms

__all__ = ("Clock", "Launcher", "Pool", "Pools")


class Timer(Protocol):
    def cancel(self) -> None:
        """Have it not happen."""


class Clock(Protocol):
    """What tells the time and wakes us up: the event loop, or in tests something faster."""

    def time(self) -> float:
        """:return: seconds since some moment"""

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        """Call back at that time."""


class Launcher(Protocol):
    """Whom children are had from."""

    async def take(self, run: RunView, plan: Plan) -> Child:
        """:return: a child that has the plan's module loaded, and waits for its first request"""

    async def identity(self, run: RunView, plan: Plan) -> tuple[object, ...]:
        """:return: what is equal for two plans that may share a process"""


class _Turn:
    """Somebody who waits for a seat."""

    __slots__ = ("error", "plan", "ready", "run", "seat")

    def __init__(self, run: RunView, plan: Plan) -> None:
        self.run = run
        self.plan = plan
        self.ready = anyio.Event()
        self.seat: Seat | None = None
        self.error: BaseException | None = None


class Pool:
    """:param launcher: whom new replicas are had from
    :param grace: seconds that a replica may take to leave
    :param on_empty: called when it has idled for so long that it has nothing left
    """

    #: what the admission of calls counts the seats of this pool by; nothing here looks at it
    slots: Any = None

    def __init__(self, launcher: Launcher, terms: ReuseTerms, clock: Clock, grace: float, on_empty: Callable[[Pool], None]) -> None:
        self.terms = terms
        self.replicas: list[Replica] = []  # the one used last is the last
        self._launcher = launcher
        self._clock = clock
        self._grace = grace
        self._on_empty = on_empty
        self._waiting: deque[_Turn] = deque()
        self._starts: set[asyncio.Task[None]] = set()
        self._leaving: set[Replica] = set()
        self._timer: Timer | None = None
        self._idle_since = 0.0
        self._closed = False

    @property
    def capacity(self) -> int:
        """How many tasks may be at work in it, those not counted that wait for others."""
        return self.terms.max_replicas * self.terms.concurrency

    async def take(self, run: RunView, plan: Plan) -> Seat:
        """Wait for a seat; who came first is served first.

        :raises RuntimeSystemError: if no replica can be started
        """
        if self._closed:
            raise _closed()
        replica = self._with_room() if not self._waiting else None
        if replica is not None:
            seat = replica.seat(run)
            if len(self.replicas) + len(self._starts) < self.terms.min_replicas:
                self._start(run, plan)
            return seat
        turn = _Turn(run, plan)
        self._waiting.append(turn)
        self._start(run, plan)
        try:
            await turn.ready.wait()
        except BaseException:
            if turn.seat is not None:
                turn.seat.discard()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise
        if turn.seat is None:
            raise turn.error or _closed()
        return turn.seat

    def forget(self, run: object) -> None:
        """Let a run go that has ended."""
        for replica in (*self.replicas, *self._leaving):
            replica.forget(run)

    def close(self) -> None:
        """Let every replica leave that is not at work, and start no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for task in tuple(self._starts):
            task.cancel()
        for turn in self._waiting:
            turn.ready.set()
        self._waiting.clear()
        self._let_go()

    async def aclose(self) -> None:
        """Close it, and wait for those that leave, for as long as they may take."""
        self.close()
        with anyio.move_on_after(self._grace):
            for replica in tuple(self._leaving):
                await replica.wait_gone()

    # -- seats --------------------------------------------------------------------------------------------------

    def _with_room(self) -> Replica | None:
        """:return: the replica with the least to do, the one used last if there are several: so that others become idle"""
        best: Replica | None = None
        for replica in reversed(self.replicas):
            if (best is None or replica.load < best.load) and replica.has_room():
                best = replica
                if not best.load:
                    break
        return best

    def _on_change(self, replica: Replica) -> None:
        """A seat is free again, or a replica is gone."""
        if not replica.is_open:
            if replica in self.replicas:
                self.replicas.remove(replica)
            (self._leaving.discard if replica.is_gone else self._leaving.add)(replica)
            if not replica.is_gone and not replica.seats:
                self._kill_later(replica)
        elif replica in self.replicas:
            self.replicas.remove(replica)
            self.replicas.append(replica)
            if not replica.seats:
                replica.idle_since = self._idle_since = self._clock.time()
        self._seat_the_waiting()
        self._trim()

    def _seat_the_waiting(self) -> None:
        while self._waiting and (replica := self._with_room()) is not None:
            turn = self._waiting.popleft()
            turn.seat = replica.seat(turn.run)
            turn.ready.set()
        if self._waiting:
            self._start(self._waiting[0].run, self._waiting[0].plan)

    # -- replicas -----------------------------------------------------------------------------------------------

    def _start(self, run: RunView, plan: Plan) -> None:
        """Start what is wanted and may be there."""
        if self._closed:
            return
        terms, starting = self.terms, len(self._starts)
        there = len(self.replicas) + starting
        wanted = max(-(-len(self._waiting) // terms.concurrency) - starting, terms.min_replicas - there)
        allowed = terms.max_replicas + self._blocked() - there
        for _ in range(min(wanted, allowed)):
            task = asyncio.get_running_loop().create_task(self._start_one(run, plan))
            self._starts.add(task)

    async def _start_one(self, run: RunView, plan: Plan) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            child = await self._launcher.take(run, plan)
        except Exception as error:  # noqa: BLE001 - it is raised where a seat is waited for
            self._starts.discard(task)
            if self._waiting:
                turn = self._waiting.popleft()
                turn.error = error
                turn.ready.set()
            self._seat_the_waiting()
            return
        finally:
            self._starts.discard(task)
        if self._closed:
            child.discard()
            return
        replica = Replica(child, self.terms.concurrency, self._on_change)
        replica.idle_since = self._idle_since = self._clock.time()
        self.replicas.append(replica)
        self._seat_the_waiting()
        self._trim()

    def _blocked(self) -> int:
        """:return: how many replicas do not count, since the one task that they serve has called others"""
        if self.terms.concurrency > 1:
            return 0
        return sum(seat.is_parent for replica in self.replicas for seat in replica.seats.values())

    def _trim(self) -> None:
        """End what is idle and too many, and see to it that somebody looks again when the next has idled for long enough."""
        extra = len(self.replicas) - self.terms.max_replicas - self._blocked()
        if extra > 0:
            for replica in [replica for replica in self.replicas if not replica.seats][:extra]:
                self._end(replica)
        if self._timer is None and not self._closed:
            self._look_later()

    def _look_later(self) -> None:
        due = [replica.idle_since + self.terms.scaledown_ttl for replica in self._above_the_least()]
        if self._is_unused() and self.replicas:
            due.append(self._idle_since + self.terms.idle_ttl)
        if due:
            self._timer = self._clock.call_at(min(due), self._look)

    def _look(self) -> None:
        """End what has idled for long enough."""
        self._timer = None
        now = self._clock.time()
        if self._is_unused() and now >= self._idle_since + self.terms.idle_ttl:
            self._let_go()
        for replica in self._above_the_least():
            if now >= replica.idle_since + self.terms.scaledown_ttl:
                self._end(replica)
        if self._is_unused() and not self.replicas:
            self._on_empty(self)
        else:
            self._look_later()

    def _above_the_least(self) -> list[Replica]:
        """:return: what is idle and not needed to have the least there are to be, what idles for longest first"""
        idle = [replica for replica in self.replicas if not replica.seats]
        return idle[: max(len(self.replicas) - self.terms.min_replicas, 0)]

    def _is_unused(self) -> bool:
        return not self._waiting and not self._starts and not any(replica.seats for replica in self.replicas)

    def _end(self, replica: Replica) -> None:
        self.replicas.remove(replica)
        self._leaving.add(replica)
        replica.end()
        self._kill_later(replica)

    def _kill_later(self, replica: Replica) -> None:
        self._clock.call_at(self._clock.time() + self._grace, replica.kill)

    def _let_go(self) -> None:
        for replica in tuple(self.replicas):
            if not replica.seats:
                self._end(replica)


class Pools:
    """:param launcher: whom new replicas are had from
    :param grace: seconds that a replica may take to leave
    :param clock: what the times of a `ReusePolicy` are measured by; the event loop's, if nothing is given
    """

    def __init__(self, launcher: Launcher, grace: float, clock: Clock | None = None) -> None:
        self._launcher = launcher
        self._grace = grace
        self._clock = clock or asyncio.get_running_loop()
        self._pools: dict[tuple[object, ...], Pool] = {}
        #: the pool of a plan in a run; both are kept beside so that their ids stay their own
        self._known: dict[tuple[int, int], tuple[object, Plan, Pool]] = {}

    async def find(self, run: RunView, plan: Plan) -> Pool:
        """:return: the pool of a plan that is to be reused
        :raises SecretNotFoundError: if a secret of the task is nowhere
        """
        known = self._known.get((id(run), id(plan)))
        if known is not None:
            return known[2]
        terms = plan.reuse
        assert terms is not None  # who asks has looked
        scope = id(run) if terms.scope == "run" else 0
        key = (plan.environment, terms, plan.resources, scope, await self._launcher.identity(run, plan))
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(self._launcher, terms, self._clock, self._grace, self._drop)
        self._known[id(run), id(plan)] = (run, plan, pool)
        return pool

    async def take(self, run: RunView, plan: Plan) -> Seat:
        """:return: a seat in a replica that has the plan's module loaded
        :raises RuntimeSystemError: if none can be started
        """
        return await (await self.find(run, plan)).take(run, plan)

    def forget(self, run: RunView) -> None:
        """Drop what is remembered for a run that ended, and end the pools that were its own; others stay warm for the next."""
        for key, (_, _, pool) in tuple(self._known.items()):
            if key[0] == id(run):
                self._known.pop(key, None)
                pool.forget(run)
                if pool.terms.scope == "run":
                    pool.close()
                    self._drop(pool)

    async def aclose(self) -> None:
        """Let every replica leave."""
        async with anyio.create_task_group() as tasks:
            for pool in tuple(self._pools.values()):
                tasks.start_soon(pool.aclose)
        self._pools.clear()
        self._known.clear()

    def _drop(self, pool: Pool) -> None:
        self._pools = {key: each for key, each in self._pools.items() if each is not pool}
        self._known = {key: entry for key, entry in self._known.items() if entry[2] is not pool}


def _closed() -> RuntimeSystemError:
    return RuntimeSystemError("WorkerStartError", "the pool of replicas was closed")
