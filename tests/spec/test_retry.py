"""Retries: how often, and how long to wait before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from localflyte.spec.plan import RetryTerms
from localflyte.spec.retry import Backoff
from localflyte.spec.retry import RetryStrategy
from localflyte.spec.retry import retries_from_request

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("request_", "terms"),
    [
        (0, RetryTerms()),
        (3, RetryTerms(count=3)),
        (RetryStrategy(2), RetryTerms(count=2)),
        (RetryStrategy(2, Backoff(SECOND)), RetryTerms(count=2, base=1.0, factor=1.0)),
        (RetryStrategy(2, Backoff(SECOND, 2, 5 * SECOND)), RetryTerms(count=2, base=1.0, factor=2.0, cap=5.0)),
    ],
)
def test_terms(request_: Any, terms: RetryTerms) -> None:
    assert retries_from_request(request_).terms() == terms


@pytest.mark.parametrize("bad", [-1, "3", 1.5, None, True, RetryStrategy])
def test_retries_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="retries"):
        retries_from_request(bad)


@pytest.mark.parametrize("bad", [-1, "a", 1.5, None, True])
def test_count_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="number of retries"):
        RetryStrategy(bad)


def test_backoff_of_a_strategy_is_a_backoff() -> None:
    with pytest.raises(ValueError, match=r"flyte\.Backoff"):
        RetryStrategy(1, SECOND)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-SECOND,), "base must be >= 0"),
        ((SECOND, 0.5), "factor must be >= 1.0"),
        ((SECOND, float("nan")), "finite"),
        ((SECOND, float("inf")), "finite"),
        ((SECOND, "2"), "finite number"),
        ((SECOND, 2.0), "cap is required"),
        ((SECOND, 2.0, -SECOND), "cap must be >= 0"),
    ],
)
def test_backoff_refused(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Backoff(*arguments)


def test_backoff_of_a_number_says_timedelta() -> None:
    with pytest.raises(TypeError, match="timedelta"):
        Backoff(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "seconds"), [(0, 1), (1, 2), (3, 8), (4, 10), (43, 10), (5000, 10)])
def test_delay(n: int, seconds: float) -> None:
    """Test that waits grow up to the cap, however many there are."""
    assert Backoff(SECOND, 2, 10 * SECOND).compute_delay(n) == timedelta(seconds=seconds)


def test_delay_without_growth() -> None:
    assert (Backoff(SECOND).factor, Backoff(SECOND).cap) == (1.0, None)
    assert Backoff(SECOND).compute_delay(100) == SECOND
    assert Backoff(0 * SECOND).compute_delay(100) == 0 * SECOND


def test_backoff_is_a_value() -> None:
    assert len({Backoff(SECOND), Backoff(SECOND)}) == 1
    assert RetryStrategy(2).backoff is None


def test_delay_before_the_first_retry() -> None:
    with pytest.raises(ValueError, match="counted from 0"):
        Backoff(SECOND).compute_delay(-1)
