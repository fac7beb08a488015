"""Tried: a lookup that was made as its call came in, and what is told of a call that this has settled."""

from __future__ import annotations

from typing import NamedTuple

from localflyte.engine.call import Call
from localflyte.store.keys import Key
from localflyte.store.memo import Found

__all__ = ("Tried", "tell_hit", "tell_queued")


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
    )


def tell_hit(call: Call, tried: Tried) -> None:
    """Tell of a call whose outputs were found at once."""
    tell_queued(call)
    call.run.emit("action.hit", call.action, key=tried.key.digest, why=tried.found.why)
    call.run.emit("action.finished", call.action, status="succeeded", cached=True, attempts=0, seconds=0.0, error=None)
