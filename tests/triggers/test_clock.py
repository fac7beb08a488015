"""The clock of this machine: it waits in steps, so that a suspended machine is noticed when it wakes."""

from __future__ import annotations

import asyncio
from datetime import UTC
from datetime import datetime
from datetime import timedelta

import pytest

from localflyte.triggers.clock import SystemClock


class Suspended(SystemClock):
    """A clock of which ten seconds of sleep take an hour."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.sleeps: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += timedelta(hours=1)


def test_it_is_in_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_what_is_past_is_not_waited_for() -> None:
    asyncio.run(SystemClock().sleep_until(datetime(2020, 1, 1, tzinfo=UTC)))


def test_it_looks_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Suspended()
    monkeypatch.setattr("localflyte.triggers.clock.asyncio.sleep", clock.sleep)
    asyncio.run(clock.sleep_until(clock.time + timedelta(hours=2, seconds=3)))
    assert clock.sleeps == [10.0, 10.0, 3.0]
