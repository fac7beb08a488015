"""Pools keep as many replicas as are wanted and allowed, for as long as was declared; a seat behaves as a child does."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
import pytest

from localflyte.errors import ProtocolError
from localflyte.errors import RuntimeSystemError
from localflyte.launch.child import Exit
from localflyte.launch.child import Talk
from localflyte.launch.child import Worker
from localflyte.launch.pools import Pool
from localflyte.launch.pools import Pools
from localflyte.launch.replicas import Replica
from localflyte.launch.replicas import Seat
from localflyte.spec.invocation import Invocation
from localflyte.spec.plan import Plan
from localflyte.spec.plan import ReuseTerms
from localflyte.spec.plan import TaskRef
from localflyte.spec.run import RunRequest
from localflyte.spec.run import Surroundings
from localflyte.wire.messages import error_from_wire

pytestmark = pytest.mark.anyio
GRACE = 5.0
AROUND = Surroundings(python="python", cwd="/", sys_path=(), argv=(), env={}, umask=0, alias=False)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def plan_of(**terms: Any) -> Plan:
    settings = {"min_replicas": 0, "max_replicas": 1, "concurrency": 1, "idle_ttl": 60.0, "scaledown_ttl": 30.0, "scope": "global"}
    reuse = ReuseTerms(**{**settings, **terms})
    return Plan(task=TaskRef(name="env.task"), environment="env", short_name="task", interface="()", reuse=reuse)


class Run:
    """A run as launchers see it."""

    def __init__(self, plan: Plan) -> None:
        self.request = RunRequest(invocation=Invocation(plan=plan, inputs={}), surroundings=AROUND)

    def emit(self, kind: str, action: str = "", **data: Any) -> None:
        """Nobody listens."""

    def notice(self, text: str) -> None:
        """Nobody reads."""


class Clock:
    """A clock that goes on when it is told to."""

    class Timer:
        def __init__(self, when: float, callback: Callable[[], None]) -> None:
            self.when, self.callback, self.cancelled = when, callback, False

        def cancel(self) -> None:
            self.cancelled = True

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[Clock.Timer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Clock.Timer:
        self.timers.append(Clock.Timer(when, callback))
        return self.timers[-1]

    def go_on(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [timer for timer in self.timers if timer.when <= until and not timer.cancelled]:
            timer = min(due, key=lambda timer: timer.when)
            self.timers.remove(timer)
            self.now = max(self.now, timer.when)
            timer.callback()
        self.now = until


class FakeChild:
    """The outside of a process that does nothing by itself. `Child` has a socket and pipes; this has what a test says."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.bare = 7
        self.exit: Exit | None = None
        self.broken = ""
        self.hung_up = False
        self.lost = False
        self.sees: tuple[str, ...] | None = None
        self.ran_out = 0
        self.connected = True
        self.sent: list[tuple[Any, ...]] = []
        self.signals: list[int] = []
        self.discarded = False
        self.read = 0
        self._talk: Any = None
        self._when_gone: list[Callable[[], None]] = []

    def begin(self, talk: Any, request: dict[str, Any]) -> None:
        self._talk = talk
        self.send("request", request)

    def send(self, *message: Any) -> None:
        self.sent.append(message)

    def signal(self, number: int) -> None:
        self.signals.append(number)

    def when_gone(self, callback: Callable[[], None]) -> None:
        self._when_gone.append(callback)

    async def wait_gone(self) -> None:
        gone = anyio.Event()
        self.when_gone(gone.set)
        if self.exit is None:
            await gone.wait()

    def discard(self) -> None:
        self.discarded = True

    def is_connected(self) -> bool:
        return self.connected

    def read_streams(self) -> None:
        self.read += 1

    # what the process does

    def says(self, *message: Any) -> None:
        self._talk.on_message(self, list(message))

    def prints(self, text: bytes) -> None:
        self._talk.on_output("stdout", text)

    def ends(self, status: int = 0) -> None:
        self.exit = Exit(status, (0.0, 0.0))
        self.connected = False
        for callback in self._when_gone:
            callback()


