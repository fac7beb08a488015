"""Deployment: what a cluster would be given of a program: its environments, their tasks, and what is wrong with them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import Any

from localflyte.api.environment import Environment
from localflyte.api.environment import TaskEnvironment
from localflyte.api.registry import environments
from localflyte.api.resolve import plan_for
from localflyte.api.task import TaskTemplate
from localflyte.errors import BaseRuntimeError
from localflyte.errors import DeploymentError
from localflyte.portability.checks import check_tasks
from localflyte.portability.finding import Finding
from localflyte.spec.plan import Plan
from localflyte.triggers.declared import declared_of

__all__ = ("Deployed", "Deployment", "plan_deployment")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """An environment with its tasks."""

    name: str
    kind: str
    """The class of the environment."""
    declared_at: str
    depends_on: tuple[str, ...]
    description: str
    include: tuple[str, ...]
    plans: tuple[Plan, ...]
    signatures: Mapping[str, str]
    """What each task takes and gives."""
    triggers: Mapping[str, tuple[str, ...]]
    """The triggers of each task that has some, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    environments: tuple[Deployed, ...]
    problems: tuple[str, ...]
    """What a deployment is refused for, or what would fail once it is there."""
    findings: tuple[Finding, ...] = ()
    """What passes on this machine and may break there."""


def plan_deployment(roots: Sequence[Environment], names: Iterable[str] = (), *, root: str, copy_style: str) -> Deployment:
    """Collect what would be deployed.

    :param roots: the environments that are asked for; what they depend on comes along
    :param names: of environments; all by default
    :param root: the root folder of the project
    :param copy_style: which of its files the code bundle would hold
    :raises LookupError: if it has no environment of a name
    """
    wanted = list(names)
    missing = [name for name in wanted if name not in {each.name for each in roots}]
    if missing:
        raise LookupError(f"there is no environment {missing[0]!r}; there are {', '.join(sorted({each.name for each in roots})) or 'none'}")
    problems: list[str] = []
    found = _reached([each for each in roots if not wanted or each.name in wanted], problems)
    deployed = [_deployed(each, problems) for each in found.values()]
    if not found:
        problems.append(_nothing())
    tasks = [task for each in found.values() if isinstance(each, TaskEnvironment) for task in each.tasks.values()]
    findings = check_tasks(tasks, set(found), root=root, copy_style=copy_style)
    problems += [str(each) for each in findings if each.kind == "environment"]
    return Deployment(
        environments=tuple(deployed),
        problems=tuple(dict.fromkeys(problems)),
        findings=tuple(each for each in findings if each.kind != "environment"),
    )


def _reached(roots: list[Environment], problems: list[str]) -> dict[str, Environment]:
    found: dict[str, Environment] = {}
    ahead = list(reversed(roots))
    while ahead:
        environment = ahead.pop()
        known = found.setdefault(environment.name, environment)
        if known is environment:
            ahead += [each for each in environment.depends_on if found.get(each.name) is not each]
        else:
            problems.append(_twice(known, environment))
    return found


def _twice(one: Environment, other: Environment) -> str:
    if one.declared_at != other.declared_at:
        places = " and ".join(_place(each.declared_at) for each in (one, other))
        return f"two environments are called {one.name!r}, {places}; give one of them another name"
    file = one.declared_at.rpartition(":")[0]
    names = sorted(name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == file)
    return (
        f"environment {one.name!r}, {_place(one.declared_at)}, is made twice: its file was imported as {' and as '.join(names)}. "
        "Choose the folder that the imports count from with --root-dir"
    )


def _nothing() -> str:
    others = sorted({each.name for each in environments() if isinstance(each, Environment)})
    if others:
        return f"there is no environment in it; the modules that it imports make {', '.join(map(repr, others))}: --all takes them, too"
    return "there is no environment in it: make one with flyte.TaskEnvironment(name=...)"


def _deployed(environment: Environment, problems: list[str]) -> Deployed:
    tasks = list(environment.tasks.values()) if isinstance(environment, TaskEnvironment) else []
    plans = []
    for task in tasks:
        try:
            plans.append(plan_for(task, root=True))
        except (TypeError, ValueError, BaseRuntimeError) as error:
            problems.append(f"task {task.name}: {error}")
        problems += _of_triggers(task)
    return Deployed(
        name=environment.name,
        kind=type(environment).__name__,
        declared_at=environment.declared_at,
        depends_on=tuple(each.name for each in environment.depends_on),
        description=environment.description or "",
        include=environment.include,
        plans=tuple(plans),
        signatures={task.name: str(task.border) for task in tasks},
        triggers={task.name: tuple(map(_trigger, task.triggers)) for task in tasks if task.triggers},
    )


def _of_triggers(task: TaskTemplate[Any, Any, Any]) -> list[str]:
    """:return: what its triggers would be refused for"""
    try:
        return [text for each in declared_of(task, datetime.now(UTC)) for text in each.problems]
    except DeploymentError as error:
        return [str(error)]


def _trigger(trigger: Any) -> str:
    return f"{getattr(trigger, 'name', '')}: {getattr(trigger, 'automation', trigger)!r}"


def _place(declared_at: str) -> str:
    path, colon, line = declared_at.rpartition(":")
    return f"{os.path.relpath(path)}:{line}" if colon else "somewhere"
