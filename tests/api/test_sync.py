"""Two forms of one function, and async iteration from sync code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from localflyte.api.sync import drive
from localflyte.api.sync import dual
from localflyte.api.sync import run_blocking


@dual
async def add(x: int, y: int = 1) -> int:
    """Add."""
    await asyncio.sleep(0)
    return x + y


class Adder:
    def __init__(self, start: int) -> None:
        self.start = start

    @dual
    async def add(self, x: int) -> int:
        return self.start + x


async def count(log: list[str], until: int = 3) -> AsyncIterator[int]:
    try:
        for number in range(until):
            await asyncio.sleep(0)
            yield number
    finally:
        await asyncio.sleep(0)
        log.append("closed")


def inside_a_loop(function: Any) -> Any:
    async def run() -> Any:
        return function()

    return asyncio.run(run())


class TestDual:
    def test_it_blocks(self) -> None:
        assert add(1) == 2

    def test_it_blocks_where_a_loop_runs(self) -> None:
        assert inside_a_loop(lambda: add(1, y=4)) == 5

    def test_it_is_awaited(self) -> None:
        assert asyncio.run(add.aio(1)) == 2

    def test_it_works_as_a_method(self) -> None:
        assert Adder(3).add(4) == 7
        assert asyncio.run(Adder(3).add.aio(4)) == 7

    def test_it_keeps_its_name(self) -> None:
        assert (add.__name__, add.__doc__) == ("add", "Add.")  # type: ignore[attr-defined]

    @pytest.mark.parametrize(
        "call", [lambda failing: run_blocking(failing()), lambda failing: inside_a_loop(lambda: run_blocking(failing()))]
    )
    def test_errors_pass(self, call: Any) -> None:
        async def failing() -> None:
            raise KeyError("lost")

        with pytest.raises(KeyError, match="lost"):
            call(failing)


@pytest.mark.parametrize("where", [lambda function: function(), inside_a_loop], ids=["no loop here", "a loop runs here"])
class TestDrive:
    def test_all_items_come(self, where: Any) -> None:
        log: list[str] = []
        assert where(lambda: list(drive(count(log)))) == [0, 1, 2]
        assert log == ["closed"]

    def test_closing_early_closes_the_generator(self, where: Any) -> None:
        log: list[str] = []

        def first() -> int:
            items = drive(count(log))
            number = next(items)
            items.close()  # type: ignore[attr-defined]
            return number

        assert where(first) == 0
        assert log == ["closed"]

    def test_an_error_passes(self, where: Any) -> None:
        async def failing() -> AsyncIterator[int]:
            yield 1
            raise KeyError("lost")

        with pytest.raises(KeyError, match="lost"):
            where(lambda: list(drive(failing())))
