"""Cron: the times that a cron expression means, as the scheduler of a Flyte cluster reads it (Go's robfig/cron, standard form).

Where the clock of a zone is put forward, the times that it leaves out do not come; where it is put back, those that it has twice come
twice. A day of the month and a weekday that are both restricted mean either.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from datetime import tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo
from zoneinfo import ZoneInfoNotFoundError
from zoneinfo import available_timezones

__all__ = ("ALIASES", "CronTimes", "zone_named")

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
YEARS = 9  # that are looked through for the next time: 29 February can be eight years away


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    names: Mapping[str, int] = {}


def _numbered(names: str, first: int) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), first)}


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _numbered("jan feb mar apr may jun jul aug sep oct nov dec", 1)),
    _Field("weekday", 0, 6, _numbered("sun mon tue wed thu fri sat", 0)),
)


class CronTimes:
    """:param expression: five fields, or one of `ALIASES`
    :param timezone: whose clock
    :raises ValueError: if there is no such zone, or a cluster would not understand the expression
    """

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        self.zone = zone_named(timezone)
        texts = ALIASES.get(expression, expression).split()
        if expression.startswith("@") and expression not in ALIASES:
            raise ValueError(f"{expression!r} is none of {', '.join(ALIASES)}, @every DURATION")
        if len(texts) != len(_FIELDS):
            raise ValueError(f"it has {len(texts)} fields, not five: minute, hour, day of month, month, weekday")
        values = [_values(text, field) for text, field in zip(texts, _FIELDS, strict=True)]
        self._minutes, self._hours, self._days, self._months, self._weekdays = values
        self._either = not any(_is_free(texts[place]) for place in (2, 4))

    def after(self, moment: datetime) -> Iterator[datetime]:
        """:return: the times after a moment, in UTC; they end where none comes for years"""
        day = moment.astimezone(self.zone).date()
        last = moment
        while day <= last.date() + timedelta(days=366 * YEARS):
            if self._has(day):
                for time in self._times_of(day):
                    if time > last:
                        last = time
                        yield time
            day += timedelta(days=1)

    def _has(self, day: date) -> bool:
        if day.month not in self._months:
            return False
        matches = (day.day in self._days, day.isoweekday() % 7 in self._weekdays)
        return any(matches) if self._either else all(matches)

    def _times_of(self, day: date) -> list[datetime]:
        begin = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        if begin.utcoffset() == (begin + timedelta(days=1)).utcoffset():  # on all but two days of a year
            first = begin.astimezone(UTC)
            return [first + timedelta(hours=hour, minutes=minute) for hour in self._hours for minute in self._minutes]
        found = set()
        for hour in self._hours:
            for minute in self._minutes:
                for fold in (0, 1):
                    shown = datetime(day.year, day.month, day.day, hour, minute, fold=fold, tzinfo=self.zone)
                    time = shown.astimezone(UTC)
                    if time.astimezone(self.zone).replace(tzinfo=None, fold=0) == shown.replace(tzinfo=None, fold=0):
                        found.add(time)
        return sorted(found)


def zone_named(name: str) -> tzinfo:
    """:return: the time zone of a name
    :raises ValueError: if there is none
    """
    if name == "UTC":
        return UTC  # also where the system has no time zones
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    from difflib import get_close_matches

    known = available_timezones()
    if not known:
        raise ValueError(f"the time zone {name!r} is not known: this system has none, install tzdata")
    close = get_close_matches(name, known, 1)
    raise ValueError(f"there is no time zone {name!r}" + (f"; did you mean {close[0]!r}?" if close else ""))


def _values(text: str, field: _Field) -> Sequence[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        found.update(_range(part, field))
    if not found:
        raise ValueError(f"{field.name} {text!r} names none")
    return sorted(found)


def _range(part: str, field: _Field) -> range:
    span, slash, every = part.partition("/")
    first, dash, last = span.partition("-")
    step = _number(every, part, field._replace(names={})) if slash else 1
    if first in ("*", "?") and not dash:
        low, high = field.least, field.most
    else:
        low = _number(first, part, field)
        high = _number(last, part, field) if dash else field.most if slash else low
    if step < 1:
        raise ValueError(f"{field.name} {part!r}: a step is at least 1")
    if not field.least <= low <= high <= field.most:
        reason = "it ends before it begins" if low > high else f"it goes from {field.least} to {field.most}"
        raise ValueError(f"{field.name} {part!r}: {reason}")
    return range(low, high + 1, step)


def _number(text: str, part: str, field: _Field) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    if text.lower() in field.names:
        return field.names[text.lower()]
    named = f" or one of {', '.join(field.names)}" if field.names else ""
    raise ValueError(f"{field.name} {part!r}: {text!r} is no number{named}")


def _is_free(text: str) -> bool:
    """:return: whether a field restricts nothing: a star, unless it has a step"""
    return any(part in ("*", "?", "*/1", "?/1") for part in text.split(","))
