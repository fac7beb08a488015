"""Outcome: how one invocation ended. Every accepted invocation has exactly one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from localflyte.spec.packed import Packed

__all__ = ("ErrorInfo", "Outcome", "Status")


class Status(str, Enum):
    #: a complete reply, a clean exit, outputs taken in
    SUCCEEDED = "succeeded"
    #: the task raised, exited, crashed, or could not be started
    FAILED = "failed"
    #: the caller no longer wants it
    ABORTED = "aborted"
    #: one of its three time bounds was reached
    TIMED_OUT = "timed_out"


class ErrorInfo(NamedTuple):
    """An error as it crosses a border: text only, never a pickled exception."""

    kind: str
    """``"user"``, ``"system"`` or ``"unknown"``, as in flyte.errors."""
    code: str
    """What parents match on: the exception's class name, or flyte's own code."""
    message: str
    worker: str = ""
    traceback: str = ""
    """The traceback as text, with the user's frames only."""
    recoverable: bool = True
    """False stops retries (``NonRecoverableError``)."""
    platform: str = ""
    """Set where localflyte itself raised (time, memory, size, abort): the name of the class in `localflyte.errors` to raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    status: Status
    outputs: tuple[Packed, ...] = ()
    error: ErrorInfo | None = None
    cached: bool = False
    attempts: int = 1
    seconds: float = 0.0
    """How long its last attempt ran; waiting for its turn is not counted."""
