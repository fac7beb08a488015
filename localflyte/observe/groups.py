"""Groups: which calls of a caller are shown one by one, and which are summed up."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from localflyte.observe.text import duration
from localflyte.runs.record import ActionRecord

__all__ = ("describe_times", "group_calls", "shown_status")


def group_calls(calls: Sequence[ActionRecord], most: int, bad: int) -> list[Sequence[ActionRecord]]:
    """Split calls into groups, each of which is shown by one line.

    :param most: up to so many calls are shown one by one; of more, all calls of one task are a group
    :param bad: so many failed ones are shown one by one even then
    """
    if len(calls) <= most:
        return [(call,) for call in calls]
    alone: list[ActionRecord] = []
    by_label: dict[str, list[ActionRecord]] = {}
    for call in calls:
        if call.status.is_bad and len(alone) < bad:
            alone.append(call)
        else:
            by_label.setdefault(call.label, []).append(call)
    return [*((call,) for call in alone), *by_label.values()]


def shown_status(action: ActionRecord) -> str:
    """Return the status in the words that people are shown: a hit is ``cached`` rather than ``succeeded``."""
    return "cached" if action.cached and action.status.value == "succeeded" else action.status.value


def describe_times(actions: Sequence[ActionRecord]) -> str:
    """Say how long many calls took."""
    times = [action.seconds for action in actions if action.seconds is not None]
    return f"median {duration(median(times))}, longest {duration(max(times))}" if times else ""
