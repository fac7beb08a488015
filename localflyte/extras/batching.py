"""Batching: many producers hand in single records, one function works on many of them at once, and each producer gets its own result.

    submit ---> queue ---> fill: until it costs enough, is large enough, or time is up ---> batches ---> process ---> the futures

Filling and processing are two asyncio tasks, so that the next batch is ready when the last one is done.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from typing import Generic
from typing import NamedTuple
from typing import Protocol
from typing import Self
from typing import TypeVar
from typing import runtime_checkable

__all__ = (
    "BatchStats",
    "CostEstimator",
    "CostEstimatorFn",
    "DynamicBatcher",
    "InferenceFn",
    "ProcessFn",
    "Prompt",
    "TokenBatcher",
    "TokenEstimator",
    "TokenEstimatorFn",
)

TARGET_COST = 32_000

RecordT = TypeVar("RecordT")
ResultT = TypeVar("ResultT")

ProcessFn = Callable[[list[RecordT]], Awaitable[list[ResultT]]]
"""Works on a batch and gives a result for each record, in the same order."""
InferenceFn = ProcessFn[RecordT, ResultT]
CostEstimatorFn = Callable[[RecordT], int]
TokenEstimatorFn = CostEstimatorFn[RecordT]


@runtime_checkable
class CostEstimator(Protocol):
    """A record that knows what it costs."""

    def estimate_cost(self) -> int:
        """:return: the cost"""
        ...


@runtime_checkable
class TokenEstimator(Protocol):
    """A record that knows how many tokens it is."""

    def estimate_tokens(self) -> int:
        """:return: the tokens"""
        ...


@dataclass
class Prompt:
    """A text for a model."""

    text: str

    def estimate_tokens(self) -> int:
        """:return: about how many tokens it is: one for four characters"""
        return len(self.text) // 4 + 1


@dataclass
class BatchStats:
    """What a batcher has done so far."""

    total_submitted: int = 0
    total_completed: int = 0
    total_batches: int = 0
    total_batch_cost: int = 0
    avg_batch_size: float = 0.0
    avg_batch_cost: float = 0.0
    busy_time_s: float = 0.0
    idle_time_s: float = 0.0

    @property
    def utilization(self) -> float:
        """The part of its time that was spent in the function, from 0 to 1."""
        total = self.busy_time_s + self.idle_time_s
        return self.busy_time_s / total if total else 0.0

    def add_batch(self, size: int, cost: int, seconds: float) -> None:
        """Count a batch that is done."""
        self.total_batches += 1
        self.total_completed += size
        self.total_batch_cost += cost
        self.avg_batch_size = self.total_completed / self.total_batches
        self.avg_batch_cost = self.total_batch_cost / self.total_batches
        self.busy_time_s += seconds


class _Item(NamedTuple):
    record: Any
    cost: int
    future: asyncio.Future[Any]


class DynamicBatcher(Generic[RecordT, ResultT]):
    """Makes batches of single records: ``async with DynamicBatcher(process) as batcher: future = await batcher.submit(record)``.

    :param process_fn: works on a batch and gives a result for each record, in the same order
    :param cost_estimator: what a record costs; by default its ``estimate_cost()`` says so, or it costs `default_cost`
    :param target_batch_cost: a batch that costs as much is full
    :param max_batch_size: a batch of so many records is full
    :param min_batch_size: a smaller batch is not full whatever it costs, and is worked on when its time is up
    :param batch_timeout_s: how long a batch waits for more records after its first
    :param max_queue_size: how many records may wait; `submit` waits for a place
    :param prefetch_batches: how many batches are made ready while one is worked on
    """

    def __init__(
        self,
        process_fn: ProcessFn[RecordT, ResultT],
        *,
        cost_estimator: CostEstimatorFn[RecordT] | None = None,
        target_batch_cost: int = TARGET_COST,
        max_batch_size: int = 256,
        min_batch_size: int = 1,
        batch_timeout_s: float = 0.05,
        max_queue_size: int = 5_000,
        prefetch_batches: int = 2,
        default_cost: int = 1,
    ) -> None:
        self._process_fn = process_fn
        self._cost_estimator = cost_estimator
        self._target_cost = target_batch_cost
        self._max_size = max_batch_size
        self._min_size = min_batch_size
        self._timeout = batch_timeout_s
        self._default_cost = default_cost
        self._stats = BatchStats()
        # None ends each of them.
        self._queue: asyncio.Queue[_Item | None] = asyncio.Queue(max_queue_size)
        self._batches: asyncio.Queue[list[_Item] | None] = asyncio.Queue(prefetch_batches)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def stats(self) -> BatchStats:
        """What it has done so far."""
        return self._stats

    @property
    def is_running(self) -> bool:
        """Whether it takes records."""
        return bool(self._tasks)

    async def start(self) -> None:
        """Begin to take records.

        :raises RuntimeError: if it has begun already
        """
        if self._tasks:
            raise RuntimeError(f"{type(self).__name__} is already running")
        self._tasks = [asyncio.create_task(self._fill()), asyncio.create_task(self._process())]

    async def stop(self) -> None:
        """Take no more records, and wait until all that were taken are done."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            await self._queue.put(None)
            await asyncio.gather(*tasks)
        while not self._queue.empty():  # who waited for a place all the time may have got one behind the end
            item = self._queue.get_nowait()
            if item is not None:
                _fail([item], RuntimeError(f"{type(self).__name__} was stopped before it took this record"))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await self.stop()

    async def submit(self, record: RecordT, *, estimated_cost: int | None = None) -> asyncio.Future[ResultT]:
        """Hand a record in; waits while the queue is full.

        :param estimated_cost: what it costs, if the caller knows
        :return: gives its result when its batch is done
        :raises RuntimeError: if the batcher is not running
        """
        if not self._tasks:
            raise RuntimeError(f"{type(self).__name__} is not running: call start(), or use 'async with'")
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Item(record, self._cost(record) if estimated_cost is None else estimated_cost, future))
        self._stats.total_submitted += 1
        return future

    async def submit_batch(
        self, records: Iterable[RecordT], *, estimated_cost: Sequence[int] | None = None
    ) -> list[asyncio.Future[ResultT]]:
        """Hand several records in, one after the other.

        :param estimated_cost: what each costs
        """
        records = list(records)
        costs: Sequence[int | None] = [None] * len(records) if estimated_cost is None else estimated_cost
        return [await self.submit(record, estimated_cost=cost) for record, cost in zip(records, costs, strict=True)]

    def _cost(self, record: Any) -> int:
        if self._cost_estimator is not None:
            return self._cost_estimator(record)
        return record.estimate_cost() if isinstance(record, CostEstimator) else self._default_cost

    # -- the two tasks ------------------------------------------------------------------------------------------

    async def _fill(self) -> None:
        """Make batches of what is handed in, until the end of it."""
        item = await self._queue.get()
        while item is not None:
            batch = [item]
            try:
                async with asyncio.timeout(self._timeout):
                    while item is not None and not self._is_full(batch):
                        item = await self._queue.get()
                        if item is not None:
                            batch.append(item)
            except TimeoutError:
                pass  # it is as large as it gets
            await self._batches.put(batch)
            if item is not None:
                item = await self._queue.get()
        await self._batches.put(None)

    def _is_full(self, batch: list[_Item]) -> bool:
        enough = len(batch) >= self._min_size and sum(item.cost for item in batch) >= self._target_cost
        return enough or len(batch) >= self._max_size

    async def _process(self) -> None:
        """Work on one batch after the other, until the end of them."""
        while True:
            began = time.monotonic()
            batch = await self._batches.get()
            self._stats.idle_time_s += time.monotonic() - began
            if batch is None:
                return
            began = time.monotonic()
            await self._work_on(batch)
            self._stats.add_batch(len(batch), sum(item.cost for item in batch), time.monotonic() - began)

    async def _work_on(self, batch: list[_Item]) -> None:
        try:
            results = await self._process_fn([item.record for item in batch])
            if len(results) != len(batch):
                raise ValueError(f"the function of a {type(self).__name__} returned {len(results)} results for {len(batch)} records")
        except Exception as error:  # noqa: BLE001 - it is raised again where each of the results is waited for
            _fail(batch, error)
            return
        for item, result in zip(batch, results, strict=True):
            if not item.future.done():  # else nobody waits for it any more
                item.future.set_result(result)


