"""Needs: the images that a run may come to need: of its task's environment, and of those that this depends on, as a deployment has them."""

from __future__ import annotations

from collections.abc import Container
from collections.abc import Mapping
from typing import Any

from localflyte.api.environment import Environment

__all__ = ("images_needed",)


def images_needed(task: Any, names: Container[str] = ()) -> tuple[Mapping[str, Any], ...]:
    """:param names: what ``Image.from_ref_name`` may name; where ``default`` is among them, it is that of who declares none
    :return: the terms of every image but that of the interpreter which runs localflyte
    """
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
        declared = environment.image if environment.image != "auto" else None
        if declared or "default" in names:
            from localflyte.spec.image import Image
            from localflyte.spec.image import image_from_request

            terms = (image_from_request(declared) if declared else Image.from_ref_name()).terms()
            if terms is not None and terms not in found:
                found.append(terms)
    return tuple(found)
