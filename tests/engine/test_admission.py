"""The ledger gives out what there is, in the order of asking, and gets all of it back."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from localflyte.engine.admission import MOST_PASSES
from localflyte.engine.admission import Amounts
from localflyte.engine.admission import Claim
from localflyte.engine.admission import Lease
from localflyte.engine.admission import Ledger
from localflyte.engine.admission import Slots

HANGS = 60.0  # seconds that nothing here takes, unless it would never end


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(HANGS):
            await work()

    anyio.run(main)


def cores(cpu: float, **more: Any) -> Claim:
    return Claim(Amounts(cpu), **more)


def memory(size: int, cpu: float = 0.1, **more: Any) -> Claim:
    return Claim(Amounts(cpu, size), **more)


def gpus(count: int, cpu: float = 0.1, **more: Any) -> Claim:
    return Claim(Amounts(cpu, 0, count), **more)


class Line:
    """Asks for leases, each in a task of its own, and notes in which order they are given."""

    def __init__(self, ledger: Ledger, tasks: anyio.abc.TaskGroup) -> None:
        self.ledger = ledger
        self.leases: dict[str, Lease] = {}
        self._tasks = tasks

    async def ask(self, name: str, claim: Claim, caller: str | None = None) -> Lease | None:
        """:return: the lease, if it was given at once"""
        self._tasks.start_soon(self._wait, name, claim, caller)
        await anyio.wait_all_tasks_blocked()
        return self.leases.get(name)

    async def _wait(self, name: str, claim: Claim, caller: str | None) -> None:
        self.leases[name] = await self.ledger.acquire(claim, name, caller)

    async def end(self, name: str) -> list[str]:
        """:return: the names of all that have been given a lease so far, in order"""
        self.leases[name].release()
        return await self.given()

    async def given(self) -> list[str]:
        await anyio.wait_all_tasks_blocked()
        return list(self.leases)


def in_line(total: Amounts, work: Callable[[Line], Awaitable[None]], **units: Any) -> None:
    """Run a test with a ledger, and look whether it has everything back once all leases are released."""

    async def main() -> None:
        ledger = Ledger(total, **units)
        async with anyio.create_task_group() as tasks:
            line = Line(ledger, tasks)
            await work(line)
            for lease in list(line.leases.values()):
                lease.release()
            await anyio.wait_all_tasks_blocked()
            for lease in list(line.leases.values()):
                lease.release()
        assert_whole(ledger)

    run(main)


def assert_whole(ledger: Ledger) -> None:
    assert ledger.cpu == pytest.approx(ledger.total.cpu)
    assert (ledger.memory, ledger.gpus) == (ledger.total.memory, ledger.total.gpus)
    assert ledger.waiting == 0
    assert (ledger._idle_memory, ledger._idle_gpus) == (0, 0)
    assert not ledger._leases
    assert not any(ledger._core_units._load.values())
    assert not any(ledger._gpu_units._load.values())


# -- a share ------------------------------------------------------------------------------------------------------------


def test_what_fits_is_given_at_once_and_comes_back() -> None:
    async def work(line: Line) -> None:
        for name in "abcd":
            assert await line.ask(name, cores(0.5))
        assert line.ledger.cpu == 0

    in_line(Amounts(2), work)


@pytest.mark.parametrize("claim", [cores(1), memory(100), gpus(1)], ids=["cpu", "memory", "gpu"])
def test_what_does_not_fit_waits_until_it_does(claim: Claim) -> None:
    async def work(line: Line) -> None:
        first = claim._replace(amounts=Amounts(*(2 * amount for amount in claim.amounts)))
        assert await line.ask("first", first)
        assert await line.ask("second", claim) is None
        assert await line.end("first") == ["first", "second"]

    in_line(Amounts(2, 200, 2), work, gpus=("0", "1"))


def test_a_share_is_given_back_once() -> None:
    async def work(line: Line) -> None:
        lease = await line.ask("one", Claim(Amounts(1, 100)))
        assert lease is not None
        lease.release()
        lease.release()
        lease.pause()
        lease.resume()
        assert (line.ledger.cpu, line.ledger.memory) == (2, 200)

    in_line(Amounts(2, 200), work)


def test_sums_of_fractions_do_not_leave_dust() -> None:
    async def work(line: Line) -> None:
        for number in range(10):
            assert await line.ask(str(number), cores(0.1))
        for number in range(10):
            await line.end(str(number))
        assert await line.ask("whole", cores(1))

    in_line(Amounts(1), work)


# -- the order ----------------------------------------------------------------------------------------------------------


def test_a_large_request_is_not_overtaken_by_small_ones() -> None:
    async def work(line: Line) -> None:
        assert await line.ask("first", cores(1))
        assert await line.ask("large", cores(2)) is None
        assert await line.ask("small", cores(0.5)) is None
        assert await line.end("first") == ["first", "large"]
        assert await line.end("large") == ["first", "large", "small"]

    in_line(Amounts(2), work)


def test_a_task_that_takes_nothing_from_those_in_front_need_not_wait_for_them() -> None:
    """A GPU that is busy for an hour does not keep the cores idle; but those that the next one on it needs stay free."""

    async def work(line: Line) -> None:
        assert await line.ask("on the gpu", gpus(1, cpu=1))
        assert await line.ask("next on the gpu", gpus(1, cpu=1)) is None
        assert await line.ask("without", cores(1))
        assert await line.ask("too much", cores(2)) is None
        assert await line.end("on the gpu") == ["on the gpu", "without", "next on the gpu"]

    in_line(Amounts(3, 0, 1), work, gpus=("0",))


def test_a_higher_priority_goes_first() -> None:
    async def work(line: Line) -> None:
        assert await line.ask("first", cores(1))
        await line.ask("low", cores(1))
        await line.ask("high", cores(1, priority=10))
        assert await line.end("first") == ["first", "high"]

    in_line(Amounts(1), work)


def test_a_stream_of_a_higher_priority_does_not_keep_the_others_out_for_ever() -> None:
    async def work(line: Line) -> None:
        running = "first"
        assert await line.ask(running, cores(1))
        await line.ask("low", cores(1))
        passed = 0
        while "low" not in line.leases:
            await line.ask(f"high {passed}", cores(1, priority=10))
            given = await line.end(running)
            running = given[-1]
            passed += 1
        assert passed == MOST_PASSES + 1

    in_line(Amounts(1), work)


def test_a_full_queue_keeps_only_its_own_waiting() -> None:
    async def work(line: Line) -> None:
        serial = (Slots(1),)
        assert await line.ask("one", cores(1, slots=serial))
        assert await line.ask("two", cores(1, slots=serial)) is None
        assert await line.ask("other", cores(1))
        assert await line.end("one") == ["one", "other", "two"]

    in_line(Amounts(2), work)


def test_a_call_that_waits_for_its_queue_holds_nothing_of_the_machine() -> None:
    async def work(line: Line) -> None:
        serial = (Slots(1),)
        await line.ask("one", cores(0.5, slots=serial))
        await line.ask("two", cores(1, slots=serial))
        assert line.ledger.cpu == 1.5

    in_line(Amounts(2), work)


@pytest.mark.parametrize("late", [False, True])
def test_one_that_gives_up_loses_nothing_and_holds_nobody_up(late: bool) -> None:
    """Before its turn, or in the very moment in which it was given it."""

    async def work() -> None:
        ledger = Ledger(Amounts(1))
        first = await ledger.acquire(cores(1))
        got: list[Lease] = []

        async def wait() -> None:
            got.append(await ledger.acquire(cores(0.5)))

        scope = anyio.CancelScope()

        async def give_up() -> None:
            with scope:
                (await ledger.acquire(cores(1))).release()  # given in the same moment, it is ours to give back

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(give_up)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            if late:
                first.release()
                scope.cancel()
            else:
                scope.cancel()
                await anyio.wait_all_tasks_blocked()
                first.release()
        assert len(got) == 1
        got[0].release()
        assert_whole(ledger)

    run(work)


# -- a task that waits for others -----------------------------------------------------------------------------------------


def test_a_parent_lends_its_cores_while_it_waits_and_takes_them_back_at_once() -> None:
    async def work(line: Line) -> None:
        parent = await line.ask("parent", cores(1))
        assert parent is not None
        parent.pause()
        assert await line.ask("child", cores(1, depth=2), "parent")
        parent.resume()
        assert line.ledger.cpu == -1  # a debt, so that nobody waits in a circle
        await line.ask("next", cores(1))
        assert await line.end("child") == ["parent", "child"]  # it is paid first
        assert await line.end("parent") == ["parent", "child", "next"]

    in_line(Amounts(1), work)


def test_a_parent_keeps_its_memory_and_its_gpu() -> None:
    async def work(line: Line) -> None:
        parent = await line.ask("parent", Claim(Amounts(1, 100, 1)))
        assert parent is not None
        parent.pause()
        assert (line.ledger.cpu, line.ledger.memory, line.ledger.gpus) == (2, 100, 0)
        assert parent.gpus == ("7",)

    in_line(Amounts(2, 200, 1), work, gpus=("7",))


def test_a_parent_gives_its_place_in_a_queue_back() -> None:
    async def work(line: Line) -> None:
        serial = Slots(1)
        parent = await line.ask("parent", cores(1, slots=(serial,)))
        assert parent is not None
        parent.pause()
        assert await line.ask("child", cores(1, slots=(serial,), depth=2), "parent")
        await line.end("child")
        parent.resume()
        assert serial.taken == 1

    in_line(Amounts(1), work)


def test_a_place_that_is_kept_is_kept_while_its_holder_waits() -> None:
    async def work(line: Line) -> None:
        runs = (Slots(1),)
        first = await line.ask("first", cores(1, kept=runs))
        assert first is not None
        first.pause()
        assert await line.ask("second", cores(1, kept=runs)) is None
        first.resume()
        assert await line.end("first") == ["first", "second"]

    in_line(Amounts(1), work)


@pytest.mark.parametrize("claim", [memory(80), gpus(1)], ids=["memory", "gpu"])
def test_a_chain_of_calls_may_borrow_what_those_above_hold(claim: Claim) -> None:
    async def work(line: Line) -> None:
        caller = None
        for depth in range(1, 51):
            lease = await line.ask(str(depth), claim._replace(depth=depth), caller)
            assert lease is not None
            assert lease.borrowed is (depth > 1)
            assert lease.gpus == ("0",)[: claim.amounts.gpus]
            lease.pause()
            caller = str(depth)

    in_line(Amounts(1, 100, 1), work, gpus=("0",))


def test_a_call_that_no_task_waits_for_never_borrows() -> None:
    async def work(line: Line) -> None:
        parent = await line.ask("parent", memory(80))
        assert parent is not None
        parent.pause()
        assert await line.ask("other run", memory(80)) is None
        assert await line.ask("child", memory(80, depth=2), "parent")
        assert await line.end("child") == ["parent", "child"]
        parent.resume()
        assert await line.end("parent") == ["parent", "child", "other run"]

    in_line(Amounts(1, 100), work)


def test_nobody_borrows_while_waiting_helps() -> None:
    """Five parents fill the memory. Their calls do not all run on top of it: one does, so that its parent can end."""

    async def work(line: Line) -> None:
        for name in "abcde":
            parent = await line.ask(name, memory(20))
            assert parent is not None
            parent.pause()
        first = await line.ask("a1", memory(20, depth=2), "a")
        assert first is not None
        assert first.borrowed
        for name in "bcde":
            assert await line.ask(f"{name}1", memory(20, depth=2), name) is None
        line.leases["a"].resume()  # its result is there before its process is gone
        assert await line.end("a1") == [*"abcde", "a1"]
        assert await line.end("a") == [*"abcde", "a1", "b1"]
        assert not line.leases["b1"].borrowed

    in_line(Amounts(1, 100), work)


def test_what_runs_is_never_borrowed_from() -> None:
    async def work(line: Line) -> None:
        assert await line.ask("runs", memory(50))
        parent = await line.ask("parent", memory(30))
        assert parent is not None
        parent.pause()
        assert await line.ask("child", memory(70, depth=2), "parent") is None
        assert await line.end("runs") == ["runs", "parent", "child"]

    in_line(Amounts(1, 100), work)


def test_a_task_that_runs_on_for_ever_does_not_keep_a_call_from_what_its_own_parent_holds() -> None:
    async def work(line: Line) -> None:
        assert await line.ask("runs for ever", memory(5))
        parent = await line.ask("parent", memory(80))
        assert parent is not None
        parent.pause()
        child = await line.ask("child", memory(80, depth=2), "parent")
        assert child is not None
        assert child.borrowed

    in_line(Amounts(1, 100), work)


def test_the_deepest_call_borrows_first() -> None:
    async def work(line: Line) -> None:
        for name in "ab":
            parent = await line.ask(name, memory(50))
            assert parent is not None
            parent.pause()
        child = await line.ask("a1", memory(50, depth=2), "a")
        assert child is not None
        assert await line.ask("b1", memory(50, depth=2), "b") is None
        await line.ask("a11", memory(50, depth=3), "a1")
        child.pause()
        assert await line.given() == ["a", "b", "a1", "a11"]

    in_line(Amounts(1, 100), work)


def test_a_call_passes_one_in_front_that_waits_for_the_very_task_that_made_it() -> None:
    async def work(line: Line) -> None:
        parent = await line.ask("parent", gpus(1, cpu=1))
        assert parent is not None
        parent.pause()
        assert await line.ask("next on the gpu", gpus(1, cpu=1)) is None
        assert await line.ask("child", cores(1, depth=2), "parent")

    in_line(Amounts(1, 0, 1), work, gpus=("0",))


# -- cores and GPUs by name -----------------------------------------------------------------------------------------------


def test_leases_of_whole_cores_have_cores_of_their_own() -> None:
    async def work(line: Line) -> None:
        first = await line.ask("first", cores(2, pinned=True))
        second = await line.ask("second", cores(1, pinned=True))
        third = await line.ask("third", cores(0.5))
        assert first is not None
        assert second is not None
        assert third is not None
        assert (first.cores, second.cores, third.cores) == ((4, 5), (6,), ())
        await line.end("first")
        fourth = await line.ask("fourth", cores(1, pinned=True))
        assert fourth is not None
        assert fourth.cores == (4,)

    in_line(Amounts(4), work, cores=(4, 5, 6, 7))


def test_a_parent_gives_its_cores_back_and_has_the_same_ones_again() -> None:
    async def work(line: Line) -> None:
        parent = await line.ask("parent", cores(1, pinned=True))
        assert parent is not None
        parent.pause()
        child = await line.ask("child", cores(1, pinned=True, depth=2), "parent")
        assert child is not None
        parent.resume()
        assert parent.cores == child.cores == (0,)
        other = await line.ask("other", cores(1, pinned=True))
        assert other is None  # the debt
        await line.end("child")
        assert line.leases["other"].cores == (1,)

    in_line(Amounts(2), work, cores=(0, 1))


def test_leases_have_different_gpus() -> None:
    async def work(line: Line) -> None:
        first = await line.ask("first", gpus(1))
        second = await line.ask("second", gpus(2))
        assert first is not None
        assert second is not None
        assert (first.gpus, second.gpus) == (("GPU-b",), ("GPU-a", "2"))

    in_line(Amounts(1, 0, 3), work, gpus=("GPU-b", "GPU-a", "2"))


# -- whatever happens -----------------------------------------------------------------------------------------------------

TOTAL = Amounts(2, 10, 2)


@dataclass
class Node:
    """A task: what it claims, and the calls it makes, a batch at a time."""

    amounts: Amounts
    queue: int
    priority: int
    batches: list[list[Node]]
    gives_up_after: int


amounts = st.builds(Amounts, st.sampled_from([0.25, 0.5, 1, 2]), st.sampled_from([0, 0, 2, 5, 8, 10]), st.sampled_from([0, 0, 0, 1, 2]))
nodes = st.recursive(
    st.builds(Node, amounts, st.integers(0, 2), st.sampled_from([0, 0, 5]), st.just([]), st.sampled_from([0] * 6 + list(range(1, 12)))),
    lambda below: st.builds(
        Node,
        amounts,
        st.integers(0, 2),
        st.sampled_from([0, 0, 5]),
        st.lists(st.lists(below, min_size=1, max_size=4), max_size=2),
        st.sampled_from([0] * 9 + [5, 20]),
    ),
    max_leaves=25,
)


class Simulation:
    """Carries trees of tasks out on a ledger, and looks at every lease that is given whether it may be."""

    def __init__(self) -> None:
        self.ledger = Ledger(TOTAL, cores=(0, 1), gpus=("0", "1"))
        self.queues = ((), (Slots(1),), (Slots(2),))
        self.runs = Slots(2)
        self.leases: set[Lease] = set()

    async def root(self, node: Node) -> None:
        await self.work(node, None, 1)

    async def work(self, node: Node, caller: Node | None, depth: int) -> None:
        kept = (self.runs,) if depth == 1 and node.queue else ()
        pinned = node.amounts.cpu >= 1
        claim = Claim(node.amounts, self.queues[node.queue], kept, node.priority, depth, pinned)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as watch:
                if node.gives_up_after:
                    watch.start_soon(self.give_up, scope, node.gives_up_after)
                lease = await self.ledger.acquire(claim, id(node), id(caller) if caller else None)
                self.check(lease)
                self.leases.add(lease)
                try:
                    await checkpoint()
                    for batch in node.batches:
                        lease.pause()
                        try:
                            async with anyio.create_task_group() as tasks:
                                for child in batch:
                                    tasks.start_soon(self.work, child, node, depth + 1)
                        finally:
                            lease.resume()
                        await checkpoint()
                finally:
                    self.leases.discard(lease)
                    lease.release()
                watch.cancel_scope.cancel()

    @staticmethod
    async def give_up(scope: anyio.CancelScope, after: int) -> None:
        for _ in range(after):
            await checkpoint()
        scope.cancel()

    def check(self, lease: Lease) -> None:
        claim = lease.claim
        assert not lease.borrowed or claim.depth > 1
        assert len(set(lease.gpus)) == claim.amounts.gpus
        assert len(set(lease.cores)) == (claim.amounts.cpu if claim.pinned else 0)


@settings(max_examples=150, deadline=None)
@given(st.lists(nodes, min_size=1, max_size=8))
def test_every_tree_of_calls_comes_to_its_end_and_everything_comes_back(roots: list[Node]) -> None:
    """Whatever tasks ask for, hold while they wait and give up, nobody waits for ever, and nothing is lost or made."""
    simulation = Simulation()

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            for root in roots:
                tasks.start_soon(simulation.root, root)

    run(work)
    assert_whole(simulation.ledger)
    assert [slots.taken for slots in (simulation.runs, *simulation.queues[1], *simulation.queues[2])] == [0, 0, 0]


class Watched(Ledger):
    """Looks at everything just before a lease is given."""

    def _grant(self, claim: Claim, owner: object, above: Lease | None, borrowed: bool = False) -> Lease:
        want = claim.amounts
        assert want.cpu <= self.cpu + 1e-9
        assert all(slots.taken < slots.limit for slots in (*claim.slots, *claim.kept))
        if borrowed:
            running = [lease.claim.amounts for lease in self._leases.values() if not lease.is_idle]
            assert not want.memory or sum(other.memory for other in running) + want.memory <= self.total.memory
            assert not want.gpus or sum(other.gpus for other in running) + want.gpus <= self.total.gpus
        else:
            assert not want.memory or want.memory <= self.memory
            assert not want.gpus or want.gpus <= self.gpus
        return super()._grant(claim, owner, above, borrowed)


@settings(max_examples=150, deadline=None)
@given(st.lists(nodes, min_size=1, max_size=8))
def test_no_lease_is_given_over_the_budget(roots: list[Node]) -> None:
    """Only resuming overdraws, and borrowing, which never takes from a task that runs."""
    simulation = Simulation()
    simulation.ledger = Watched(TOTAL, cores=(0, 1), gpus=("0", "1"))

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            for root in roots:
                tasks.start_soon(simulation.root, root)

    run(work)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(amounts, st.sampled_from([0, 5])), min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_whoever_came_earlier_is_overtaken_only_by_a_priority_or_by_one_that_takes_nothing_from_it(
    asked: list[tuple[Amounts, int]], chance: Any
) -> None:
    async def work() -> None:
        ledger = Ledger(TOTAL, cores=(0, 1), gpus=("0", "1"))
        waiting: dict[int, Claim] = {}
        leases: dict[int, Lease] = {}

        async def ask(number: int, claim: Claim) -> None:
            waiting[number] = claim
            lease = await ledger.acquire(claim)
            del waiting[number]
            leases[number] = lease

        async def look() -> None:
            """Let go on what can, and look at those that were given a lease: what they passed could still have its own."""
            before = set(leases)
            await anyio.wait_all_tasks_blocked()
            new = {number: leases[number].claim for number in leases if number not in before}
            free = (ledger.cpu, ledger.memory, ledger.gpus)
            for number, mine in new.items():
                # Of those with equal claims the first is the one that is looked after.
                passed = {claim.amounts for other, claim in waiting.items() if other < number and claim.priority >= mine.priority}
                for dimension in range(3):
                    if mine.amounts[dimension]:
                        assert free[dimension] >= sum(claim[dimension] for claim in passed) - 1e-9

        async with anyio.create_task_group() as tasks:
            for number, (wanted, priority) in enumerate(asked):
                tasks.start_soon(ask, number, Claim(wanted, priority=priority))
                await look()
            while leases:
                leases.pop(chance.choice(sorted(leases))).release()
                await look()
        assert_whole(ledger)

    run(work)
