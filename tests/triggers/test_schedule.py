"""Schedules: the times of each automation, and the words for it."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from itertools import islice
from typing import Any

import pytest

from localflyte.spec.trigger import Cron
from localflyte.spec.trigger import FixedRate
from localflyte.spec.trigger import OnArtifact
from localflyte.triggers.schedule import in_words
from localflyte.triggers.schedule import is_anchored
from localflyte.triggers.schedule import schedule_of

ANCHOR = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)


def times(automation: Any, moment: datetime = ANCHOR, count: int = 2) -> list[str]:
    schedule = schedule_of(automation, ANCHOR)
    assert schedule is not None
    return [f"{time:%d %H:%M:%S}" for time in islice(schedule(moment), count)]


@pytest.mark.parametrize(
    ("automation", "expected"),
    [
        (Cron("*/15 * * * *"), ["01 12:15:00", "01 12:30:00"]),
        (Cron("@every 1h30m"), ["01 13:30:30", "01 15:00:30"]),
        (Cron("@every 1.5s"), ["01 12:00:31", "01 12:00:32"]),
        (Cron("@every 10ms"), ["01 12:00:31", "01 12:00:32"]),
        # Without a start, the first time is one interval after the activation.
        (FixedRate(10), ["01 12:10:30", "01 12:20:30"]),
        # The start is the first time, and what counts from one in the past keeps its step.
        (FixedRate(10, datetime(2026, 1, 2, tzinfo=UTC)), ["02 00:00:00", "02 00:10:00"]),
        (FixedRate(60, datetime(2025, 1, 1, 0, 20, tzinfo=UTC)), ["01 12:20:00", "01 13:20:00"]),
        # One without a zone is in UTC; one in another is the moment it says.
        (FixedRate(60, datetime(2026, 1, 2)), ["02 00:00:00", "02 01:00:00"]),
        (FixedRate(60, datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=5)))), ["01 19:00:00", "01 20:00:00"]),
    ],
)
def test_times(automation: Any, expected: list[str]) -> None:
    assert times(automation) == expected


def test_a_rate_goes_on_from_any_moment() -> None:
    """A time that has just come is over: what is due is what comes after."""
    assert times(FixedRate(10), ANCHOR + timedelta(minutes=10)) == ["01 12:20:30", "01 12:30:30"]
    assert times(FixedRate(10), ANCHOR + timedelta(minutes=25), 1) == ["01 12:30:30"]


@pytest.mark.parametrize("automation", [OnArtifact("a"), None])
def test_what_follows_no_clock_has_no_schedule(automation: Any) -> None:
    assert schedule_of(automation, ANCHOR) is None


@pytest.mark.parametrize(
    ("automation", "message"),
    [
        (Cron("0 0 30 2 *"), "never comes"),
        (Cron("0 0 * * *", "Mars/Olympus"), "no time zone"),
        (Cron("@every"), "none of"),
        (Cron("@every soon"), "how often, like '@every 1h30m'"),
        (Cron("@every 5m or so"), "how often"),
        (FixedRate(5, "noon"), "must be a datetime"),  # type: ignore[arg-type]
    ],
)
def test_refused(automation: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        schedule_of(automation, ANCHOR)


@pytest.mark.parametrize(
    ("automation", "words", "anchored"),
    [
        (Cron("0 9 * * 1", "Europe/London"), "cron 0 9 * * 1, Europe/London time", False),
        (Cron("@every 90s"), "every 90s", True),
        (FixedRate(1), "every minute", True),
        (FixedRate(5, datetime(2026, 1, 2)), "every 5 minutes from 2026-01-02 00:00:00 UTC", False),
        (OnArtifact("m", region="us"), "on new version of m [region=us]", False),
        (None, "when somebody says so", False),
    ],
)
def test_words(automation: Any, words: str, anchored: bool) -> None:
    assert in_words(automation) == words
    assert is_anchored(automation) is anchored
