"""Clock: what triggers are served by; tests bring one that they move."""

from __future__ import annotations

import asyncio
from datetime import UTC
from datetime import datetime
from typing import Protocol

__all__ = ("Clock", "SystemClock")

LONGEST = 10.0  # seconds of one sleep: while the machine is suspended they do not pass, though the time of day does


class Clock(Protocol):
    """The time of day, and a way to wait for another."""

    def now(self) -> datetime: ...

    async def sleep_until(self, moment: datetime) -> None: ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> datetime:
        """:return: the time of day, in UTC"""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Wait until it is time, also if the clock was set, or the machine suspended, meanwhile."""
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - no event tells the time
            await asyncio.sleep(min(left, LONGEST))
