"""Verdict: what a reply, or an exit without one, means. A success needs a complete reply; an exit code alone proves nothing."""

from __future__ import annotations

import os
import signal

from localflyte.errors import ProtocolError
from localflyte.launch.channel import CUT_OFF
from localflyte.launch.child import Exit
from localflyte.launch.child import Worker
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome
from localflyte.spec.outcome import Status
from localflyte.wire.messages import error_from_wire
from localflyte.wire.messages import outputs_from_wire

__all__ = ("breaks_protocol", "failure", "judge")


_STATUSES = {
    "TaskTimeoutError": Status.TIMED_OUT,
    "MaxRuntimeExceededError": Status.TIMED_OUT,
    "MaxQueuedTimeExceededError": Status.TIMED_OUT,
    "DeadlineExceededError": Status.TIMED_OUT,
    "ActionAbortedError": Status.ABORTED,
}
_SIGNALS = {
    int(signal.SIGKILL): "somebody outside sent it (the kernel, when memory ran out, or a person); localflyte did not",
    int(signal.SIGSEGV): "native code read memory that is not its own; the Python stack is in the task's log",
    int(signal.SIGTERM): "somebody outside asked it to end",
}


def judge(child: Worker, task: str, attempts: int, seconds: float) -> Outcome:
    """:return: the outcome of an attempt whose child has settled, after so many attempts and seconds of the last"""
    try:
        if breaks_protocol(child):
            raise ProtocolError(child.broken)
        if child.reply is not None:
            if child.reply.ok:
                return Outcome(status=Status.SUCCEEDED, outputs=outputs_from_wire(child.reply.payload), attempts=attempts, seconds=seconds)
            return failure(error_from_wire(child.reply.payload), attempts, seconds)
    except ProtocolError as error:
        message = (
            f"The worker of task {task} sent what is no message of localflyte's: {error}. "
            f"Does the task write to descriptors it did not open?"
        )
        return failure(ErrorInfo("system", "ProtocolError", message, "system"), attempts, seconds)
    assert child.exit is not None
    return failure(_without_reply(child.exit, task), attempts, seconds)


def breaks_protocol(child: Worker) -> bool:
    """:return: whether it sent what is no message, for which we end it; one that is killed may leave half a message, and does not"""
    return bool(child.broken) and not (child.broken == CUT_OFF and child.exit is not None and _was_killed(child.exit))


def failure(error: ErrorInfo, attempts: int = 0, seconds: float = 0.0) -> Outcome:
    """:return: the outcome that carries the error"""
    status = _STATUSES.get(error.platform, Status.FAILED)
    return Outcome(status=status, error=error, attempts=attempts, seconds=seconds)


def _was_killed(end: Exit) -> bool:
    return end.status is not None and os.WIFSIGNALED(end.status)


def _without_reply(end: Exit, task: str) -> ErrorInfo:
    if end.status is None:
        message = f"The process of task {task} ended, and how is not known: the fork server that started it was gone already."
        return ErrorInfo("system", "WorkerLostError", message, "system")
    if _was_killed(end):
        number = os.WTERMSIG(end.status)
        name = _signal_name(number)
        told = _SIGNALS.get(number, "see the task's log")
        return ErrorInfo("system", name, f"The process of task {task} was killed by {name}: {told}.", "system")
    code = os.WEXITSTATUS(end.status)
    message = (
        f"The process of task {task} ended with exit code {code} and without a reply, as after os._exit({code}). "
        f"A task succeeds only by returning; raise an exception to fail it."
    )
    return ErrorInfo("user", "WorkerExitedError", message, "user")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
