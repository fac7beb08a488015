"""RetryStrategy: how often a failed task is tried again; Backoff: how long to wait before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from localflyte.spec.plan import RetryTerms

__all__ = ("Backoff", "RetryStrategy", "retries_from_request")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Wait ``min(base * factor**n, cap)`` before the retry `n`, counted from 0.

    :param base: the wait before the first retry
    :param factor: what each wait is multiplied by to get the next
    :param cap: the longest wait; needed when the waits grow
    """

    base: timedelta
    factor: float = 1.0
    cap: timedelta | None = None

    def __post_init__(self) -> None:
        _check_wait("base", self.base)
        if self.cap is not None:
            _check_wait("cap", self.cap)
        factor: object = self.factor
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not abs(factor) < float("inf"):
            raise ValueError(f"Backoff.factor must be a finite number, got {factor!r}")
        if factor < 1:
            raise ValueError(f"Backoff.factor must be >= 1.0, got {factor}")
        if factor > 1 and self.cap is None:
            raise ValueError(f"Backoff.cap is required when factor > 1.0, got factor={factor}; add cap=timedelta(minutes=5)")

    def compute_delay(self, n: int) -> timedelta:
        """:return: how long to wait before the retry `n`, counted from 0"""
        if n < 0:
            raise ValueError(f"a retry is counted from 0, got {n}")
        try:
            delay = self.base * self.factor**n
        except OverflowError:
            delay = timedelta.max
        return delay if self.cap is None else min(delay, self.cap)


@dataclass(frozen=True, slots=True)
class RetryStrategy:
    """Try a task again when it fails.

    :param count: how many times after the first attempt
    :param backoff: the waits between attempts; without it, the next attempt starts at once
    """

    count: int
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        count = self.count
        if isinstance(count, bool) or not isinstance(count, int):
            raise ValueError(f"the number of retries must be a whole number, got {count!r}")
        if count < 0:
            raise ValueError(f"the number of retries must be 0 or more, got {count}; 0 means: one attempt and no retry")
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise ValueError(f"RetryStrategy.backoff must be a flyte.Backoff, got {self.backoff!r}")

    def terms(self) -> RetryTerms:
        """Read the declaration as seconds."""
        backoff = self.backoff
        if backoff is None:
            return RetryTerms(count=self.count)
        cap = None if backoff.cap is None else backoff.cap.total_seconds()
        return RetryTerms(count=self.count, base=backoff.base.total_seconds(), factor=float(backoff.factor), cap=cap)


def retries_from_request(retries: int | RetryStrategy) -> RetryStrategy:
    """Accept what a person may write for ``retries=``.

    :raises ValueError: if it is neither a strategy nor a number, or the number is negative
    """
    if isinstance(retries, RetryStrategy):
        return retries
    if isinstance(retries, bool) or not isinstance(retries, int):
        raise ValueError(f"retries must be a whole number or a flyte.RetryStrategy, got {retries!r}")
    return RetryStrategy(retries)


def _check_wait(name: str, wait: object) -> None:
    if not isinstance(wait, timedelta):
        raise TypeError(f"Backoff.{name} must be a timedelta, got {wait!r}; write timedelta(seconds=...)")
    if wait < timedelta(0):
        raise ValueError(f"Backoff.{name} must be >= 0, got {wait}")
