"""Moments: points in time and durations as people type them on a command line."""

from __future__ import annotations

import re
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta

__all__ = ("parse_date", "parse_datetime", "parse_duration")

_MOVED = re.compile(r"(?P<start>.+?)\s+(?P<sign>[-+])\s+(?P<span>.+)")
_NUMBER = r"\d+(?:\.\d+)?"
_ISO = re.compile(
    rf"P(?=[\dT])(?:(?P<weeks>{_NUMBER})W)?(?:(?P<days>{_NUMBER})D)?"
    rf"(?:T(?=\d)(?:(?P<hours>{_NUMBER})H)?(?:(?P<minutes>{_NUMBER})M)?(?:(?P<seconds>{_NUMBER})S)?)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(rf"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+)?:)?(?P<seconds>{_NUMBER})")
_COUNTED = re.compile(rf"(?P<count>{_NUMBER})\s*(?P<unit>[a-z]+)")
_UNITS = {
    "ms": "milliseconds",
    "millisecond": "milliseconds",
    "s": "seconds",
    "sec": "seconds",
    "second": "seconds",
    "m": "minutes",
    "min": "minutes",
    "minute": "minutes",
    "h": "hours",
    "hour": "hours",
    "d": "days",
    "day": "days",
    "w": "weeks",
    "week": "weeks",
}


def parse_duration(text: str) -> timedelta:
    """Read a duration: ``PT1H30M``, ``1:30`` (minutes and seconds), ``1:02:03``, ``45`` (seconds), ``10 days``, ``1 h | 5 min``.

    :param text: the text; parts joined by ``|`` are added up, a leading ``-`` turns the whole around
    :raises ValueError: if a part is none of these forms
    """
    body = text.strip()
    negative = body.startswith("-")
    total = sum((_parse_part(part) for part in body.lstrip("+-").strip("[] ").split("|")), timedelta())
    return -total if negative else total


def _parse_part(part: str) -> timedelta:
    body = part.strip()
    match = _ISO.fullmatch(body) or _CLOCK.fullmatch(body)
    if match:
        return timedelta(**{unit: float(count) for unit, count in match.groupdict().items() if count})
    counted = _COUNTED.fullmatch(body.lower())
    if counted:
        unit = counted["unit"]
        name = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
        if name:
            return timedelta(**{name: float(counted["count"])})
    raise ValueError(f"{part.strip()!r} is not a duration; write PT1H30M, 1:30 or 10 days")


def parse_datetime(text: str) -> datetime:
    """Read ``now``, ``today`` or an ISO date or time, each optionally moved: ``today - P1D``, ``2024-05-01T08:00 + 2 hours``.

    :param text: the text
    :raises ValueError: if it is none of these forms
    """
    body = text.strip()
    moved = _MOVED.fullmatch(body)
    if moved:
        span = parse_duration(moved["span"])
        start = _parse_start(moved["start"])
        return start - span if moved["sign"] == "-" else start + span
    return _parse_start(body)


def _parse_start(text: str) -> datetime:
    if text == "now":
        # With its zone: Flyte reads a datetime without one as UTC, which would move the present instant by the local offset.
        return datetime.now(UTC)
    if text == "today":
        today = datetime.now().date()  # noqa: DTZ005 - the day on the person's own calendar
        return datetime(today.year, today.month, today.day)  # noqa: DTZ001 - like a typed date, without a zone
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a date or time; write 2024-05-01, 2024-05-01T08:30:00, now, today or today - P1D") from None


def parse_date(text: str) -> date:
    """Read a date in any form of `parse_datetime`; the time of day is dropped.

    :param text: the text
    :raises ValueError: if it is none of these forms
    """
    # "now" means the same day as "today" to the person who types it, whatever the day in UTC.
    return parse_datetime(re.sub(r"^\s*now\b", "today", text)).date()
