"""Points in time and durations as people type them."""

from __future__ import annotations

from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta

import pytest

from localflyte.cli.moments import parse_date
from localflyte.cli.moments import parse_datetime
from localflyte.cli.moments import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H", 3600),
        ("P1D", 86400),
        ("P1DT2H3M4S", 93784),
        ("pt1.5s", 1.5),
        ("P2W", 14 * 86400),
        ("1:24", 84),
        (":45", 45),
        ("1:02:03", 3723),
        ("30", 30),
        ("0.25", 0.25),
        ("10 days", 864000),
        ("1 minute", 60),
        ("2h", 7200),
        ("250ms", 0.25),
        ("5 min", 300),
        ("[1 hour | 30 minutes]", 5400),
        ("-PT1M", -60),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "P", "PT", "soon", "10 parsecs", "1h30", "1:2:3:4"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-01", datetime(2024, 5, 1)),
        ("2024-05-01T08:30:00", datetime(2024, 5, 1, 8, 30)),
        ("2024-05-01 08:30:00.000001", datetime(2024, 5, 1, 8, 30, 0, 1)),
        ("2024-05-01T08:30:00+00:00", datetime(2024, 5, 1, 8, 30, tzinfo=UTC)),
        ("2024-05-01 - P1D", datetime(2024, 4, 30)),
        ("2024-05-01T08:00:00 + 2 hours", datetime(2024, 5, 1, 10)),
    ],
)
def test_a_time_is_read(text: str, moment: datetime) -> None:
    assert parse_datetime(text) == moment


def test_now_is_the_present_instant_with_its_zone() -> None:
    before = datetime.now(UTC)
    assert before <= parse_datetime("now") <= datetime.now(UTC)


def test_now_can_be_moved() -> None:
    assert parse_datetime("now - PT1H") < datetime.now(UTC) - timedelta(minutes=59)


def test_today_is_midnight_without_a_zone() -> None:
    today = parse_datetime("today")
    assert (today.hour, today.minute, today.second, today.tzinfo) == (0, 0, 0, None)


def test_a_date_drops_the_time_of_day() -> None:
    assert parse_date("2024-05-01T23:59:00") == date(2024, 5, 1)


def test_the_date_now_is_the_date_today() -> None:
    assert parse_date("now") == parse_date("today")


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "today - soon"])
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_datetime(text)
