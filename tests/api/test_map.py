"""flyte.map: order, concurrency, groups, failures, partials, and ending early."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from localflyte.api.environment import TaskEnvironment
from localflyte.api.map import map as flyte_map
from localflyte.errors import RuntimeUserError
from tests.api.conftest import FakePort

env = TaskEnvironment("env")


@env.task
def double(x: int) -> int:
    if x < 0:
        raise ValueError("negative")
    return 2 * x


@env.task
async def add(x: int, y: int) -> int:
    await asyncio.sleep(0)
    return x + y


async def collect(items: Any) -> list[Any]:
    return [item async for item in items]


def test_defaults_are_those_of_flyte() -> None:
    parameters = inspect.signature(flyte_map.__call__).parameters
    assert [parameters[name].default for name in ("group_name", "concurrency", "return_exceptions")] == [None, 0, True]


class TestOutside:
    """Outside of a task the calls are plain ones, one by one."""

    def test_results_in_order(self) -> None:
        assert list(flyte_map(double, range(3))) == [0, 2, 4]
        assert list(flyte_map(add, [1, 2], [3, 4, 5])) == [4, 6]

    def test_aio(self) -> None:
        assert asyncio.run(collect(flyte_map.aio(double, range(3)))) == [0, 2, 4]
        assert asyncio.run(collect(flyte_map.aio(add, [1], [2]))) == [3]

    def test_failures_are_values_unless_they_are_raised(self) -> None:
        results = list(flyte_map(double, [1, -1, 2]))
        assert results[::2] == [2, 4]
        assert isinstance(results[1], ValueError)
        with pytest.raises(ValueError, match="negative"):
            list(flyte_map(double, [-1], return_exceptions=False))
        with pytest.raises(ValueError, match="negative"):
            asyncio.run(collect(flyte_map.aio(double, [-1], return_exceptions=False)))
        assert isinstance(asyncio.run(collect(flyte_map.aio(double, [-1])))[0], ValueError)

    def test_no_iterables_give_nothing(self) -> None:
        assert list(flyte_map(double)) == []


class TestInside:
    def test_results_in_order(self, port: FakePort) -> None:
        assert list(flyte_map(double, range(20))) == [2 * number for number in range(20)]
        assert asyncio.run(collect(flyte_map.aio(add, range(5), range(5)))) == [0, 2, 4, 6, 8]

    def test_an_async_task_can_iterate_synchronously(self, port: FakePort) -> None:
        async def run() -> list[Any]:
            return list(flyte_map(double, range(3)))

        assert asyncio.run(run()) == [0, 2, 4]

    def test_without_a_bound_all_run_at_a_time(self, port: FakePort) -> None:
        assert len(list(flyte_map(double, range(50)))) == 50
        assert port.most_running == 50

    def test_a_bound_holds_and_is_used(self, port: FakePort) -> None:
        assert len(list(flyte_map(double, range(50), concurrency=7))) == 50
        assert port.most_running == 7

    def test_no_more_than_a_thousand_run_at_a_time(self, port: FakePort) -> None:
        assert len(list(flyte_map(double, range(1500), concurrency=5000))) == 1500
        assert port.most_running == 1000

    def test_the_next_call_starts_whoever_ends_first(self, port: FakePort) -> None:
        """A slow first call does not keep the others from starting."""

        async def run() -> int:
            slow = asyncio.Event()

            async def wait_for_all(x: int) -> int:
                if x == 0:
                    await slow.wait()
                elif x == 9:
                    slow.set()
                return x

            waiting = TaskEnvironment("waiting").task(wait_for_all)
            port.tasks[waiting.name] = waiting
            return len([item async for item in flyte_map.aio(waiting, range(10), concurrency=2)])

        assert asyncio.run(run()) == 10

    def test_inputs_are_taken_as_there_is_room(self, port: FakePort) -> None:
        taken: list[int] = []

        def numbers() -> Iterator[int]:
            for number in range(100):
                taken.append(number)
                yield number

        items = flyte_map(double, numbers(), concurrency=3)
        next(items)
        assert len(taken) < 10
        items.close()  # type: ignore[attr-defined]

    def test_the_group_is_named(self, port: FakePort) -> None:
        list(flyte_map(double, [1]))
        list(flyte_map(double, [1], group_name="mine"))
        assert [call.group for call in port.calls] == ["env.double_map", "env.double_mine"]

    def test_the_group_is_not_the_consumers(self, port: FakePort) -> None:
        async def run() -> None:
            async for _ in flyte_map.aio(double, [1, 2]):
                await double.aio(5)

        asyncio.run(run())
        assert {call.group for call in port.calls} == {"env.double_map", ""}

    def test_failures_are_values(self, port: FakePort) -> None:
        results = list(flyte_map(double, [1, -1, 2]))
        assert (results[0], results[2]) == (2, 4)
        assert isinstance(results[1], RuntimeUserError)
        assert results[1].code == "ValueError"

    def test_a_sum_raises_the_tasks_error(self, port: FakePort) -> None:
        with pytest.raises(RuntimeUserError, match="negative"):
            sum(flyte_map(double, [1, -1]))  # type: ignore[arg-type]

    def test_the_first_failure_in_order_ends_the_rest(self, port: FakePort) -> None:
        async def run() -> None:
            gate = asyncio.Event()

            async def wait(x: int) -> int:
                if x == 1:
                    raise KeyError("first")
                await gate.wait()
                return x

            waiting = TaskEnvironment("waiting").task(wait)
            port.tasks[waiting.name] = waiting
            await collect(flyte_map.aio(waiting, [1, 2, 3], return_exceptions=False))

        with pytest.raises(RuntimeUserError, match="first"):
            asyncio.run(run())
        assert port.cancelled == ["waiting.wait"] * 2
        assert port.running == 0

    @pytest.mark.parametrize("kind", ["sync", "async"])
    def test_ending_early_ends_the_calls(self, port: FakePort, kind: str) -> None:
        def wait(x: int) -> int:
            return x

        async def stall(x: int) -> int:
            if x:
                await asyncio.Event().wait()
            return x

        waiting = TaskEnvironment("waiting").task(stall)
        port.tasks[waiting.name] = waiting

        async def run() -> None:
            items: Any = flyte_map.aio(waiting, range(4))
            assert await anext(items) == 0
            await items.aclose()

        if kind == "async":
            asyncio.run(run())
        else:
            items: Any = flyte_map(waiting, range(4))
            assert next(items) == 0
            items.close()
        assert len(port.cancelled) == 3
        assert port.running == 0

    def test_an_iterable_that_fails_raises_in_its_place(self, port: FakePort) -> None:
        def numbers() -> Iterator[int]:
            yield 1
            raise OSError("no more")

        items = flyte_map(double, numbers(), return_exceptions=False)
        assert next(items) == 2
        with pytest.raises(OSError, match="no more"):
            next(items)


class TestPartial:
    def test_the_mapped_value_follows_what_is_bound_by_position(self) -> None:
        assert list(flyte_map(functools.partial(add, 10), [1, 2])) == [11, 12]

    def test_the_mapped_value_comes_before_what_is_bound_by_keyword(self) -> None:
        assert list(flyte_map(functools.partial(add, y=10), [1, 2])) == [11, 12]

    def test_inside_a_task(self, port: FakePort) -> None:
        assert list(flyte_map(functools.partial(add, y=10), [1, 2])) == [11, 12]

    @pytest.mark.parametrize(
        ("partial", "message"),
        [
            (functools.partial(add), "leaves 2"),
            (functools.partial(add, 1, 2), "leaves 0"),
            (functools.partial(add, 1, x=2), "binds x by position and by keyword"),
            (functools.partial(add, x=1), "the free one is 'y'"),
        ],
    )
    def test_exactly_one_parameter_must_be_free(self, partial: Any, message: str) -> None:
        with pytest.raises(TypeError, match=message):
            flyte_map(partial, [1])


class TestRefused:
    def test_a_plain_function(self) -> None:
        with pytest.raises(TypeError, match="calls tasks, and 'len' is none"):
            flyte_map(len, [1])  # type: ignore[call-overload]

    def test_a_partial_of_a_plain_function(self) -> None:
        with pytest.raises(TypeError, match="calls tasks"):
            flyte_map.aio(functools.partial(len), [1])

    def test_a_negative_concurrency(self) -> None:
        with pytest.raises(ValueError, match="concurrency must be 0"):
            flyte_map(double, [1], concurrency=-1)
