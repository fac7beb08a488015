"""Records that many hand in are worked on in batches, and each gets its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import localflyte as flyte
import localflyte.extras as extras
from localflyte.extras import BatchStats
from localflyte.extras import DynamicBatcher
from localflyte.extras import Prompt
from localflyte.extras import TokenBatcher
from localflyte.extras.batching import _Item

LONG = 60.0  # seconds; a batch that waits as long is one that waits for more


class Doubles:
    """Doubles numbers, batch by batch, and waits with each for as long as the test wants."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.fails = False

    async def __call__(self, batch: list[Any]) -> list[Any]:
        self.batches.append(batch)
        await self.may_go.wait()
        if self.fails:
            raise ValueError("no")
        return [2 * record for record in batch]


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await test()

    asyncio.run(bounded())


async def results(futures: list[asyncio.Future[Any]]) -> list[Any]:
    return list(await asyncio.gather(*futures))


def test_each_record_gets_its_own_result() -> None:
    async def test() -> None:
        async with DynamicBatcher(Doubles(), batch_timeout_s=0) as batcher:
            assert batcher.is_running
            assert await results(await batcher.submit_batch(range(10))) == [2 * x for x in range(10)]
            assert await (await batcher.submit("a")) == "aa"
        assert not batcher.is_running

    run(test)


@pytest.mark.parametrize(
    ("settings", "costs", "sizes"),
    [
        ({"max_batch_size": 2}, None, [2, 2, 2]),
        ({"target_batch_cost": 3}, None, [3, 3]),
        ({"target_batch_cost": 3, "default_cost": 3}, None, [1] * 6),
        ({"target_batch_cost": 3, "default_cost": 3, "min_batch_size": 3}, None, [3, 3]),
        ({"target_batch_cost": 30, "cost_estimator": lambda record: 10 * record}, None, [3, 1, 1, 1]),
        ({"target_batch_cost": 10}, [4, 4, 4, 9, 1, 10], [3, 2, 1]),
    ],
)
def test_a_batch_is_full_by_size_or_by_cost(settings: dict[str, Any], costs: list[int] | None, sizes: list[int]) -> None:
    async def test() -> None:
        work = Doubles()
        async with DynamicBatcher(work, batch_timeout_s=LONG, **settings) as batcher:
            assert await results(await batcher.submit_batch(range(6), estimated_cost=costs)) == [0, 2, 4, 6, 8, 10]
        assert [len(batch) for batch in work.batches] == sizes

    run(test)


def test_a_batch_does_not_wait_for_ever_even_if_it_is_small() -> None:
    async def test() -> None:
        async with DynamicBatcher(Doubles(), batch_timeout_s=0.001, min_batch_size=100) as batcher:
            assert await results(await batcher.submit_batch([1, 2])) == [2, 4]

    run(test)


def test_stopping_does_what_was_handed_in_and_takes_no_more() -> None:
    async def test() -> None:
        batcher: DynamicBatcher[int, int] = DynamicBatcher(Doubles(), batch_timeout_s=LONG, min_batch_size=10)
        await batcher.start()
        futures = await batcher.submit_batch([1, 2, 3])
        await batcher.stop()
        assert await results(futures) == [2, 4, 6]
        await batcher.stop()
        with pytest.raises(RuntimeError, match="DynamicBatcher is not running"):
            await batcher.submit(4)

    run(test)


def test_it_can_be_started_again_and_not_twice() -> None:
    async def test() -> None:
        batcher: DynamicBatcher[int, int] = DynamicBatcher(Doubles(), batch_timeout_s=0)
        for _ in range(2):
            async with batcher:
                with pytest.raises(RuntimeError, match="already running"):
                    await batcher.start()
                assert await (await batcher.submit(1)) == 2

    run(test)


def test_a_full_queue_makes_producers_wait() -> None:
    async def test() -> None:
        work = Doubles()
        work.may_go.clear()
        async with DynamicBatcher(work, max_batch_size=1, prefetch_batches=1, max_queue_size=2) as batcher:
            handed_in = asyncio.create_task(batcher.submit_batch(range(10)))
            for _ in range(100):
                await asyncio.sleep(0)
            # One is worked on, one is ready, one is to be, and two wait.
            assert (batcher.stats.total_submitted, handed_in.done()) == (5, False)
            work.may_go.set()
            assert await results(await handed_in) == [2 * x for x in range(10)]

    run(test)


def test_who_gets_a_place_only_behind_the_end_is_told() -> None:
    async def test() -> None:
        batcher: DynamicBatcher[int, int] = DynamicBatcher(Doubles())
        late: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        batcher._queue.put_nowait(None)
        batcher._queue.put_nowait(_Item(1, 1, late))
        await batcher.stop()
        with pytest.raises(RuntimeError, match="stopped before it took"):
            await late

    run(test)


