"""Queues: the named lines of the settings. All runs of an engine share them, as all runs of a cluster do."""

from __future__ import annotations

from collections.abc import Mapping

from localflyte.engine.admission import Slots
from localflyte.spec.queue import QueueTerms

__all__ = ("Queue", "Queues", "how_to_declare")

#: What is in force without being declared: the one name that says by itself what the queue does.
KNOWN = {"serial": QueueTerms(concurrency=1)}


class Queue:
    """One queue and what is in it now."""

    __slots__ = ("accepted", "max_depth", "name", "priority", "run_slots", "slots")

    def __init__(self, name: str, terms: QueueTerms) -> None:
        self.name = name
        self.priority = terms.priority
        self.max_depth = terms.max_depth
        #: places for its tasks
        self.slots = _slots(terms.concurrency)
        #: places for first tasks of runs
        self.run_slots = _slots(terms.run_concurrency)
        #: calls that are in it, running or waiting
        self.accepted = 0


class Queues:
    """:param declared: the queues of the settings"""

    def __init__(self, declared: Mapping[str, QueueTerms]) -> None:
        self._queues = {name: Queue(name, terms) for name, terms in {**KNOWN, **declared}.items()}

    def find(self, name: str) -> Queue | None:
        """:return: the queue, or ``None`` if nobody declared it: then it is as wide as the machine"""
        return self._queues.get(name)


def how_to_declare(name: str) -> str:
    """:return: what to write into a pyproject.toml to limit a queue"""
    key = name if name.isascii() and name.replace("-", "").replace("_", "").isalnum() else f'"{name}"'
    return f"{key} = 2 under [tool.localflyte.queues] in pyproject.toml"


def _slots(limit: int | None) -> tuple[Slots, ...]:
    return () if limit is None else (Slots(limit),)
