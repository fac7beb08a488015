"""Links: the pages that the links of a task name for one call. The engine puts in what only it knows: the names of run and action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localflyte.api.context import TaskContext
from localflyte.spec.link import ACTION
from localflyte.spec.link import DOMAIN
from localflyte.spec.link import POD
from localflyte.spec.link import PROJECT
from localflyte.spec.link import RUN
from localflyte.spec.plan import Plan

__all__ = ("with_links",)

MOST_PLANS = 64  # kept of a task; its custom context may be another in each call


def with_links(plan: Plan, task: Any, context: TaskContext | None, custom_context: Mapping[str, str]) -> Plan:
    """Ask the links of a task for their pages.

    :param task: the template that is called
    :param context: that of the task that calls it
    :return: the plan, which is the same for calls whose pages are the same
    :raises Exception: whatever a link raises
    """
    action = context.action if context is not None else None
    known = {
        "run_name": (action.run_name if action is not None else None) or RUN,
        "project": (action.project or "") if action is not None else PROJECT,
        "domain": (action.domain or "") if action is not None else DOMAIN,
        "parent_action_name": action.name if action is not None else "",
        "action_name": ACTION,
        "pod_name": POD,
    }
    asked = zip(plan.links, task.links, strict=False)
    links = tuple({**said, "uri": _uri(link, task.name, {**known, "context": dict(custom_context)})} for said, link in asked)
    key = ("links", id(plan), tuple(link["uri"] for link in links))
    found = task.plans.get(key)
    if found is None:
        if len(task.plans) >= MOST_PLANS:
            task.plans.clear()
        found = task.plans[key] = (replace(plan, links=links), plan)
    linked: Plan = found[0]
    return linked


def _uri(link: Any, task: str, known: Mapping[str, Any]) -> str:
    try:
        return str(link.get_link(**known))
    except Exception as error:
        error.add_note(f"in get_link() of link {getattr(link, 'name', link)!r} of task {task}")
        raise