class Launcher:
    """Gives out fake children, at once, or as soon as it is let."""

    def __init__(self) -> None:
        self.children: list[FakeChild] = []
        self.let = anyio.Event()
        self.let.set()
        self.problem: Exception | None = None

    async def take(self, run: Any, plan: Plan) -> Any:
        await self.let.wait()
        if self.problem is not None:
            raise self.problem
        self.children.append(FakeChild(100 + len(self.children)))
        return self.children[-1]

    async def identity(self, run: Any, plan: Plan) -> tuple[object, ...]:
        await anyio.lowlevel.checkpoint()
        return plan.working_dir, *sorted(plan.env_vars.items())

    @property
    def kept(self) -> list[int]:
        """The numbers of those that were not told to leave."""
        return [child.pid - 100 for child in self.children if not child.discarded and child.exit is None]


class Listener:
    """An attempt: it hears what its seat says."""

    def __init__(self) -> None:
        self.messages: list[list[Any]] = []
        self.printed = b""

    def on_message(self, child: Worker, message: list[Any]) -> None:
        if message[0] == "nonsense":
            raise ProtocolError("unknown message")
        self.messages.append(message)

    def on_output(self, stream: str, data: bytes) -> None:
        self.printed += data


class Bench:
    """A pool with everything around it."""

    def __init__(self, **terms: Any) -> None:
        self.plan = plan_of(**terms)
        self.run = Run(self.plan)
        self.clock = Clock()
        self.launcher = Launcher()
        self.emptied = 0
        assert self.plan.reuse is not None
        self.pool = Pool(self.launcher, self.plan.reuse, self.clock, GRACE, self._on_empty)

    def _on_empty(self, pool: Pool) -> None:
        self.emptied += 1

    async def take(self) -> tuple[Seat, Listener]:
        """:return: a seat that has begun, and who listens to it"""
        with anyio.fail_after(5):
            seat = await self.pool.take(self.run, self.plan)
        talk: Talk = Listener()
        seat.begin(talk, {"task": "x"})
        assert isinstance(talk, Listener)
        return seat, talk

    def child(self, seat: Seat) -> FakeChild:
        return self.launcher.children[seat.pid - 100]

    def replies(self, seat: Seat, ok: bool = True, payload: Any = ()) -> None:
        self.child(seat).says("of", seat.number, "reply", ok, payload, [5, 0.25])


async def settle() -> None:
    """Let everything happen that only waits for its turn."""
    for _ in range(20):
        await anyio.lowlevel.checkpoint()


# -- how many -------------------------------------------------------------------------------------------------------


async def test_the_least_are_started_at_first_use() -> None:
    bench = Bench(min_replicas=3, max_replicas=4)
    seat, _ = await bench.take()
    await settle()
    assert len(bench.launcher.children) == 3
    bench.replies(seat)
    assert bench.launcher.kept == [0, 1, 2]


async def test_nothing_is_started_before_anybody_needs_it() -> None:
    bench = Bench(min_replicas=2, max_replicas=2)
    await settle()
    assert bench.launcher.children == []


async def test_more_are_started_as_they_are_needed_and_no_more_than_the_most() -> None:
    bench = Bench(max_replicas=2)
    seats = [await bench.take() for _ in range(2)]
    assert len({seat.pid for seat, _ in seats}) == 2
    async with anyio.create_task_group() as tasks:
        taken: list[Seat] = []

        async def wait() -> None:
            taken.append((await bench.take())[0])

        tasks.start_soon(wait)
        await settle()
        assert taken == []
        bench.replies(seats[0][0])
        await settle()
        assert [seat.pid for seat in taken] == [seats[0][0].pid]
    assert len(bench.launcher.children) == 2


async def test_who_came_first_is_served_first() -> None:
    bench = Bench()
    seat, _ = await bench.take()
    order: list[int] = []
    async with anyio.create_task_group() as tasks:

        async def wait(number: int) -> None:
            taken, _ = await bench.take()
            order.append(number)
            bench.replies(taken)

        for number in range(5):
            tasks.start_soon(wait, number)
            await settle()
        bench.replies(seat)
    assert order == [0, 1, 2, 3, 4]


