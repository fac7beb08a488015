"""Triggers: recorded as Flyte checks them where they are declared; what only a deployment finds is in tests/triggers."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from typing import Any

import pytest

from localflyte.spec.trigger import Cron
from localflyte.spec.trigger import FixedRate
from localflyte.spec.trigger import OnArtifact
from localflyte.spec.trigger import Trigger
from localflyte.spec.trigger import TriggeredArtifact
from localflyte.spec.trigger import TriggeredPartition
from localflyte.spec.trigger import TriggerTime


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: OnArtifact(""), ValueError, "non-empty"),
        (lambda: OnArtifact("a", region=1), TypeError, "'region'"),  # type: ignore[arg-type]
        (lambda: TriggeredPartition(""), ValueError, "non-empty"),
        (lambda: Cron("nonsense"), ValueError, "five fields"),
        (lambda: Cron(5), ValueError, "five fields"),  # type: ignore[arg-type]
        (lambda: Cron("* * * * *", ""), ValueError, "time zone"),
        (lambda: FixedRate(0), ValueError, "at least 1"),
        (lambda: FixedRate(1.5), ValueError, "whole number"),  # type: ignore[arg-type]
        (lambda: Trigger("", FixedRate(1)), ValueError, "name cannot be empty"),
        (lambda: Trigger("x", FixedRate(1), max_action_concurrency=1), ValueError, "at least 2"),
        (lambda: Trigger("x", FixedRate(1), max_action_concurrency=-1), ValueError, "at least 2"),
        (lambda: Trigger("x", FixedRate(1), inputs={"a": TriggeredArtifact}), ValueError, "not OnArtifact"),
        (lambda: Trigger("x", FixedRate(1), inputs={"a": TriggeredPartition("date")}), ValueError, "not OnArtifact"),
        (lambda: Trigger("x", OnArtifact("a"), inputs={"a": TriggerTime}), ValueError, "only Cron and FixedRate"),
        (lambda: Trigger("x", inputs={"a": TriggerTime}), ValueError, "only Cron and FixedRate"),
        (lambda: Trigger("x", OnArtifact("a"), inputs={"b": TriggeredArtifact, "a": TriggeredArtifact}), ValueError, "a, b; only one"),
    ],
)
def test_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("make", "name", "expression", "description"),
    [
        (Trigger.minutely, "minutely", "* * * * *", "A trigger that runs every minute"),
        (Trigger.hourly, "hourly", "0 * * * *", "A trigger that runs every hour"),
        (Trigger.daily, "daily", "0 0 * * *", "A trigger that runs daily at midnight"),
        (Trigger.weekly, "weekly", "0 0 * * 0", "A trigger that runs weekly on Sundays at midnight"),
        (Trigger.monthly, "monthly", "0 0 1 * *", "A trigger that runs monthly on the 1st at midnight"),
    ],
)
def test_calendar(make: Callable[..., Trigger], name: str, expression: str, description: str) -> None:
    trigger = make("when", inputs={"x": 1}, queue="q")
    assert (trigger.name, trigger.automation, trigger.description) == (name, Cron(expression), description)
    assert (trigger.inputs, trigger.queue) == ({"when": TriggerTime, "x": 1}, "q")
    assert make().inputs == {}
    assert make(name="mine", description="d").description == "d"


def test_what_a_calendar_trigger_is_told_beats_its_own_inputs() -> None:
    """Test that every option reaches the trigger, and that an input of the same name replaces the time."""
    options: dict[str, Any] = {
        "auto_activate": False,
        "env_vars": {"A": "1"},
        "interruptible": True,
        "overwrite_cache": True,
        "max_action_concurrency": 4,
        "labels": {"l": "1"},
        "annotations": {"a": "1"},
        "custom_context": {"team": "infra"},
    }
    trigger = Trigger.hourly("when", inputs={"when": 5}, **options)
    assert trigger.inputs == {"when": 5}
    assert {name: getattr(trigger, name) for name in options} == options


@pytest.mark.parametrize("given", [Trigger.daily(), [Trigger.daily()], (Trigger.daily(), Trigger.hourly()), ()])
def test_a_task_has_a_row_of_them(given: Any) -> None:
    """Test that one alone, a list and a tuple are all taken, and that a trigger may belong to several tasks."""
    from localflyte.api.environment import TaskEnvironment

    @TaskEnvironment("env").task(triggers=given)
    def work() -> None: ...

    assert work.triggers == ((given,) if isinstance(given, Trigger) else tuple(given))


def test_calendar_refuses_unknown_options() -> None:
    with pytest.raises(TypeError, match="nope"):
        Trigger.daily(nope=1)


def test_what_is_not_said_of_a_trigger() -> None:
    trigger = Trigger(name="x", automation=FixedRate(interval_minutes=30))
    assert (trigger.auto_activate, trigger.overwrite_cache, trigger.description) == (True, False, "")
    unsaid = (trigger.inputs, trigger.env_vars, trigger.interruptible, trigger.queue, trigger.labels, trigger.custom_context)
    assert set(unsaid) == {None}
    assert (trigger.automation, Trigger.hourly().custom_context) == (FixedRate(30), None)


def test_a_rate_may_begin_at_a_time() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    assert (FixedRate(60).start_time, FixedRate(interval_minutes=60, start_time=start).start_time) == (None, start)


def test_texts() -> None:
    """Test that they read as in Flyte."""
    assert str(Cron("0 9 * * 1", "Europe/London")) == "Cron Trigger: CRON_TZ=Europe/London 0 9 * * 1"
    assert str(FixedRate(5)) == "FixedRate Trigger: every 5 minutes"
    assert str(OnArtifact("m", "1", region="us")) == "Artifact Trigger: on new version of m@1 [region=us]"
    assert str(OnArtifact("m")) == "Artifact Trigger: on new version of m"
    assert repr(TriggerTime) == "flyte.TriggerTime"


def test_long_description_is_cut() -> None:
    description = Trigger("x", FixedRate(1), "d" * 300).description
    assert (len(description), description[-9:]) == (255, "d...(tr.)")


@pytest.mark.parametrize("placeholder", [TriggerTime, TriggeredArtifact])
def test_a_placeholder_is_one(placeholder: object) -> None:
    """Test that it is the same object on the other side of a process border."""
    assert pickle.loads(pickle.dumps(placeholder)) is placeholder
    assert copy.deepcopy(placeholder) is placeholder


def test_artifact_trigger() -> None:
    trigger = Trigger("x", OnArtifact("a", partitions={"region": "us"}), inputs={"a": TriggeredArtifact, "d": TriggeredPartition("date")})
    assert trigger.automation == OnArtifact("a", region="us")