def test_an_error_is_raised_for_every_record_of_its_batch_and_for_no_other() -> None:
    async def fussy(batch: list[int]) -> list[int]:
        if 2 in batch:
            raise ValueError("no twos")
        return batch

    async def test() -> None:
        async with DynamicBatcher(fussy, max_batch_size=2, batch_timeout_s=0) as batcher:
            first, second, third = await batcher.submit_batch([1, 2, 3])
            for future in (first, second):
                with pytest.raises(ValueError, match="no twos"):
                    await future
            assert await third == 3

    run(test)


def test_a_result_too_few_is_an_error() -> None:
    async def forgets(batch: list[int]) -> list[int]:
        return batch[1:]

    async def test() -> None:
        async with DynamicBatcher(forgets, batch_timeout_s=0) as batcher:
            (future,) = await batcher.submit_batch([1])
            with pytest.raises(ValueError, match="returned 0 results for 1 records"):
                await future

    run(test)


@pytest.mark.parametrize("fails", [False, True])
def test_who_gave_up_is_passed_over(fails: bool) -> None:
    async def test() -> None:
        work = Doubles()
        work.may_go.clear()
        work.fails = fails
        async with DynamicBatcher(work, max_batch_size=2) as batcher:
            first, second = await batcher.submit_batch([1, 2])
            first.cancel()
            work.may_go.set()
            assert (await asyncio.gather(second, return_exceptions=True))[0].__class__ is (ValueError if fails else int)

    run(test)


def test_what_it_did_is_counted() -> None:
    async def test() -> None:
        async with DynamicBatcher(Doubles(), max_batch_size=2, default_cost=5, batch_timeout_s=LONG) as batcher:
            await results(await batcher.submit_batch(range(4)))
        stats = batcher.stats
        assert (stats.total_submitted, stats.total_completed, stats.total_batches, stats.total_batch_cost) == (4, 4, 2, 20)
        assert (stats.avg_batch_size, stats.avg_batch_cost) == (2.0, 10.0)
        assert 0 <= stats.utilization <= 1

    run(test)


def test_utilization() -> None:
    assert BatchStats().utilization == 0
    assert BatchStats(busy_time_s=3, idle_time_s=1).utilization == 0.75


@dataclass
class Priced:
    """A record that knows what it costs."""

    cost: int

    def estimate_cost(self) -> int:
        return self.cost


async def same(batch: list[Any]) -> list[Any]:
    return batch


@pytest.mark.parametrize(
    ("batcher", "record", "given", "cost"),
    [
        (lambda: DynamicBatcher(same), Priced(7), {}, 7),
        (lambda: DynamicBatcher(same, cost_estimator=lambda _: 3), Priced(7), {}, 3),
        (lambda: DynamicBatcher(same, cost_estimator=lambda _: 3), Priced(7), {"estimated_cost": 2}, 2),
        (lambda: DynamicBatcher(same), Prompt("four" * 4), {}, 1),
        (lambda: TokenBatcher(same), Prompt("four" * 4), {}, 5),
        (lambda: TokenBatcher(process_fn=same), Priced(7), {}, 7),
        (lambda: TokenBatcher(same, token_estimator=lambda _: 3), Prompt("x"), {}, 3),
        (lambda: TokenBatcher(same, default_token_estimate=9), "x", {}, 9),
        (lambda: TokenBatcher(same, default_cost=8), "x", {"estimated_cost": 4}, 4),
        (lambda: TokenBatcher(same), "x", {"estimated_tokens": 6, "estimated_cost": 4}, 6),
    ],
)
def test_what_a_record_costs(batcher: Callable[[], Any], record: Any, given: dict[str, int], cost: int) -> None:
    async def test() -> None:
        async with batcher() as made:
            assert await (await made.submit(record, **given)) == record
        assert made.stats.total_batch_cost == cost

    run(test)


def test_a_token_batcher_fills_batches_by_tokens() -> None:
    async def test() -> None:
        work = Doubles()
        async with TokenBatcher(work, target_batch_tokens=20, batch_timeout_s=LONG) as batcher:
            for _ in range(4):
                await batcher.submit("x", estimated_tokens=10)
        assert [len(batch) for batch in work.batches] == [2, 2]

    run(test)


def test_a_token_batcher_needs_a_function() -> None:
    with pytest.raises(TypeError, match="requires either inference_fn or process_fn"):
        TokenBatcher()


def test_records_that_tell_their_cost() -> None:
    assert isinstance(Prompt("x"), extras.TokenEstimator)
    assert isinstance(Priced(1), extras.CostEstimator)
    assert not isinstance("x", extras.TokenEstimator)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = extras.nothing


def test_calls_in_a_warm_replica_share_batches(home: Path) -> None:
    from programs import batching

    assert flyte.run(batching.several).outputs()[0] == [batching.SIZE] * batching.SIZE
