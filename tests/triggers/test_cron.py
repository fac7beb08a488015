"""Cron expressions come when the scheduler of a Flyte cluster has them come, and what it would not understand is refused."""

from __future__ import annotations

import json
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from cronsim import CronSimError
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from localflyte.triggers import cron
from localflyte.triggers.cron import CronTimes
from localflyte.triggers.cron import zone_named

#: expression, zone, moment, and what robfig/cron 3.0.1 said: the next times in UTC, or nothing where it refused
GOLDEN: list[Any] = json.loads(Path(__file__).with_name("golden_cron.json").read_text())
#: least and most of each field
FIELDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
#: half-hour offsets, a clock put on at midnight, one that is moved by half an hour, and both hemispheres
ZONES = ("UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "America/Santiago", "America/Havana", "Australia/Lord_Howe")
#: the days before clocks are put on or back in one of them
EVES = tuple(
    datetime.fromisoformat(day)
    for day in ("2026-03-07", "2026-03-28", "2026-04-04", "2026-09-05", "2026-10-03", "2026-10-24", "2026-10-31")
)
DATES = st.sampled_from(EVES) | st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def texts(times: CronTimes, moment: datetime, count: int) -> list[str]:
    return [f"{time:%Y-%m-%dT%H:%M}" for time in islice(times.after(moment), count)]


@pytest.mark.parametrize(("expression", "zone", "moment", "expected"), GOLDEN)
def test_as_the_scheduler_of_a_cluster(expression: str, zone: str, moment: str, expected: list[str] | None) -> None:
    if expected is None:
        with pytest.raises(ValueError, match=r"."):
            CronTimes(expression, zone)
    else:
        assert texts(CronTimes(expression, zone), utc(moment), len(expected)) == expected


@st.composite
def parts(draw: st.DrawFn, least: int, most: int) -> tuple[str, set[int]]:
    """A part of a field, with the values that it means."""
    first = draw(st.integers(least, most))
    last = draw(st.integers(first, most))
    step = draw(st.sampled_from([1, 1, 2, 3, 7, 25]))
    form = draw(st.sampled_from(["*", "one", "range", "open"]))
    if form == "*":
        return (f"*/{step}" if step > 1 else "*"), set(range(least, most + 1, step))
    if form == "one":
        return str(first), {first}
    if form == "open":
        return f"{first}/{step}", set(range(first, most + 1, step))
    return (f"{first}-{last}/{step}" if first < last and step > 1 else f"{first}-{last}"), set(range(first, last + 1, step))


@st.composite
def expressions(draw: st.DrawFn) -> tuple[str, list[set[int]], bool]:
    """An expression, the values of its fields, and whether either of its days is enough."""
    fields, values = [], []
    for least, most in FIELDS:
        listed = draw(st.lists(parts(least, most), min_size=1, max_size=2))
        fields.append(",".join(text for text, _ in listed))
        values.append(set.union(*(found for _, found in listed)))
    either = not any("*" in fields[place].split(",") for place in (2, 4))
    return " ".join(fields), values, either


def matches(shown: datetime, values: list[set[int]], either: bool) -> bool:
    minutes, hours, days, months, weekdays = values
    day = [shown.day in days, shown.isoweekday() % 7 in weekdays]
    return shown.minute in minutes and shown.hour in hours and shown.month in months and (any(day) if either else all(day))


@settings(deadline=None, max_examples=40)
@given(expressions(), st.sampled_from(ZONES), DATES)
def test_every_minute_that_matches_comes(expression: tuple[str, list[set[int]], bool], zone: str, start: datetime) -> None:
    """Over two days, minute by minute: a time comes whenever the zone's clock shows it, so twice where that is put back."""
    text, values, either = expression
    moment = start.replace(tzinfo=UTC)
    end = moment + timedelta(days=2)
    minute = moment.replace(second=0, microsecond=0)
    expected = []
    while (minute := minute + timedelta(minutes=1)) <= end:
        if matches(minute.astimezone(ZoneInfo(zone)), values, either):
            expected.append(minute)
    found = []
    for time in CronTimes(text, zone).after(moment):
        if time > end:
            break
        found.append(time)
    assert found == expected


@settings(deadline=None, max_examples=60)
@given(expressions(), DATES)
def test_as_cronsim(expression: tuple[str, list[set[int]], bool], start: datetime) -> None:
    """Where no clock is put forward or back, and only one of the days is restricted, all readers of cron agree."""
    text, _, _ = expression
    fields = text.split()
    fields[2 if start.day % 2 and "/" not in fields[4] else 4] = "*"  # a step goes to 7 there, another word for Sunday
    ours = islice(CronTimes(" ".join(fields)).after(start.replace(tzinfo=UTC)), 3)
    try:
        theirs = list(islice(CronSim(" ".join(fields), start), 3))
    except CronSimError:  # of a day that no month has
        theirs = []
    assert [time.replace(tzinfo=None) for time in ours] == theirs


@pytest.mark.parametrize(
    ("expression", "zone", "moment", "expected"),
    [
        # London puts its clock on from 01:00 to 02:00 on 29 March: 01:30 is no time of that day.
        ("30 1 * * *", "Europe/London", "2026-03-28T12:00", ["2026-03-30T00:30", "2026-03-31T00:30"]),
        # It puts it back from 02:00 to 01:00 on 25 October: 01:30 comes twice.
        ("30 1 * * *", "Europe/London", "2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"]),
        # What counts in hours goes on through both.
        ("0 * * * *", "Europe/London", "2026-10-24T23:30", ["2026-10-25T00:00", "2026-10-25T01:00", "2026-10-25T02:00"]),
        # Havana leaves out midnight itself: the day is not lost.
        ("0 1 8 3 *", "America/Havana", "2026-01-01T00:00", ["2026-03-08T05:00"]),
    ],
)
def test_clocks_that_are_put_on_and_back(expression: str, zone: str, moment: str, expected: list[str]) -> None:
    assert texts(CronTimes(expression, zone), utc(moment), len(expected)) == expected


def test_a_day_that_never_comes_ends() -> None:
    assert list(CronTimes("0 0 30 2 *").after(utc("2026-01-01T00:00"))) == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("99 * * * *", "minute '99': it goes from 0 to 59"),
        ("* * * * 7", "weekday '7': it goes from 0 to 6"),
        ("* 5-1 * * *", "hour '5-1': it ends before it begins"),
        ("*/0 * * * *", "minute '*/0': a step is at least 1"),
        ("* * * foo *", "month 'foo': 'foo' is no number or one of jan, feb"),
        ("* * , * *", "day of month ',' names none"),
        ("* * *", "it has 3 fields, not five"),
        ("@fortnightly", "'@fortnightly' is none of @yearly, @annually"),
    ],
)
def test_refused(expression: str, message: str) -> None:
    """Test that the message names the field, the part, and what it may be."""
    with pytest.raises(ValueError) as caught:
        CronTimes(expression)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("name", "message"), [("Europe/Londn", "did you mean 'Europe/London'?"), ("/etc", "no time zone '/etc'")])
def test_unknown_zones_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        zone_named(name)


def test_a_system_without_zones_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """UTC needs none."""
    monkeypatch.setattr(cron, "available_timezones", set)
    with pytest.raises(ValueError, match="install tzdata"):
        zone_named("Nowhere/Atall")
    assert zone_named("UTC") is UTC