async def test_a_replica_that_is_free_is_used_again_the_last_one_first() -> None:
    bench = Bench(max_replicas=3)
    seats = [(await bench.take())[0] for _ in range(3)]
    for number in (0, 2, 1):
        bench.replies(seats[number])
    assert (await bench.take())[0].pid == seats[1].pid


async def test_with_a_concurrency_the_one_with_the_least_to_do_gets_it() -> None:
    bench = Bench(min_replicas=2, max_replicas=2, concurrency=3)
    first, _ = await bench.take()
    await settle()
    pids = [first.pid, *[(await bench.take())[0].pid for _ in range(5)]]
    assert sorted(pids.count(pid) for pid in set(pids)) == [3, 3]


async def test_waiting_for_one_start_is_enough_for_all_that_fit() -> None:
    bench = Bench(max_replicas=4, concurrency=10)
    bench.launcher.let = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(bench.take)
        await settle()
        bench.launcher.let.set()
    assert len(bench.launcher.children) == 1


# -- how long -------------------------------------------------------------------------------------------------------


async def test_what_idles_above_the_least_is_ended_after_its_time() -> None:
    bench = Bench(min_replicas=1, max_replicas=3, idle_ttl=600.0)
    seats = [(await bench.take())[0] for _ in range(3)]
    for seat in seats:
        bench.replies(seat)
    bench.clock.go_on(29.0)
    assert len(bench.launcher.kept) == 3
    bench.clock.go_on(2.0)
    assert len(bench.launcher.kept) == 1


async def test_those_idle_for_longest_go_first() -> None:
    bench = Bench(min_replicas=1, max_replicas=2, idle_ttl=600.0)
    seats = [(await bench.take())[0] for _ in range(2)]
    bench.replies(seats[0])
    bench.clock.go_on(10.0)
    bench.replies(seats[1])
    bench.clock.go_on(600.0)
    assert bench.launcher.kept == []  # the whole pool, in the end
    assert bench.child(seats[0]).discarded


async def test_what_is_at_work_is_never_idle() -> None:
    bench = Bench(max_replicas=2)
    busy, _ = await bench.take()
    bench.replies((await bench.take())[0])
    bench.clock.go_on(3600.0)
    assert bench.launcher.kept == [busy.pid - 100]
    bench.replies(busy)
    bench.clock.go_on(29.0)
    assert bench.launcher.kept == [busy.pid - 100]


async def test_a_pool_that_nobody_uses_ends_as_a_whole() -> None:
    bench = Bench(min_replicas=2, max_replicas=2, idle_ttl=60.0)
    seat, _ = await bench.take()
    await settle()
    bench.replies(seat)
    bench.clock.go_on(59.0)
    assert len(bench.launcher.kept) == 2
    bench.clock.go_on(2.0)
    assert bench.launcher.kept == []
    assert bench.emptied == 1


async def test_a_pool_that_has_ended_begins_again() -> None:
    bench = Bench(min_replicas=1)
    bench.replies((await bench.take())[0])
    bench.clock.go_on(100.0)
    seat, _ = await bench.take()
    assert seat.pid == 101


async def test_one_that_does_not_leave_is_killed() -> None:
    bench = Bench()
    seat, _ = await bench.take()
    bench.replies(seat)
    bench.clock.go_on(31.0)
    child = bench.child(seat)
    assert (child.discarded, child.signals) == (True, [])
    bench.clock.go_on(GRACE)
    assert child.signals == [signal.SIGKILL]


async def test_one_that_has_left_is_not_killed() -> None:
    bench = Bench()
    seat, _ = await bench.take()
    bench.replies(seat)
    bench.clock.go_on(31.0)
    bench.child(seat).ends()
    bench.clock.go_on(3600.0)
    assert bench.child(seat).signals == []


