"""A module that takes for ever to be imported holds up its own tasks, as long as they may wait, and nobody else's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from programs import misbehaving
from programs import slow_import

import localflyte as flyte
from localflyte.errors import DeadlineExceededError
from localflyte.errors import MaxRuntimeExceededError


@pytest.fixture
def quiet() -> Any:
    return flyte.with_runcontext(sinks=[lambda _: None])


@pytest.mark.parametrize(
    ("task", "error"),
    [(slow_import.bounded, MaxRuntimeExceededError), (slow_import.with_a_deadline, DeadlineExceededError)],
)
def test_importing_is_part_of_running(task: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        flyte.run(task)


def test_tasks_of_other_modules_do_not_wait_for_it(quiet: Any) -> None:
    """In one engine, so with one fork server until the import goes on for too long."""

    async def both() -> list[int]:
        slow = asyncio.create_task(quiet.run.aio(slow_import.unbounded))
        await asyncio.sleep(0.2)  # so that the server has begun; if it has not, the others are only quicker
        done = [await quiet.run.aio(misbehaving.fine, x=number) for number in range(4)]
        slow.cancel()
        await asyncio.wait([slow])
        return [run.outputs()[0] for run in done]

    assert asyncio.run(both()) == [1, 2, 3, 4]


def test_a_task_that_is_called_again_is_imported_again() -> None:
    for _ in range(2):
        with pytest.raises(MaxRuntimeExceededError):
            flyte.run(slow_import.bounded)
