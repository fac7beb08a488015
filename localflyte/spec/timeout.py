"""Timeout: how long an attempt may run, how long it may wait for its turn, and how long everything together may take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from localflyte.spec.plan import TimeoutTerms

__all__ = ("Timeout", "TimeoutType", "timeout_from_request")


@dataclass(frozen=True, slots=True)
class Timeout:
    """Three independent bounds; a number means seconds, ``None`` and 0 mean unlimited.

    :param max_runtime: of one attempt, from its start
    :param max_queued_time: of one attempt, until its start
    :param deadline: of the whole action with all its attempts and the waits between them
    """

    max_runtime: timedelta | int | None = None
    max_queued_time: timedelta | int | None = None
    deadline: timedelta | int | None = None

    def __post_init__(self) -> None:
        self.terms()

    def terms(self) -> TimeoutTerms:
        """Read the declaration as seconds, with ``None`` for unlimited."""
        return TimeoutTerms(
            max_runtime=_seconds("max_runtime", self.max_runtime),
            max_queued_time=_seconds("max_queued_time", self.max_queued_time),
            deadline=_seconds("deadline", self.deadline),
        )


TimeoutType = Timeout | int | timedelta


def timeout_from_request(timeout: object) -> Timeout:
    """Accept what a person may write for ``timeout=``: a plain number or a timedelta bounds the runtime of an attempt.

    :raises ValueError: if it is none of these, or negative
    """
    if isinstance(timeout, Timeout):
        return timeout
    if timeout is None or isinstance(timeout, timedelta):
        return Timeout(max_runtime=timeout)
    if isinstance(timeout, int) and not isinstance(timeout, bool):
        return Timeout(max_runtime=timedelta(seconds=timeout))
    raise ValueError(f"timeout must be a number of seconds as int, a timedelta or a flyte.Timeout, got {timeout!r}{_hint(timeout)}")


def _seconds(name: str, bound: object) -> float | None:
    if bound is None:
        return None
    if isinstance(bound, timedelta):
        seconds = bound.total_seconds()
    elif isinstance(bound, int) and not isinstance(bound, bool):
        seconds = float(bound)
    else:
        raise ValueError(f"Timeout.{name} must be a number of seconds as int, or a timedelta, got {bound!r}{_hint(bound)}")
    if seconds < 0:
        raise ValueError(f"Timeout.{name} must be 0 or more, got {bound}; 0 means unlimited")
    return seconds or None


def _hint(given: object) -> str:
    return f"; write timedelta(seconds={given})" if isinstance(given, float) else ""