# -- parents --------------------------------------------------------------------------------------------------------


async def test_one_that_waits_for_its_calls_does_not_count() -> None:
    bench = Bench(max_replicas=1)
    seats: list[Seat] = []
    for depth in range(5):
        seat, _ = await bench.take()
        seats.append(seat)
        bench.child(seat).says("of", seat.number, "call", depth + 1, 1, {}, "", {})
    assert len({seat.pid for seat in seats}) == 5


async def test_replicas_that_parents_made_necessary_end_with_them() -> None:
    bench = Bench(max_replicas=1)
    parent, _ = await bench.take()
    bench.child(parent).says("of", parent.number, "call", 1, 1, {}, "", {})
    child, _ = await bench.take()
    bench.replies(child)
    parent.send("result", 1, True, (), {})
    assert len(bench.launcher.kept) == 2  # it may call again
    assert (await bench.take())[0].pid == child.pid
    bench.replies(bench.pool.replicas[-1].seats[2])
    bench.replies(parent)
    assert len(bench.launcher.kept) == 1


async def test_where_a_loop_serves_several_a_parent_leaves_its_place_to_others() -> None:
    bench = Bench(max_replicas=1, concurrency=1 + 1)
    seats: list[Seat] = []
    for call in range(6):
        seat, _ = await bench.take()
        seats.append(seat)
        bench.child(seat).says("of", seat.number, "call", call + 1, 1, {}, "", {})
    assert {seat.pid for seat in seats} == {100}


# -- what goes wrong ------------------------------------------------------------------------------------------------


async def test_one_that_died_idle_is_forgotten_and_replaced() -> None:
    bench = Bench()
    seat, _ = await bench.take()
    bench.replies(seat)
    bench.child(seat).ends(9)
    assert (await bench.take())[0].pid == 101


async def test_one_whose_end_is_not_known_yet_is_given_nothing() -> None:
    bench = Bench(max_replicas=2)
    seat, _ = await bench.take()
    bench.replies(seat)
    bench.child(seat).connected = False
    assert (await bench.take())[0].pid == 101


async def test_all_seats_end_with_their_process() -> None:
    bench = Bench(concurrency=2)
    seats = [(await bench.take())[0] for _ in range(2)]
    gone: list[int] = []
    for seat in seats:
        seat.when_gone(lambda seat=seat: gone.append(seat.number))  # type: ignore[misc]
    bench.child(seats[0]).ends(7 << 8)
    assert [seat.exit for seat in seats] == [Exit(7 << 8, (0.0, 0.0))] * 2
    assert [seat.lost for seat in seats] == [True, True]  # nobody knows who did it
    assert sorted(gone) == [1, 2]
    assert all(seat.settled.is_set() for seat in seats)


async def test_one_that_was_alone_has_ended_its_process_itself() -> None:
    bench = Bench(concurrency=2)
    seat, _ = await bench.take()
    bench.child(seat).ends(7 << 8)
    assert not seat.lost


async def test_who_speaks_no_protocol_is_guilty_and_the_others_are_not() -> None:
    bench = Bench(concurrency=2)
    guilty, other = [(await bench.take())[0] for _ in range(2)]
    child = bench.child(guilty)
    with pytest.raises(ProtocolError):
        child.says("of", guilty.number, "nonsense")
    child.broken = "unknown message"  # the channel does this, and kills it
    child.ends(9)
    assert (guilty.broken, guilty.lost) == ("unknown message", False)
    assert other.lost
    assert other.reply is not None
    assert error_from_wire(other.reply.payload).code == "ReplicaLostError"


async def test_a_start_that_fails_is_raised_by_who_waits() -> None:
    bench = Bench()
    bench.launcher.problem = RuntimeSystemError("WorkerStartError", "no")
    with pytest.raises(RuntimeSystemError):
        await bench.pool.take(bench.run, bench.plan)
    bench.launcher.problem = None
    assert (await bench.take())[0].pid == 100


