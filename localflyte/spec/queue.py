"""Queue: a named line of tasks, with how many of them may run at once and who goes first."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("QueueTerms",)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTerms:
    concurrency: int | None = None
    """Tasks of the queue that may run at once; ``None``: as many as the machine has room for."""
    priority: int = 0
    """Where tasks of several queues wait for the machine, those of the higher priority go first."""
