"""Event: one thing that happened in a run. Sinks (console, journal, page) read events and nothing else.

Order is a contract, per action: queued < hit or miss < started < ended < stored < finished; a hit has no attempt.

kind               data
run.started        task, file, parent; pid and born of the engine's process; trigger, and when that was due; labels and annotations
action.queued      task, short_name, parent, group; links [{name, uri}] where it has any
action.hit         key, why: where from
action.miss        key, parts {component: digest or text}, why (empty where nobody asked)
attempt.started    attempt, pid
attempt.ended      attempt, status, seconds, cpu_seconds, peak_memory (bytes), error {code, message}
attempt.paused     attempt, where: a person looks into it with a debugger
attempt.resumed    attempt
condition.waiting  condition (as in `localflyte.runs.conditions.Condition`), here: whether it is asked on the terminal
condition.ended    number, here, status ("answered" | "timed out" | "given up")
action.retrying    attempt, delay
action.stored      key
action.finished    status, cached, attempts, seconds (of its last attempt), error {kind, code, message, traceback}
action.report      path
action.trace       name, parent, inputs, outputs, started, seconds, error {code, message}; the action is the traced call
log                attempt, stream ("stdout" | "stderr"), data: bytes
record             attempt, task; what was logged with ``flyte.logger``, as in `localflyte.engine.records`. It is part of the output as well
notice             text: said once, to the person
run.finished       status, seconds, error
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

__all__ = ("Event",)


class Event(NamedTuple):
    kind: str
    run: str
    action: str
    at: float
    """Seconds since the epoch, for people; durations are measured on the monotonic clock."""
    data: Mapping[str, Any]
