"""Link: a place on the web where one action can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import Protocol
from typing import runtime_checkable

__all__ = ("ACTION", "DOMAIN", "POD", "PROJECT", "RUN", "Link")

#: What a link is given for what is not known yet when it is asked, as a cluster does it; they are replaced in what it gives back.
RUN, ACTION, PROJECT, DOMAIN, POD = "{{.runName}}", "{{.actionName}}", "{{.project}}", "{{.domain}}", "{{.podName}}"


@runtime_checkable
class Link(Protocol):
    """What shows a link beside an action: subclass it, or write a class with the same members."""

    name: str
    icon_uri: str | None = ""

    def get_link(
        self,
        run_name: str,
        project: str,
        domain: str,
        context: Mapping[str, str],
        parent_action_name: str,
        action_name: str,
        pod_name: str,
        **kwargs: Any,
    ) -> str:
        """:return: the URL of the page for this action"""
        raise NotImplementedError
