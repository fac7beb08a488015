"""The ledger gives out what there is, in the order of asking, and gets all of it back."""

from __future__ import annotations

from collections.abc import Awaitable
from collections.abc import Callable

import anyio
import pytest

from localflyte.engine.admission import Lease
from localflyte.engine.admission import Ledger


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        with anyio.fail_after(10):
            await work()

    anyio.run(main)


def test_what_fits_is_given_at_once_and_comes_back() -> None:
    async def work() -> None:
        ledger = Ledger(2)
        leases = [await ledger.acquire(0.5) for _ in range(4)]
        assert ledger.free == 0
        for lease in leases:
            lease.release()
        assert ledger.free == 2

    run(work)


def test_a_share_is_given_back_once() -> None:
    async def work() -> None:
        ledger = Ledger(2)
        lease = await ledger.acquire(1)
        lease.release()
        lease.release()
        lease.pause()
        lease.resume()
        assert ledger.free == 2

    run(work)


def test_more_than_there_is_is_cut_to_all_there_is() -> None:
    async def work() -> None:
        ledger = Ledger(2)
        lease = await ledger.acquire(64)
        assert (lease.cpu, ledger.free) == (2, 0)
        lease.release()

    run(work)


def test_a_large_request_is_not_overtaken_by_small_ones() -> None:
    order: list[str] = []

    async def work() -> None:
        ledger = Ledger(2)
        first = await ledger.acquire(1)

        async def ask(name: str, cpu: float) -> None:
            lease = await ledger.acquire(cpu)
            order.append(name)
            lease.release()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "large", 2)
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask, "small", 0.5)
            await anyio.wait_all_tasks_blocked()
            assert order == []
            first.release()
        assert ledger.free == 2

    run(work)
    assert order == ["large", "small"]


@pytest.mark.parametrize("late", [False, True])
def test_one_that_gives_up_loses_nothing_and_holds_nobody_up(late: bool) -> None:
    """Before its turn, or in the very moment in which it was given it."""

    async def work() -> None:
        ledger = Ledger(1)
        first = await ledger.acquire(1)
        got: list[Lease] = []

        async def wait() -> None:
            got.append(await ledger.acquire(0.5))

        scope = anyio.CancelScope()

        async def give_up() -> None:
            with scope:
                (await ledger.acquire(1)).release()  # given in the same moment, it is ours to give back

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
        assert ledger.free == 1

    run(work)


def test_a_parent_lends_its_share_while_it_waits_and_takes_it_back_at_once() -> None:
    async def work() -> None:
        ledger = Ledger(1)
        parent = await ledger.acquire(1)
        parent.pause()
        child = await ledger.acquire(1)
        parent.resume()
        assert ledger.free == -1  # a debt, so that nobody waits in a circle
        child.release()
        assert ledger.free == 0
        parent.release()
        assert ledger.free == 1

    run(work)


def test_sums_of_fractions_do_not_leave_dust() -> None:
    async def work() -> None:
        ledger = Ledger(1)
        leases = [await ledger.acquire(0.1) for _ in range(10)]
        for lease in leases:
            lease.release()
        (await ledger.acquire(1)).release()

    run(work)
