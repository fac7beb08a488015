"""Needs: the images that a run may come to need: of its task's environment, and of those that this depends on, as a deployment has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localflyte.api.environment import Environment

__all__ = ("images_needed",)


def images_needed(task: Any) -> tuple[Mapping[str, Any], ...]:
    """:return: the terms of every image but the default one"""
    parent = getattr(task, "parent_env", None)
    ahead: list[Environment | None] = [parent() if callable(parent) else None]
    seen: list[Environment] = []
    found: list[Mapping[str, Any]] = []
    while ahead:
        environment = ahead.pop()
        if environment is None or any(environment is each for each in seen):
            continue
        seen.append(environment)
        ahead += environment.depends_on
        tasks = getattr(environment, "tasks", {}).values()
        if tasks and all(task.is_container for task in tasks):
            continue  # their image is no place for a process of ours, and is made ready by other rules
        if environment.image and environment.image != "auto":
            from localflyte.spec.image import image_from_request

            terms = image_from_request(environment.image).terms()
            if terms is not None and terms not in found:
                found.append(terms)
    return tuple(found)
