"""Moved: a clock that a test moves, so that days of triggers pass without waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from datetime import timedelta

__all__ = ("MovedClock",)

TURNS = 20  # of the loop, in which what was started can get as far as it can without waiting for anything


class MovedClock:
    """Jumps to whatever is waited for.

    :param asleep: how much later than asked for the next sleeps end, as when the machine is suspended
    :param on_wake: called with the time after each sleep
    :param for_runs: whether it moves only once nothing else goes on in the loop
    """

    def __init__(
        self,
        start: str,
        asleep: list[timedelta] | None = None,
        on_wake: Callable[[datetime], None] | None = None,
        *,
        for_runs: bool = False,
    ) -> None:
        self.time = datetime.fromisoformat(start).replace(tzinfo=UTC)
        self.asleep = asleep or []
        self.on_wake = on_wake
        self.for_runs = for_runs
        self.slept = 0

    def now(self) -> datetime:
        return self.time

    async def sleep_until(self, moment: datetime) -> None:
        self.slept += 1
        for _ in range(TURNS):
            await asyncio.sleep(0)
        if self.for_runs and (others := asyncio.all_tasks() - {asyncio.current_task()}):
            await asyncio.wait(others)
        self.time = max(self.time, moment + (self.asleep.pop(0) if self.asleep else timedelta()))
        if self.on_wake is not None:
            self.on_wake(self.time)
