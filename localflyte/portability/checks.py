"""Checks: everything that can be found of a run, or of a deployment, in the order in which a person would mend it."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from localflyte.api.resolve import plan_for
from localflyte.errors import BaseRuntimeError
from localflyte.portability.code import Texts
from localflyte.portability.environments import deployed_with
from localflyte.portability.environments import find_environments
from localflyte.portability.fields import find_fields
from localflyte.portability.finding import Finding
from localflyte.portability.imports import find_modules
from localflyte.portability.imports import find_packages
from localflyte.portability.paths import find_paths
from localflyte.portability.paths import find_paths_in_inputs
from localflyte.portability.scope import Scope
from localflyte.portability.scope import scope_of
from localflyte.portability.state import find_state
from localflyte.portability.variables import find_variables
from localflyte.spec.options import Options

__all__ = ("check_run", "check_tasks")

STYLE = "loaded_modules"  # what a code bundle holds where nothing is said


def check_run(
    task: Any, args: Iterable[Any], kwargs: Mapping[str, Any], *, root: str, copy_style: str = STYLE, options: Options | None = None
) -> list[Finding]:
    """Look at a task, all that it calls, and the inputs that it is given.

    :param root: the root folder of the project
    :param options: what the run says for its actions
    """
    if task.function is None:
        return []
    found = list(find_paths_in_inputs(task, task.border.bind(tuple(args), dict(kwargs), task=task.name)))
    environment = task.parent_env() if task.parent_env is not None else None
    deployed = None if environment is None else deployed_with(environment)
    return _once([*found, *check_tasks([task], deployed, root=root, copy_style=copy_style, options=options)])


def check_tasks(
    tasks: Iterable[Any], deployed: Collection[str] | None, *, root: str, copy_style: str = STYLE, options: Options | None = None
) -> list[Finding]:
    """Look at tasks and all that they call.

    :param deployed: the names of the environments that will be there; ``None`` where that is nothing to ask about
    :param root: the root folder of the project
    :param options: what the run says for its actions
    """
    scopes = list(_reached(tasks))
    found = find_state(scopes)
    for scope in scopes:
        found += find_fields(scope)
        found += find_paths(scope)
        found += _of_variables(scope, options)
        found += find_packages(scope)
        found += find_modules(scope, root, copy_style)
        found += find_environments(scope, deployed) if deployed is not None else ()
    return _once(found)


def _reached(tasks: Iterable[Any]) -> Iterator[Scope]:
    texts = Texts()
    ahead = list(tasks)
    known: set[str] = set()
    while ahead:
        task = ahead.pop(0)
        if task.name in known or task.function is None:
            continue
        known.add(task.name)
        scope = scope_of(task, texts)
        ahead += scope.uses.tasks.values()
        yield scope


def _of_variables(scope: Scope, options: Options | None) -> list[Finding]:
    try:
        plan = plan_for(scope.task, run=options)
    except (TypeError, ValueError, BaseRuntimeError):
        return []  # the call itself will say what is wrong with it
    return list(find_variables(scope, plan))


def _once(findings: Iterable[Finding]) -> list[Finding]:
    """:return: one for each thing to mend: several tasks may share the code that it stands in"""
    return list({(each.kind, each.subject, each.where): each for each in reversed(list(findings))}.values())[::-1]
