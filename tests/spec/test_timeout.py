"""Timeouts: three bounds in seconds, each of which may be missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localflyte.spec.plan import TimeoutTerms
from localflyte.spec.timeout import Timeout
from localflyte.spec.timeout import timeout_from_request


@pytest.mark.parametrize(
    ("request_", "terms"),
    [
        (None, TimeoutTerms()),
        (0, TimeoutTerms()),
        (timedelta(0), TimeoutTerms()),
        (5, TimeoutTerms(max_runtime=5.0)),
        (timedelta(milliseconds=1500), TimeoutTerms(max_runtime=1.5)),
        (Timeout(1, timedelta(seconds=2), 3), TimeoutTerms(max_runtime=1.0, max_queued_time=2.0, deadline=3.0)),
        (Timeout(max_runtime=0, deadline=timedelta(hours=1)), TimeoutTerms(deadline=3600.0)),
    ],
)
def test_terms(request_: Any, terms: TimeoutTerms) -> None:
    assert timeout_from_request(request_).terms() == terms


@pytest.mark.parametrize("bad", ["a", 1.5, -1, True, timedelta(seconds=-1), [1]])
def test_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="seconds|0 or more"):
        timeout_from_request(bad)


@pytest.mark.parametrize("field", ["max_runtime", "max_queued_time", "deadline"])
@pytest.mark.parametrize("bad", ["a", 1.5, -1, True])
def test_bound_refused(field: str, bad: Any) -> None:
    with pytest.raises(ValueError, match=f"Timeout.{field}"):
        Timeout(**{field: bad})


def test_a_fraction_is_answered_with_a_timedelta() -> None:
    with pytest.raises(ValueError, match=r"timedelta\(seconds=0\.5\)"):
        timeout_from_request(0.5)


def test_a_timeout_stays_itself() -> None:
    timeout = Timeout(max_runtime=100, deadline=timedelta(hours=2))
    assert timeout_from_request(timeout) is timeout
    assert (timeout.max_runtime, timeout.max_queued_time, timeout.deadline) == (100, None, timedelta(hours=2))


def test_a_number_becomes_a_duration() -> None:
    """Test that what a person reads from the task is Flyte's form."""
    assert timeout_from_request(5).max_runtime == timedelta(seconds=5)
