"""A task that sleeps waits as long as its input says, and its function never runs, as on a cluster."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from programs import sleeping

import localflyte as flyte


def test_it_waits_and_does_nothing_else(home: Path) -> None:
    assert isinstance(sleeping.rest, flyte.extras.SleepTask)
    assert sleeping.rest.task_type == "core-sleep"
    assert flyte.run(sleeping.dozes).outputs()[0] is None
    assert flyte.run(sleeping.rest, duration=timedelta(milliseconds=1)).outputs()[0] is None
    assert flyte.run(sleeping.naps, nap=timedelta(0)).outputs()[0] is None


def test_its_time_is_held(home: Path) -> None:
    with pytest.raises(flyte.errors.TaskTimeoutError):
        flyte.run(sleeping.rest.override(timeout=timedelta(milliseconds=50)), duration=timedelta(hours=1))


def test_it_has_to_be_told_how_long(home: Path) -> None:
    with pytest.raises(flyte.errors.RuntimeUserError, match="duration: datetime.timedelta"):
        flyte.run(sleeping.restless, seconds=1.0)
