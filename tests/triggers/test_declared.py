"""What a deployment of a trigger would be refused for is found where it is declared, with the names of trigger, task and file."""

from __future__ import annotations

from datetime import UTC
from datetime import datetime
from types import ModuleType
from typing import Any

import pytest

from localflyte.api.environment import TaskEnvironment
from localflyte.errors import DeploymentError
from localflyte.spec.notification import Webhook
from localflyte.spec.phase import ActionPhase
from localflyte.spec.trigger import Cron
from localflyte.spec.trigger import FixedRate
from localflyte.spec.trigger import OnArtifact
from localflyte.spec.trigger import Trigger
from localflyte.spec.trigger import TriggeredArtifact
from localflyte.spec.trigger import TriggeredPartition
from localflyte.spec.trigger import TriggerTime
from localflyte.triggers.declared import Declared
from localflyte.triggers.declared import declared_in
from localflyte.triggers.declared import declared_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAILY = Cron("@daily")


def declare(*triggers: Any) -> tuple[Declared, ...]:
    @TaskEnvironment("env").task(triggers=triggers)
    def work(at: datetime, count: int, names: list[str] | None = None, label: str = "x") -> None: ...

    return declared_of(work, NOW)


GOOD: dict[str, Any] = {"at": TriggerTime, "count": 1}


@pytest.mark.parametrize(
    ("trigger", "problem"),
    [
        (Trigger("t", Cron("0 99 * * *"), inputs=GOOD), "Cron('0 99 * * *', 'UTC'): hour '99': it goes from 0 to 23"),
        (Trigger("t", Cron("@daily", "Europe/Londn"), inputs=GOOD), "did you mean 'Europe/London'?"),
        (Trigger("t", Cron("0 0 31 6 *"), inputs=GOOD), "never comes"),
        (Trigger("t", FixedRate(1, "soon"), inputs=GOOD), "start_time must be a datetime"),  # type: ignore[arg-type]
        (Trigger("t", "hourly", inputs={**GOOD, "at": NOW}), "its automation is flyte.Cron, flyte.FixedRate or"),  # type: ignore[arg-type]
        (Trigger("t", DAILY, inputs={**GOOD, "cuont": 2}), "the task has no input 'cuont'; it has 'at', 'count', 'names', 'label'"),
        (Trigger("t", DAILY, inputs={"at": TriggerTime}), "input 'count' has no default, and the trigger does not give it"),
        (Trigger("t", DAILY, inputs={**GOOD, "count": "many"}), "variable 'count' of task 'env.work'"),
        (Trigger("t", DAILY, inputs={**GOOD, "names": [1]}), "variable 'names' of task 'env.work'"),
        (Trigger("t", DAILY, inputs={**GOOD, "label": TriggerTime}), "variable 'label' of task 'env.work'"),
        (Trigger("t", DAILY, inputs=GOOD, env_vars={"A": 1}), "env_vars['A'] must be a str"),  # type: ignore[dict-item]
    ],
)
def test_problems(trigger: Trigger, problem: str) -> None:
    (declared,) = declare(trigger)
    (text,) = declared.problems
    assert text.startswith("trigger 't' of task env.work (")
    assert "test_declared.py): " in text
    assert problem in text


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger("t", DAILY, inputs=GOOD),
        Trigger("t", FixedRate(1), inputs={**GOOD, "names": ["a"], "label": "y"}),
        Trigger("t", OnArtifact("a"), inputs={"at": TriggeredPartition("day"), "count": TriggeredArtifact}),
        Trigger("t", inputs={"at": NOW, "count": 1}),
    ],
)
def test_no_problems(trigger: Trigger) -> None:
    """What an artifact gives is known only when there is one."""
    (declared,) = declare(trigger)
    assert declared.problems == ()


def test_two_of_one_name() -> None:
    """The same trigger may belong to several tasks, and a task may not have two of one name."""
    found = declare(Trigger("t", DAILY, inputs=GOOD), Trigger("u", DAILY, inputs=GOOD), Trigger("t", FixedRate(1), inputs=GOOD))
    assert [len(each.problems) for each in found] == [1, 0, 1]
    assert "2 triggers of the task have this name; give each its own" in found[0].problems[0]


def test_a_task_whose_default_is_a_placeholder() -> None:
    """Flyte takes that for a datetime, and then cannot deploy it."""

    @TaskEnvironment("env").task(triggers=Trigger("t", DAILY))
    def work(at: datetime = TriggerTime) -> None: ...  # type: ignore[assignment]

    (declared,) = declared_of(work, NOW)
    assert "the default of input 'at' is flyte.TriggerTime, which only the inputs of a trigger may say" in declared.problems[0]


def test_what_is_no_trigger() -> None:
    with pytest.raises(DeploymentError, match=r"task env.work: triggers are made with flyte.Trigger\(...\), got 'daily'"):
        declare("daily")


def test_inputs_of_a_run() -> None:
    """The time is the one that was due, and what the trigger does not give is left to the task."""
    (declared,) = declare(Trigger("t", DAILY, inputs={**GOOD, "label": "y"}))
    assert declared.inputs_at(NOW) == {"at": NOW, "count": 1, "label": "y"}
    assert declared.key == ("env.work", "t")


def test_what_it_says_of_its_runs_is_handed_to_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that each option reaches the run under the name that flyte.with_runcontext has for it."""
    given: dict[str, Any] = {
        "annotations": {"a": "1"},
        "custom_context": {"c": "1"},
        "env_vars": {"E": "1"},
        "interruptible": False,
        "labels": {"l": "1"},
        "max_action_concurrency": 3,
        "notifications": Webhook(on_phase=ActionPhase.FAILED, url="http://localhost/"),
        "overwrite_cache": True,
        "queue": "q",
    }
    (declared,) = declare(Trigger("t", DAILY, inputs=GOOD, **given))
    assert declared.problems == ()
    monkeypatch.setattr("localflyte.triggers.declared.Runner", lambda mode, **options: options)
    assert declared.runner(NOW, sinks=[]) == {**given, "sinks": [], "trigger": "t", "run_start_time": NOW}


def test_all_tasks_of_a_program_are_looked_at() -> None:
    """Those that it names, and those of its environments that no name is bound to; each once, in their order."""
    module = ModuleType("program")
    module.env = env = TaskEnvironment("env")  # type: ignore[attr-defined]

    @env.task(triggers=Trigger.daily())
    def first() -> None: ...

    @TaskEnvironment("other").task(triggers=(Trigger.daily(), Trigger.hourly()))
    def second() -> None: ...

    module.first, module.second = first, second  # type: ignore[attr-defined]
    assert [each.key for each in declared_in(module, NOW)] == [
        ("env.first", "daily"),
        ("other.second", "daily"),
        ("other.second", "hourly"),
    ]
