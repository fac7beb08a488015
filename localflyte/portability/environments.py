"""Environments: those of the tasks that a task calls, where a deployment would not bring them along."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

from localflyte.portability.finding import Finding
from localflyte.portability.finding import place
from localflyte.portability.scope import Scope

__all__ = ("deployed_with", "find_environments")


def deployed_with(environment: Any) -> set[str]:
    """:return: the names of an environment and of all that it depends on, directly or not"""
    found: set[str] = set()
    ahead = [environment]
    while ahead:
        each = ahead.pop()
        if each.name not in found:
            found.add(each.name)
            ahead += each.depends_on
    return found


def find_environments(scope: Scope, deployed: Collection[str]) -> Iterator[Finding]:
    """Find the tasks that it uses and whose environments would not be there.

    :param deployed: the names of the environments that are
    """
    task = scope.task
    environment = task.parent_env() if task.parent_env is not None else None
    declared_at = environment.declared_at if environment is not None else ""
    file, colon, line = declared_at.rpartition(":")
    where = place(file, int(line)) if colon else f"environment {task.parent_env_name}"
    for name, used in scope.uses.tasks.items():
        home = used.parent_env_name
        if home and home not in deployed:
            yield Finding(
                "environment",
                home,
                where,
                f"task {task.name} uses task {name}",
                f"environment {home!r} would not be deployed with environment {task.parent_env_name!r}",
                f"Write depends_on=[...] in environment {task.parent_env_name!r}",
            )
