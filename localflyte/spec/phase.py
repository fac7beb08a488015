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

    def to_protobuf_value(self) -> int:
        """:return: the number of this phase on Flyte's wire"""
        return _NUMBERS[self]

    @classmethod
    def from_protobuf(cls, pb_phase: int) -> ActionPhase:
        """Find the phase of a number on Flyte's wire.

        :raises ValueError: if there is none, as for 0, which says nothing
        """
        for phase, number in _NUMBERS.items():
            if number == pb_phase:
                return phase
        meaning = "Cannot convert UNSPECIFIED phase" if pb_phase == 0 else f"Cannot convert {pb_phase!r}, which is no phase,"
        raise ValueError(f"{meaning} to ActionPhase: there are 1 to {len(_NUMBERS)}")


_NUMBERS = {
    ActionPhase.QUEUED: 1,
    ActionPhase.WAITING_FOR_RESOURCES: 2,
    ActionPhase.INITIALIZING: 3,
    ActionPhase.RUNNING: 4,
    ActionPhase.SUCCEEDED: 5,
    ActionPhase.FAILED: 6,
    ActionPhase.ABORTED: 7,
    ActionPhase.TIMED_OUT: 8,
    ActionPhase.PAUSED: 9,
    ActionPhase.RECOVERED: 10,
}
_TERMINAL = frozenset(
    (ActionPhase.SUCCEEDED, ActionPhase.FAILED, ActionPhase.ABORTED, ActionPhase.TIMED_OUT, ActionPhase.RECOVERED),
)