async def test_who_gives_up_waiting_keeps_nothing() -> None:
    bench = Bench()
    bench.launcher.let = anyio.Event()
    with anyio.move_on_after(0.01):
        await bench.pool.take(bench.run, bench.plan)
    bench.launcher.let.set()
    await settle()
    seat, _ = await bench.take()
    assert seat.pid == 100


async def test_a_seat_that_is_not_used_is_given_back() -> None:
    bench = Bench()
    seat = await bench.pool.take(bench.run, bench.plan)
    seat.discard()
    assert seat.exit is not None
    assert (await bench.take())[0].pid == seat.pid


async def test_one_that_asks_for_no_more_ends_after_those_it_has() -> None:
    bench = Bench(max_replicas=2, concurrency=2)
    first, second = [(await bench.take())[0] for _ in range(2)]
    child = bench.child(first)
    child.says("retire")
    bench.replies(first)
    assert not child.discarded
    assert (await bench.take())[0].pid == 101
    bench.replies(second)
    assert child.discarded


# -- seats ----------------------------------------------------------------------------------------------------------


async def test_a_request_carries_its_number_and_the_first_message_the_concurrency() -> None:
    bench = Bench(concurrency=3)
    first, second = [(await bench.take())[0] for _ in range(2)]
    assert bench.child(first).sent == [
        ("request", {"replica": 3}),
        ("request", {"task": "x", "rid": first.number}),
        ("request", {"task": "x", "rid": second.number}),
    ]


async def test_a_reply_settles_its_seat_alone_and_after_what_was_printed() -> None:
    bench = Bench(concurrency=2)
    first, second = [(await bench.take())[0] for _ in range(2)]
    bench.replies(second, ok=False, payload="an error")
    assert second.reply == (False, "an error", 5, 0.25)
    assert second.exit is not None
    assert bench.child(second).read == 1
    assert (first.reply, first.exit, first.settled.is_set()) == (None, None, False)


async def test_messages_reach_the_seat_they_are_for() -> None:
    bench = Bench(concurrency=2)
    (first, one), (second, two) = [await bench.take() for _ in range(2)]
    bench.child(first).says("of", second.number, "tell", "report", {})
    assert (one.messages, two.messages) == ([], [["tell", "report", {}]])


async def test_what_comes_after_the_reply_is_nobodys() -> None:
    bench = Bench()
    seat, talk = await bench.take()
    bench.replies(seat)
    bench.child(seat).says("of", seat.number, "tell", "report", {})
    bench.replies(seat)
    seat.send("result", 1, True, (), {})
    assert talk.messages == []
    assert bench.child(seat).sent[-1][0] == "request"


async def test_what_is_printed_belongs_to_the_oldest_at_work_and_to_the_last_where_none_is() -> None:
    bench = Bench(concurrency=2)
    (first, one), (second, two) = [await bench.take() for _ in range(2)]
    child = bench.child(first)
    child.prints(b"1")
    bench.replies(first)
    child.prints(b"2")
    bench.replies(second)
    child.prints(b"3")
    assert (one.printed, two.printed) == (b"1", b"23")
    bench.pool.forget(bench.run)
    child.prints(b"4")
    assert two.printed == b"23"


async def test_signals_go_to_the_process_where_there_is_one_task_at_a_time() -> None:
    bench = Bench(concurrency=1)
    seat, _ = await bench.take()
    seat.signal(signal.SIGTERM)
    assert bench.child(seat).signals == [signal.SIGTERM]


async def test_a_process_that_was_told_to_end_is_given_nothing_more() -> None:
    bench = Bench(max_replicas=2)
    seat, _ = await bench.take()
    seat.signal(signal.SIGTERM)
    bench.replies(seat)
    assert bench.child(seat).discarded
    assert (await bench.take())[0].pid == 101


async def test_one_of_several_is_asked_to_end_by_itself() -> None:
    bench = Bench(concurrency=2)
    first, _second = [(await bench.take())[0] for _ in range(2)]
    first.signal(signal.SIGTERM)
    child = bench.child(first)
    assert child.signals == []
    assert child.sent[-1] == ("cancel_request", first.number)


