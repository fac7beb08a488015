"""flyte.syncify: both forms of a function."""

from __future__ import annotations

import asyncio
import contextvars
import pickle
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest

from localflyte.syncify import syncify


@syncify
async def double(number: int) -> int:
    await asyncio.sleep(0)
    return number * 2


@syncify
async def count(up_to: int) -> AsyncIterator[int]:
    for number in range(up_to):
        yield number


class Counter:
    total = 1

    @syncify
    async def plus(self, number: int) -> int:
        return self.total + number

    @syncify
    @classmethod
    async def of_class(cls) -> str:
        return cls.__name__

    @syncify
    @staticmethod
    async def alone(number: int) -> int:
        return number


def test_blocking_form() -> None:
    assert double(3) == 6


def test_awaited_form() -> None:
    assert asyncio.run(double.aio(3)) == 6


def test_blocking_form_inside_a_running_loop() -> None:
    async def main() -> int:
        return double(4)

    assert asyncio.run(main()) == 8


def test_generator() -> None:
    assert list(count(3)) == [0, 1, 2]


class Countdown(AsyncIterator[int]):
    def __init__(self, start: int) -> None:
        self.left = start

    async def __anext__(self) -> int:
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return self.left


@syncify
async def count_down(start: int) -> AsyncIterator[int]:
    await asyncio.sleep(0)
    return Countdown(start)


def test_a_coroutine_that_gives_an_iterator() -> None:
    async def main() -> list[int]:
        return [number async for number in await count_down.aio(3)]

    assert list(count_down(3)) == asyncio.run(main()) == [2, 1, 0]


def test_a_global_is_pickled_by_its_name() -> None:
    import cloudpickle

    assert pickle.loads(pickle.dumps(double)) is double
    assert cloudpickle.loads(cloudpickle.dumps(lambda: double))() is double


def test_what_no_name_reaches_is_pickled_by_value() -> None:
    import cloudpickle

    @syncify
    async def treble(number: int) -> int:
        return number * 3

    assert cloudpickle.loads(cloudpickle.dumps(treble))(2) == 6
    assert pickle.loads(pickle.dumps(Counter.of_class))() == "Counter"


def test_async_generator() -> None:
    async def main() -> list[int]:
        return [number async for number in count.aio(3)]

    assert asyncio.run(main()) == [0, 1, 2]


def test_methods() -> None:
    assert (Counter().plus(2), Counter.of_class(), Counter.alone(5)) == (3, "Counter", 5)


def test_name_and_documentation_stay() -> None:
    assert double.__name__ == "double"


def test_errors_come_through() -> None:
    @syncify
    async def fail() -> None:
        raise KeyError("k")

    with pytest.raises(KeyError):
        fail()


def test_errors_of_a_generator_come_behind_its_items() -> None:
    @syncify
    async def breaks() -> AsyncIterator[int]:
        yield 1
        raise KeyError("k")

    async def main() -> None:
        items = breaks.aio()
        seen.append(await anext(items))
        await anext(items)

    seen: list[int] = []
    items = breaks()
    seen.append(next(items))
    with pytest.raises(KeyError):
        next(items)
    with pytest.raises(KeyError):
        asyncio.run(main())
    assert seen == [1, 1]


def test_a_traceback_shows_who_called_and_the_function_and_no_loop() -> None:
    @syncify
    async def fail() -> None:
        raise KeyError("k")

    @syncify
    async def breaks() -> AsyncIterator[int]:
        yield 1
        raise KeyError("k")

    async def inside() -> None:
        fail()

    for call, shown in (
        (fail, ["fail"]),
        (lambda: list(breaks()), ["<lambda>", "breaks"]),
        (lambda: asyncio.run(inside()), ["inside", "fail"]),
    ):
        with pytest.raises(KeyError) as caught:
            call()  # type: ignore[operator]
        frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert frames[-len(shown) :] == shown
        assert "run_blocking" not in frames


def test_context_variables_go_in_and_not_out() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    @syncify
    async def change() -> str:
        before = variable.get()
        variable.set("changed")
        return before

    async def main() -> list[str]:
        variable.set("inside")
        return [await change.aio(), variable.get(), change(), variable.get()]

    token = variable.set("given")
    try:
        assert [change(), variable.get()] == ["given", "given"]
        assert asyncio.run(main()) == ["inside"] * 4
    finally:
        variable.reset(token)


def test_a_generator_sees_the_context_of_who_goes_through_it() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    @syncify
    async def several() -> AsyncIterator[str]:
        for _ in range(2):
            yield variable.get()

    async def main() -> list[str]:
        variable.set("inside")
        return [item async for item in several.aio()]

    token = variable.set("given")
    try:
        assert list(several()) == ["given"] * 2
        assert asyncio.run(main()) == ["inside"] * 2
    finally:
        variable.reset(token)


def test_cancelling_reaches_the_function() -> None:
    seen: list[str] = []

    @syncify
    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        task = asyncio.ensure_future(wait.aio())
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]


def test_one_may_call_another() -> None:
    @syncify
    async def outer() -> list[int]:
        return [await double.aio(1), double(2)]

    assert outer() == asyncio.run(outer.aio()) == [2, 4]


@pytest.mark.parametrize("thing", [len, lambda: 1, Counter, staticmethod(len)])
def test_what_is_not_async_is_refused(thing: Any) -> None:
    with pytest.raises(TypeError, match="async def"):
        syncify(thing)
