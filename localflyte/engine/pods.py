"""Pods: the pod templates of one run, those of the settings by name, each put under the plans that ask for it, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from msgpack import packb

from localflyte.settings import Settings
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.plan import Plan
from localflyte.spec.podmeaning import PodMeaning
from localflyte.spec.podmeaning import apply_pod
from localflyte.spec.podmeaning import read_pod
from localflyte.spec.podspec import pod_terms

__all__ = ("Pods",)


class Pods:
    """:param cwd: the folder that relative ones count from
    :param notice: says something to the person, once
    """

    def __init__(self, settings: Settings, cwd: str, notice: Callable[[str], None]) -> None:
        self._settings = settings
        self._cwd = cwd
        self._notice = notice
        #: by the identity of a plan, which is kept beside so that the identity stays its own
        self._applied: dict[int, tuple[Plan, Plan]] = {}
        self._refused: dict[int, ErrorInfo] = {}
        self._told: set[bytes] = set()

    def apply(self, plan: Plan) -> Plan:
        """:return: the plan with what its template says; the plan itself where that is nothing, or is refused"""
        if plan.pod_template is None:
            return plan
        known = self._applied.get(id(plan))
        if known is None:
            known = self._applied[id(plan)] = (plan, self._decide(plan))
        return known[1]

    def refusal(self, plan: Plan) -> ErrorInfo | None:
        """:return: why a call with this plan, which `apply` gave, must not begin, or ``None``"""
        return self._refused.get(id(plan))

    def _decide(self, plan: Plan) -> Plan:
        assert plan.pod_template is not None
        name = plan.pod_template.get("name")
        called = f"the pod template of {plan.task.name}" if name is None else f"the pod template {name!r} of {plan.task.name}"
        terms = plan.pod_template if name is None else self._settings.pod_templates.get(name)
        if terms is None:
            return self._unknown(plan, str(name), called)
        try:
            pod = read_pod(terms if name is None else pod_terms(terms), named=name is not None)
            applied, cut = apply_pod(plan, pod)
        except LookupError as error:
            return self._refuse(plan, "PrimaryContainerNotFound", f"{called}: {error.args[0]}")
        except (ValueError, TypeError) as error:
            return self._refuse(plan, "PodTemplateError", f"{called} cannot be read: {error}")
        if cut and self._settings.strict:
            return self._refuse(plan, "PodTemplateError", f"{called} holds the task to less than it asks for: {'; '.join(cut)}.")
        for words in cut:
            self._notice(f"{called} holds the task to less than it asks for, and it gets no more: {words}")
        self._say_what_is_not_applied(plan, pod, called)
        return self._placed(applied, called)

    def _unknown(self, plan: Plan, name: str, called: str) -> Plan:
        known = ", ".join(sorted(self._settings.pod_templates)) or "none"
        message = (
            f"{called} is in no settings, so nothing of it can be applied; a cluster may know it. "
            f"To apply it here, write it under [tool.localflyte.pod_templates.{name}] in pyproject.toml. Known are: {known}"
        )
        if self._settings.strict:
            return self._refuse(plan, "PodTemplateError", message)
        self._notice(message)
        return plan

    def _refuse(self, plan: Plan, code: str, message: str) -> Plan:
        self._refused[id(plan)] = ErrorInfo("user", code, message, "system", "", False)
        return plan

    def _say_what_is_not_applied(self, plan: Plan, pod: PodMeaning, called: str) -> None:
        template = packb(plan.pod_template)
        if pod.unapplied and template not in self._told:
            self._told.add(template)
            self._notice(f"{called} says more than can be applied on this machine; not applied: {', '.join(pod.unapplied)}")

    def _placed(self, plan: Plan, called: str) -> Plan:
        """A folder of an image need not be here. Making one would leave it behind on the person's disk."""
        if not plan.working_dir:
            return plan
        folder = os.path.join(self._cwd, plan.working_dir)
        if os.path.isdir(folder) and os.access(folder, os.X_OK):
            return replace(plan, working_dir=os.path.normpath(folder))
        self._notice(f"{called} starts the task in {plan.working_dir}, which is no folder here: it starts where the run was started")
        return replace(plan, working_dir="")
