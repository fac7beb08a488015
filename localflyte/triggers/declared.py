"""Declared: the triggers of a program's tasks, and what a deployment of each would be refused for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from types import ModuleType
from typing import Any

from localflyte.api.environment import TaskEnvironment
from localflyte.api.task import TaskTemplate
from localflyte.errors import DeploymentError
from localflyte.running import Runner
from localflyte.spec.trigger import Cron
from localflyte.spec.trigger import FixedRate
from localflyte.spec.trigger import OnArtifact
from localflyte.spec.trigger import Trigger
from localflyte.spec.trigger import TriggeredArtifact
from localflyte.spec.trigger import TriggeredPartition
from localflyte.spec.trigger import TriggerTime
from localflyte.triggers.schedule import schedule_of
from localflyte.types.interface import REQUIRED
from localflyte.types.interface import Interface

__all__ = ("Declared", "declared_in", "declared_of")

#: what a trigger says of the runs that it starts, under the names that flyte.with_runcontext has for it
_OPTIONS = (
    "annotations", "custom_context", "env_vars", "interruptible", "labels", "max_action_concurrency", "notifications", "overwrite_cache",
    "queue",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A trigger of a task."""

    trigger: Trigger
    task: TaskTemplate[Any, Any, Any]
    problems: tuple[str, ...]
    """What a deployment would be refused for, each with the names of trigger, task and file."""

    @property
    def name(self) -> str:
        """The name of the trigger."""
        return self.trigger.name

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by: the names of task and trigger."""
        return self.task.name, self.trigger.name

    @property
    def follows_a_clock(self) -> bool:
        """Whether there are times at which it is due."""
        return isinstance(self.trigger.automation, Cron | FixedRate)

    def inputs_at(self, moment: datetime) -> dict[str, Any]:
        """:return: the inputs of a run that is due at a moment"""
        given = self.trigger.inputs or {}
        return {name: moment if value is TriggerTime else value for name, value in given.items()}

    def runner(self, moment: datetime, **more: Any) -> Runner:
        """:param more: what else the run is given, as flyte.with_runcontext takes it
        :return: what starts a run that is due at a moment
        :raises TypeError: if a setting is none that a run can have
        :raises ValueError: if a setting has a value that can never work
        """
        options = {name: getattr(self.trigger, name) for name in _OPTIONS}
        return Runner("local", **options, **more, trigger=self.name, run_start_time=moment)


def declared_in(module: ModuleType, now: datetime) -> tuple[Declared, ...]:
    """Collect the triggers of a program: those of the tasks of its environments, and of the tasks that it names.

    :param module: the loaded program
    :param now: the time, for what counts from it
    :raises DeploymentError: if a task has something else for a trigger
    """
    tasks: dict[int, TaskTemplate[Any, Any, Any]] = {}
    for value in vars(module).values():
        found = [value] if isinstance(value, TaskTemplate) else value.tasks.values() if isinstance(value, TaskEnvironment) else ()
        tasks |= {id(task): task for task in found}
    return tuple(each for task in tasks.values() for each in declared_of(task, now))


def declared_of(task: TaskTemplate[Any, Any, Any], now: datetime) -> tuple[Declared, ...]:
    """:return: the triggers of a task, in their order
    :raises DeploymentError: if it has something else for one
    """
    triggers: Iterable[Any] = task.triggers
    counts = Counter(trigger.name for trigger in triggers if isinstance(trigger, Trigger))
    found = []
    for trigger in triggers:
        if not isinstance(trigger, Trigger):
            raise DeploymentError(f"task {task.name}: triggers are made with flyte.Trigger(...), got {trigger!r}")
        where = f"trigger {trigger.name!r} of task {task.name} ({os.path.relpath(task.source_file or '.')})"
        problems = [f"{counts[trigger.name]} triggers of the task have this name; give each its own"] if counts[trigger.name] > 1 else []
        problems += _problems(trigger, task, now)
        found.append(Declared(trigger=trigger, task=task, problems=tuple(f"{where}: {text}" for text in problems)))
    return tuple(found)


def _problems(trigger: Trigger, task: TaskTemplate[Any, Any, Any], now: datetime) -> Iterator[str]:
    automation = trigger.automation
    try:
        schedule_of(automation, now)
    except ValueError as error:
        said = f"Cron({automation.expression!r}, {automation.timezone!r})" if isinstance(automation, Cron) else repr(automation)
        yield f"{said}: {error}"
    if not isinstance(automation, Cron | FixedRate | OnArtifact | None):
        yield f"its automation is flyte.Cron, flyte.FixedRate or flyte.OnArtifact, got {automation!r}"
    declared = Declared(trigger=trigger, task=task, problems=())
    try:
        declared.runner(now)
    except (TypeError, ValueError) as error:
        yield str(error)
    yield from _input_problems(declared.inputs_at(now), task)


def _input_problems(given: dict[str, Any], task: TaskTemplate[Any, Any, Any]) -> Iterator[str]:
    inputs = task.border.inputs
    unknown = [name for name in given if name not in inputs]
    if unknown:
        yield f"the task has no input {', '.join(map(repr, unknown))}; it has {', '.join(map(repr, inputs)) or 'none'}"
    for name, parameter in inputs.items():
        value = given.get(name, parameter.default)
        if value is REQUIRED:
            yield f"input {name!r} has no default, and the trigger does not give it"
        elif value is TriggerTime or value is TriggeredArtifact or isinstance(value, TriggeredPartition):
            if name not in given:
                yield f"the default of input {name!r} is {value!r}, which only the inputs of a trigger may say"
        else:
            try:
                Interface({name: parameter}, {}).encode_inputs({name: value}, task=task.name)
            except (TypeError, ValueError, OSError) as error:
                yield str(error)