class TokenBatcher(DynamicBatcher[RecordT, ResultT]):
    """A `DynamicBatcher` whose costs are tokens; each parameter may have either name.

    :raises TypeError: if there is no function
    """

    def __init__(
        self,
        inference_fn: InferenceFn[RecordT, ResultT] | None = None,
        *,
        process_fn: ProcessFn[RecordT, ResultT] | None = None,
        token_estimator: TokenEstimatorFn[RecordT] | None = None,
        cost_estimator: CostEstimatorFn[RecordT] | None = None,
        target_batch_tokens: int | None = None,
        target_batch_cost: int = TARGET_COST,
        default_token_estimate: int | None = None,
        default_cost: int = 1,
        **settings: Any,
    ) -> None:
        function = inference_fn or process_fn
        if function is None:
            raise TypeError("TokenBatcher requires either inference_fn or process_fn: the function that works on a batch")
        super().__init__(
            function,
            cost_estimator=token_estimator or cost_estimator,
            target_batch_cost=target_batch_cost if target_batch_tokens is None else target_batch_tokens,
            default_cost=default_cost if default_token_estimate is None else default_token_estimate,
            **settings,
        )

    async def submit(
        self, record: RecordT, *, estimated_tokens: int | None = None, estimated_cost: int | None = None
    ) -> asyncio.Future[ResultT]:
        """As `DynamicBatcher.submit`.

        :param estimated_tokens: how many tokens the record is, if the caller knows
        """
        return await super().submit(record, estimated_cost=estimated_cost if estimated_tokens is None else estimated_tokens)

    def _cost(self, record: Any) -> int:
        if self._cost_estimator is None and isinstance(record, TokenEstimator):
            return record.estimate_tokens()
        return super()._cost(record)


def _fail(batch: Iterable[_Item], error: Exception) -> None:
    for item in batch:
        if not item.future.done():
            item.future.set_exception(error)
