"""Queue: a named line of tasks, with how many of them may run at once and who goes first."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("QueueTerms",)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueTerms:
    concurrency: int | None = None
    """Tasks of the queue that may run at once, those that await others not counted; ``None``: as many as the machine has room for.
    On a cluster its name is ``maxActionConcurrency``."""
    run_concurrency: int | None = None
    """Runs that may be under way at once whose first task is in the queue; ``maxRunConcurrency``."""
    max_depth: int | None = None
    """Tasks of the queue that may run or wait at a time; one more is refused. ``maxDepth``."""
    priority: int = 0
    """Where tasks of several queues wait for the machine, those of the higher priority go first."""
