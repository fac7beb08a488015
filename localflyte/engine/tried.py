"""Tried: a lookup that was made as its call came in, and what is told of a call that this has settled."""

from __future__ import annotations

from typing import NamedTuple

from localflyte.engine.call import Call
from localflyte.spec.link import ACTION
from localflyte.spec.link import DOMAIN
from localflyte.spec.link import POD
from localflyte.spec.link import PROJECT
from localflyte.spec.link import RUN
from localflyte.store.keys import Key
from localflyte.store.memo import Found

__all__ = ("Tried", "tell_hit", "tell_queued")


MOST_LINKS = 20  # of a task
MOST_TEXT = 2000  # characters


class Tried(NamedTuple):
    key: Key
    found: Found


def tell_queued(call: Call) -> None:
    """Tell that a call was accepted."""
    call.run.emit(
        "action.queued",
        call.action,
        task=call.task,
        short_name=call.invocation.plan.short_name,
        parent=call.parent.action if call.parent else None,
        group=call.invocation.group,
        **({"links": _links(call)} if call.invocation.plan.links else {}),
    )


def _links(call: Call) -> list[dict[str, str]]:
    """:return: the links of a call, with what they could not know put in"""
    request = call.run.request
    known = {RUN: call.run.name, ACTION: call.action, PROJECT: request.project, DOMAIN: request.domain, POD: "localhost"}
    links = []
    for link in call.invocation.plan.links[:MOST_LINKS]:
        uri = str(link.get("uri", ""))[:MOST_TEXT]
        for placeholder, value in known.items():
            uri = uri.replace(placeholder, value or "")
        links.append({"name": str(link.get("name", ""))[:MOST_TEXT], "uri": uri})
    return links


def tell_hit(call: Call, tried: Tried) -> None:
    """Tell of a call whose outputs were found at once."""
    tell_queued(call)
    call.run.emit("action.hit", call.action, key=tried.key.digest, why=tried.found.why)
    call.run.emit("action.finished", call.action, status="succeeded", cached=True, attempts=0, seconds=0.0, error=None)
