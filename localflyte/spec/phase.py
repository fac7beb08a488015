"""ActionPhase: where in its life an action is."""

from __future__ import annotations

from enum import Enum

__all__ = ("ActionPhase",)


class ActionPhase(str, Enum):
    """The phases of an action, from the moment it was asked for to its end."""

    #: waits for its turn
    QUEUED = "queued"
    #: waits for CPU, memory or a place in its queue
    WAITING_FOR_RESOURCES = "waiting_for_resources"
    #: its process is being prepared
    INITIALIZING = "initializing"
    #: its code runs
    RUNNING = "running"
    #: waits for a person or another program
    PAUSED = "paused"
    #: ended well
    SUCCEEDED = "succeeded"
    #: ended with an error
    FAILED = "failed"
    #: was ended from outside
    ABORTED = "aborted"
    #: reached one of its time bounds
    TIMED_OUT = "timed_out"
    #: was taken over from an earlier run, as good as succeeded
    RECOVERED = "recovered"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing comes after this phase."""
        return self in _TERMINAL

    def to_protobuf_name(self) -> str:
        """:return: the name of this phase on Flyte's wire, ``ACTION_PHASE_QUEUED``"""
        return f"ACTION_PHASE_{self.value.upper()}"


_TERMINAL = frozenset(
    (ActionPhase.SUCCEEDED, ActionPhase.FAILED, ActionPhase.ABORTED, ActionPhase.TIMED_OUT, ActionPhase.RECOVERED),
)
