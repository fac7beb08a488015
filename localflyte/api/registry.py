"""Registry: every task that a module defines, by module and full name, and every environment in the order of loading."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ("add_environment", "add_task", "environments", "find", "tasks")

_tasks: dict[tuple[str, str], Any] = {}
_environments: list[Any] = []


def add_task(module: str, name: str, task: Any) -> None:
    """Remember a task; a later one of the same module and name takes its place, as the later definition does in Python."""
    _tasks[module, name] = task


def find(module: str, name: str) -> Any:
    """:return: the task template, or ``None`` when the module has defined none of that name"""
    return _tasks.get((module, name))


def tasks(module: str | None = None) -> Iterable[Any]:
    """:return: every known task, or those of one module, in the order of definition"""
    return [task for (home, _), task in _tasks.items() if module is None or home == module]


def add_environment(environment: Any) -> None:
    """Remember an environment."""
    _environments.append(environment)


def environments() -> list[Any]:
    """:return: the environments in the order in which they were made"""
    return _environments
