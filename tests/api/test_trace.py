"""flyte.trace: plain outside of a task, recorded inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Iterator
from typing import Any

import pytest

from localflyte.api.context import ctx
from localflyte.api.context import in_trace
from localflyte.api.environment import TaskEnvironment
from localflyte.api.trace import trace
from localflyte.errors import RuntimeDataValidationError
from localflyte.errors import TraceDoesNotAllowNestedTasksError
from localflyte.spec.packed import Packed
from localflyte.types.interface import Interface
from tests.api.conftest import FakePort

env = TaskEnvironment("env")


@env.task
def child(x: int) -> int:
    return x


@env.task
async def later(x: int) -> int:
    return x


@trace
def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


@trace
async def double_later(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


@trace
def count(until: int) -> Iterator[int]:
    yield from range(until)


@trace
async def count_later(until: int) -> AsyncIterator[int]:
    for number in range(until):
        await asyncio.sleep(0)
        yield number


@trace
def free(x, y=2):  # type: ignore[no-untyped-def]
    return [x, y]


@trace
def fail(message: str) -> None:
    raise KeyError(message)


async def collect(items: Any) -> list[Any]:
    return [item async for item in items]


CALLS = {
    "sync": (lambda: double(2), 4),
    "async": (lambda: asyncio.run(double_later(2)), 4),  # type: ignore[arg-type]
    "generator": (lambda: list(count(3)), [0, 1, 2]),
    "async generator": (lambda: asyncio.run(collect(count_later(3))), [0, 1, 2]),
}


@pytest.mark.parametrize(("call", "result"), CALLS.values(), ids=CALLS)
class TestEveryKind:
    def test_outside_it_is_the_plain_function(self, call: Any, result: Any) -> None:
        assert call() == result

    def test_inside_it_is_recorded(self, port: FakePort, call: Any, result: Any) -> None:
        assert call() == result
        ((kind, record),) = port.told
        assert kind == "trace"
        assert (record["parent"], record["error"]) == ("a0", None)
        assert record["seconds"] >= 0
        shape = list[int] if isinstance(result, list) else int
        outputs = Interface.from_function(returning(shape), task="t").decode_outputs([Packed(*each) for each in record["outputs"]])
        assert outputs == result


def returning(shape: Any) -> Any:
    def function() -> Any: ...

    function.__annotations__["return"] = shape
    return function


class TestInside:
    def test_the_body_runs_under_an_action_of_its_own(self, port: FakePort) -> None:
        seen: list[Any] = []

        @trace
        def look() -> None:
            seen.append((ctx().action.name, ctx().task_action.name, in_trace()))  # type: ignore[union-attr]

        look()
        name, task, inside = seen[0]
        assert name != "a0"
        assert (task, inside) == ("a0", True)
        assert ctx().action.name == "a0"
        assert port.told[0][1]["action"] == name

    def test_equal_calls_have_different_names(self, port: FakePort) -> None:
        double(1)
        double(1)
        double(2)
        assert len({record["action"] for _, record in port.told}) == 3

    def test_inputs_are_told_by_digest(self, port: FakePort) -> None:
        double(1)
        double(x=1)
        double(2)
        first, second, third = (record["inputs"] for _, record in port.told)
        assert first == second != third

    def test_an_error_is_recorded_and_raised_as_it_is(self, port: FakePort) -> None:
        with pytest.raises(KeyError, match="lost"):
            fail("lost")
        assert port.told[0][1]["error"] == {"code": "KeyError", "message": "'lost'"}

    def test_a_task_cannot_be_called(self, port: FakePort) -> None:
        @trace
        def nested(x: int) -> int:
            return child(x)

        with pytest.raises(TraceDoesNotAllowNestedTasksError, match="env.child"):
            nested(1)

    @pytest.mark.parametrize("task", [child, later])
    def test_an_async_task_cannot_be_called_either(self, port: FakePort, task: Any) -> None:
        @trace
        async def nested(x: int) -> int:
            return await task.aio(x)

        @trace
        async def awaiting(x: int) -> int:
            return await later(x)

        for each in (nested, awaiting):
            with pytest.raises(TraceDoesNotAllowNestedTasksError, match=r"env\.(child|later)"):
                asyncio.run(each(1))

    def test_the_plain_function_of_a_task_can_be_called(self, port: FakePort) -> None:
        @trace
        def nested(x: int) -> int:
            return child.forward(x)

        assert nested(1) == 1

    def test_the_consumer_of_a_generator_is_outside_of_the_trace(self, port: FakePort) -> None:
        async def consume() -> list[bool]:
            return [in_trace() async for _ in count_later(2)]

        assert [in_trace() for _ in count(2)] == [False, False]
        assert asyncio.run(consume()) == [False, False]

    def test_a_generator_that_is_left_early_is_recorded(self, port: FakePort) -> None:
        items: Any = count(5)
        next(items)
        items.close()
        assert port.told[0][1]["error"]["code"] == "GeneratorExit"

    def test_no_annotations_are_needed(self, port: FakePort) -> None:
        assert free(object) == [object, 2]
        assert len(port.told) == 1

    def test_a_result_of_the_wrong_type_is_refused(self, port: FakePort) -> None:
        @trace
        def wrong() -> int:
            return "text"  # type: ignore[return-value]

        with pytest.raises(RuntimeDataValidationError):
            wrong()

    def test_a_trace_in_a_trace_belongs_to_the_task(self, port: FakePort) -> None:
        @trace
        def outer(x: int) -> int:
            return double(x)

        assert outer(2) == 4
        assert [record["parent"] for _, record in port.told] == ["a0", "a0"]
        assert [record["name"] for _, record in port.told] == ["double", "outer"]


def test_it_keeps_the_functions_name() -> None:
    assert (double.__name__, double.__doc__) == ("double", "Twice as much.")


def test_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="takes a function and no arguments"):
        trace("name")  # type: ignore[arg-type]