async def test_killing_one_kills_all_and_the_others_are_told_that_it_was_not_their_fault() -> None:
    bench = Bench(concurrency=2)
    first, second = [(await bench.take())[0] for _ in range(2)]
    first.signal(signal.SIGKILL)
    assert bench.child(first).signals == [signal.SIGKILL]
    bench.child(first).ends(9)
    assert (first.lost, first.reply) == (False, None)
    assert second.lost
    assert second.reply is not None
    assert error_from_wire(second.reply.payload).recoverable


async def test_a_signal_to_a_seat_that_has_not_begun_harms_nobody() -> None:
    bench = Bench()
    seat = await bench.pool.take(bench.run, bench.plan)
    seat.signal(signal.SIGTERM)
    assert seat.exit is not None
    assert bench.launcher.children[0].signals == []


async def test_one_that_was_gone_before_it_got_the_request_has_lost_it() -> None:
    bench = Bench()
    seat, _ = await bench.take()
    bench.child(seat).hung_up = True
    bench.child(seat).ends(9)
    assert (seat.lost, seat.broken) == (True, "")


# -- closing --------------------------------------------------------------------------------------------------------


async def test_closing_lets_them_leave_and_waits_for_them() -> None:
    bench = Bench(min_replicas=2, max_replicas=2)
    seat, _ = await bench.take()
    await settle()
    bench.replies(seat)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(bench.pool.aclose)
        await settle()
        assert bench.launcher.kept == []
        for child in bench.launcher.children:
            child.ends()
    with pytest.raises(RuntimeSystemError):
        await bench.pool.take(bench.run, bench.plan)


async def test_closing_ends_those_who_wait() -> None:
    bench = Bench()
    bench.launcher.let = anyio.Event()
    problems: list[BaseException] = []

    async def wait() -> None:
        try:
            await bench.pool.take(bench.run, bench.plan)
        except RuntimeSystemError as error:
            problems.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await settle()
        await bench.pool.aclose()
    assert len(problems) == 1


# -- pools ----------------------------------------------------------------------------------------------------------


async def pids_of(pools: Pools, launcher: Launcher, *calls: tuple[Run, Plan]) -> list[int]:
    found = []
    for run, plan in calls:
        seat = await pools.take(run, plan)
        found.append(seat.pid)
        seat.discard()
    return found


async def test_plans_of_one_environment_share_a_pool_and_others_do_not() -> None:
    launcher = Launcher()
    pools = Pools(launcher, GRACE, Clock())
    run = Run(plan_of())
    same, longer = plan_of(), plan_of(idle_ttl=90.0)
    elsewhere = replace(same, working_dir="/tmp")
    pids = await pids_of(pools, launcher, (run, plan_of()), (run, same), (Run(same), same), (run, longer), (run, elsewhere))
    assert pids == [100, 100, 100, 101, 102]


async def test_with_the_scope_of_a_run_each_run_has_its_own_and_ends_it() -> None:
    launcher = Launcher()
    pools = Pools(launcher, GRACE, Clock())
    plan = plan_of(scope="run")
    first, second = Run(plan), Run(plan)
    assert await pids_of(pools, launcher, (first, plan), (second, plan), (first, plan)) == [100, 101, 100]
    pools.forget(first)
    assert launcher.kept == [1]


async def test_a_pool_that_is_empty_is_dropped() -> None:
    launcher, clock = Launcher(), Clock()
    pools = Pools(launcher, GRACE, clock)
    run = Run(plan_of())
    plan = plan_of()
    await pids_of(pools, launcher, (run, plan))
    pool = await pools.find(run, plan)
    clock.go_on(100.0)
    assert await pools.find(run, plan) is not pool


def test_a_replica_says_what_it_is() -> None:
    child: Any = FakeChild(1)
    replica = Replica(child, 2, lambda _: None)
    seat = replica.seat(None)
    assert (seat.pid, seat.bare, seat.shared) == (1, 7, True)
