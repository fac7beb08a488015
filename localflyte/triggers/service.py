"""Service: starts the runs of triggers when they are due, for as long as it is served.

As on a cluster, each time that is due starts a run of its own, whether or not the one before has ended, and a run that fails changes
nothing for the next. Times that were missed, because the machine slept, start one run together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from typing import Any

from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.spec.trigger import Trigger
from localflyte.triggers.clock import Clock
from localflyte.triggers.declared import Declared
from localflyte.triggers.schedule import schedule_of
from localflyte.triggers.schedule import shown_zone

__all__ = ("Service", "shown_time")

LOOK = timedelta(minutes=1)  # between two looks at whether the program was edited
LATE = timedelta(minutes=1)  # from which on it is said how late a run starts


@dataclass(slots=True)
class _Line:
    """A trigger that is served."""

    declared: Declared
    times: Iterator[datetime]
    due: datetime | None

    @property
    def name(self) -> str:
        return f"trigger {one_line(self.declared.name)} of {one_line(self.declared.task.name)}"


class Service:
    """:param start: starts a run of a trigger that was due at a moment, and waits for its end
    :param say: tells a person
    :param renew: gives the triggers anew if the program was edited, nothing if it was not, and raises `LookupError` if it cannot be used
    :param once: end each trigger with its first run
    :param until: the last moment at which something is due
    """

    def __init__(
        self,
        start: Callable[[Declared, datetime], Awaitable[object]],
        *,
        clock: Clock,
        say: Callable[[str], None],
        renew: Callable[[], Sequence[Declared] | None] | None = None,
        once: bool = False,
        until: datetime | None = None,
    ) -> None:
        self._start, self._clock, self._say, self._renew = start, clock, say, renew
        self._once, self._until = once, until
        self._began = self._looked = clock.now()
        self._lines: list[_Line] = []
        self._ended: set[tuple[str, str]] = set()  # the triggers that are served no more
        self._broken = False
        self._runs: set[asyncio.Task[None]] = set()
        self._going: Counter[tuple[str, str]] = Counter()
        self._main: asyncio.Task[Any] | None = None
        self._stopped_by: BaseException | None = None
        self.failures = 0

    async def serve(self, triggers: Sequence[Declared], *, at_once: bool = False) -> None:
        """Start runs until nothing is due any more, and wait for the last of them.

        :param triggers: those to serve; each has a schedule
        :param at_once: have each due once, now, whatever its schedule says
        :raises asyncio.CancelledError: if it was cancelled, after its runs have ended
        :raises SystemExit: if a signal ended its runs
        """
        self._main = asyncio.current_task()
        self._lines = [_Line(each, iter(()), self._began) for each in triggers] if at_once else self._lines_of(triggers)
        try:
            while (wake := self._next_wake()) is not None:
                await self._clock.sleep_until(wake)
                self._look()
            await self._settle()
        except asyncio.CancelledError:
            for run in self._runs:
                run.cancel()
            await self._settle()
            if self._stopped_by is not None:
                raise self._stopped_by from None
            raise

    def _lines_of(self, triggers: Sequence[Declared]) -> list[_Line]:
        lines = []
        for each in triggers:
            schedule = schedule_of(each.trigger.automation, self._began)
            if schedule is not None and each.key not in self._ended:
                times = schedule(self._looked)
                lines.append(_Line(each, times, next(times, None)))
        return lines

    def _next_wake(self) -> datetime | None:
        """:return: when there is something to do; ``None`` once nothing is due any more"""
        due = min((line.due for line in self._lines if line.due is not None), default=None)
        look = self._looked + LOOK
        wake = look if self._broken else due
        if wake is None or (self._until is not None and wake > self._until):
            return None
        return wake if self._renew is None else min(wake, look)

    def _look(self) -> None:
        """Start what is due."""
        self._take_edits()
        now = self._clock.now()
        limit = now if self._until is None else min(now, self._until)
        for line in self._lines:
            if line.due is not None and line.due <= limit:
                self._fire(line, line.due, now, limit)
        self._looked = max(self._looked, now)  # a clock may be put back

    def _take_edits(self) -> None:
        if self._renew is None:
            return
        try:
            triggers = self._renew()
        except LookupError as error:
            self._lines, self._broken = [], True
            self._say(f"{error}; nothing is started until it can be used")
            return
        if triggers is not None:
            self._lines, self._broken = self._lines_of(triggers), False
            self._say(f"the program was edited, and loaded anew; served: {', '.join(each.name for each in triggers) or 'nothing'}")

    def _fire(self, line: _Line, first: datetime, now: datetime, limit: datetime) -> None:
        time, missed, following = first, 0, next(line.times, None)
        while following is not None and following <= limit:
            time, missed, following = following, missed + 1, next(line.times, None)
        line.due = None if self._once else following
        if line.due is None:
            self._ended.add(line.declared.key)
        told = [f"{line.name} is due {shown_time(line.declared.trigger, time)}"]
        if now - time >= LATE:
            told.append(f"that was {duration((now - time).total_seconds())} ago")
        if missed:
            times = f"{missed:,} times" if missed > 1 else "one time"
            told.append(f"{times} before it, from {shown_time(line.declared.trigger, first)} on, went by and will not be run")
        if going := self._going[line.declared.key]:
            told.append(f"{going:,} of its runs {'are' if going > 1 else 'is'} still going, and this one starts beside")
        self._say("; ".join(told))
        run = asyncio.create_task(self._carry(line, time))
        self._runs.add(run)
        run.add_done_callback(self._runs.discard)

    async def _carry(self, line: _Line, time: datetime) -> None:
        self._going[line.declared.key] += 1
        try:
            await self._start(line.declared, time)
        except asyncio.CancelledError:  # also what Ctrl-C makes of the wait for a run
            self._stop()
            raise
        except (KeyboardInterrupt, SystemExit) as error:  # a signal; raised here, it would break off the loop that others end in
            self._stopped_by = error
            self._stop()
        except Exception as error:  # noqa: BLE001 - whatever a run fails with, the others go on
            self.failures += 1
            name = getattr(error, "run_name", "")
            reason = one_line(f"{getattr(error, 'code', type(error).__name__)}: {str(error).strip().partition(chr(10))[0]}", 300)
            more = f"; it is due again {shown_time(line.declared.trigger, line.due)}" if line.due else ""
            self._say(f"{line.name}: {f'run {name} failed' if name else 'no run could be started'}: {reason}{more}")
        finally:
            self._going[line.declared.key] -= 1

    def _stop(self) -> None:
        if self._main is not None and not self._main.cancelling():
            self._main.cancel()

    async def _settle(self) -> None:
        while self._runs:
            await asyncio.wait(self._runs)


def shown_time(trigger: Trigger, moment: datetime) -> str:
    """:return: a time, as the clock shows it that its trigger goes by"""
    zone: Any = shown_zone(trigger.automation)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
