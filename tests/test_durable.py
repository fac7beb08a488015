"""flyte.durable: clocks that say what the wall says, and a sleep that counts from when it was first asked for."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from localflyte import durable


@pytest.fixture(params=["blocking", "awaited"])
def both(request: pytest.FixtureRequest) -> Any:
    """One of the two ways to call."""
    if request.param == "blocking":
        return lambda function, *args: function(*args)
    return lambda function, *args: asyncio.run(function.aio(*args))


def test_the_time_is_now(both: Any) -> None:
    before = time.time()
    told = both(durable.time)
    assert isinstance(told, float)
    assert before <= told <= time.time()


def test_the_date_is_the_local_one_without_a_zone(both: Any) -> None:
    before = datetime.now()
    told = both(durable.now)
    assert told.tzinfo is None
    assert before <= told <= datetime.now()


@pytest.mark.parametrize(
    ("began", "now", "seconds", "left"),
    [(100.0, 100.0, 5.0, 5.0), (100.0, 103.0, 5.0, 2.0), (100.0, 105.0, 5.0, 0.0), (100.0, 200.0, 5.0, 0.0), (100.0, 100.0, 0, 0.0)],
)
def test_only_what_is_left_is_slept(
    both: Any, monkeypatch: pytest.MonkeyPatch, began: float, now: float, seconds: float, left: float
) -> None:
    """A sleep that an attempt before began may be over already."""
    moments, slept = iter([began, now]), []

    async def sleep(span: float) -> None:
        slept.append(span)

    monkeypatch.setattr(durable, "clock", SimpleNamespace(time=lambda: next(moments)))
    monkeypatch.setattr(asyncio, "sleep", sleep)
    both(durable.sleep, seconds)
    assert slept == [left]
