"""Schedule: when an automation is due, and what it says, in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from localflyte.spec.trigger import Cron
from localflyte.spec.trigger import FixedRate
from localflyte.spec.trigger import OnArtifact
from localflyte.triggers.cron import CronTimes
from localflyte.triggers.cron import zone_named

__all__ = ("Schedule", "in_words", "is_anchored", "schedule_of", "shown_zone")

#: given a moment, the times that are due after it, in UTC
Schedule = Callable[[datetime], Iterator[datetime]]

_EVERY = "@every "
_PART = re.compile(r"(?P<count>\d+(?:\.\d*)?|\.\d+)(?P<unit>h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def schedule_of(automation: Any, anchor: datetime) -> Schedule | None:
    """Find out when an automation is due.

    :param anchor: when it was activated: what has no time of its own to begin at counts from there
    :return: its schedule; ``None`` for one that follows no clock
    :raises ValueError: if a cluster would not understand it
    """
    if isinstance(automation, FixedRate):
        return _rate(timedelta(minutes=automation.interval_minutes), automation.start_time, anchor)
    if not isinstance(automation, Cron):
        return None
    if automation.expression.startswith(_EVERY):
        return _rate(_interval(automation.expression), None, anchor)
    times = CronTimes(automation.expression, automation.timezone)
    if next(times.after(anchor), None) is None:
        raise ValueError("it never comes: no month has that day")
    return times.after


def is_anchored(automation: Any) -> bool:
    """:return: whether its times count from when it was activated"""
    if isinstance(automation, Cron):
        return automation.expression.startswith(_EVERY)
    return isinstance(automation, FixedRate) and automation.start_time is None


def in_words(automation: Any) -> str:
    """:return: when it is due, for people"""
    match automation:
        case Cron() if automation.expression.startswith(_EVERY):
            return f"every {automation.expression.removeprefix(_EVERY)}"
        case Cron():
            return f"cron {automation.expression}, {automation.timezone} time"
        case FixedRate():
            minutes = automation.interval_minutes
            begin = f" from {_in_utc(automation.start_time):%Y-%m-%d %H:%M:%S} UTC" if automation.start_time else ""
            return f"every {f'{minutes} minutes' if minutes != 1 else 'minute'}{begin}"
        case OnArtifact():
            return str(automation).partition(": ")[2]
        case _:
            return "when somebody says so"


def shown_zone(automation: Any) -> Any:
    """:return: the time zone in which people think of its times"""
    return zone_named(automation.timezone) if isinstance(automation, Cron) else UTC


def _rate(interval: timedelta, start: Any, anchor: datetime) -> Schedule:
    if start is not None and not isinstance(start, datetime):
        raise ValueError(f"start_time must be a datetime, got {start!r}")
    first = anchor + interval if start is None else _in_utc(start)

    def after(moment: datetime) -> Iterator[datetime]:
        time = first
        if time <= moment:
            time += ((moment - time) // interval + 1) * interval
        while True:
            yield time
            time += interval

    return after


def _interval(expression: str) -> timedelta:
    text = expression.removeprefix(_EVERY)
    parts = list(_PART.finditer(text))
    if not parts or "".join(part.group() for part in parts) != text:
        raise ValueError(f"{expression!r} must say how often, like '@every 1h30m'")
    seconds = sum(float(part["count"]) * _SECONDS[part["unit"]] for part in parts)
    return timedelta(seconds=max(1, int(seconds)))


def _in_utc(moment: datetime) -> datetime:
    """:return: the moment in UTC; one without a zone is taken as UTC, as everywhere in Flyte"""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
