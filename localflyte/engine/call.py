"""Call: an invocation that a run has accepted: it has a name, a parent and a place in the depth of calls."""

from __future__ import annotations

from dataclasses import dataclass

from localflyte.engine.runstate import RunState
from localflyte.spec.invocation import Invocation

__all__ = ("Call",)


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    run: RunState
    invocation: Invocation
    action: str
    parent: Call | None
    depth: int
    inputs_digest: str
    caller: Call | None = None
    """Whose task waits for it: its parent, or for the first call of a run the one that started the run, in the run of that."""
    again: bool = False
    """Whether it is carried a second time, or is called by one that is, to see whether the same comes out."""

    @property
    def task(self) -> str:
        """The full name of the task."""
        return self.invocation.plan.task.name
