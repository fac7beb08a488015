"""Record: what a run was, put together from its events; what pages, listings and people read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from enum import StrEnum
from typing import Any

from localflyte.spec.event import Event

__all__ = ("ActionRecord", "AttemptRecord", "ErrorRecord", "Recorder", "RunRecord", "State")


class State(StrEnum):
    #: accepted, and waiting for a slot or for its retry
    QUEUED = "queued"
    #: an attempt of it lives
    RUNNING = "running"
    #: ended well, or was found in the cache
    SUCCEEDED = "succeeded"
    #: ended with an error
    FAILED = "failed"
    #: nobody wanted it any more
    ABORTED = "aborted"
    #: ended by one of its time bounds
    TIMED_OUT = "timed_out"
    #: its engine died, and nobody saw the end
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """Whether nothing more can happen."""
        return self not in (State.QUEUED, State.RUNNING)

    @property
    def is_bad(self) -> bool:
        """Whether a person should look at it."""
        return self in (State.FAILED, State.TIMED_OUT, State.LOST)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    kind: str = ""
    code: str = ""
    message: str = ""
    traceback: str = ""

    @property
    def headline(self) -> str:
        """The error in one line."""
        first = self.message.strip().partition("\n")[0]
        return f"{self.code}: {first}" if self.code and first else self.code or first or "failed without a message"


@dataclass(slots=True, kw_only=True)
class AttemptRecord:
    number: int
    pid: int = 0
    status: State = State.RUNNING
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    """Bytes, as the kernel kept them (VmHWM); of an attempt that was killed, the most that was seen."""
    error: ErrorRecord | None = None


@dataclass(slots=True, kw_only=True)
class ActionRecord:
    """One call of one task. Times are seconds since the epoch; durations were measured on the monotonic clock."""

    name: str
    task: str = ""
    short_name: str = ""
    parent: str = ""
    group: str = ""
    status: State = State.QUEUED
    cached: bool = False
    queued: float | None = None
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    error: ErrorRecord | None = None
    logs: list[str] = field(default_factory=list)
    """Log files, relative to the run's folder."""
    report: str = ""
    """The report's page, relative to the run's folder."""
    links: list[tuple[str, str]] = field(default_factory=list)
    """Name and address of the pages that its task has links to."""
    children: list[ActionRecord] = field(default_factory=list)

    @property
    def label(self) -> str:
        """What to call it in front of people."""
        return self.short_name or self.task or self.name


@dataclass(slots=True, kw_only=True)
class RunRecord:
    name: str
    path: str = ""
    """Folder of the run."""
    task: str = ""
    file: str = ""
    parent: str = ""
    """The run whose task started it, empty for most."""
    trigger: str = ""
    """The trigger that started it, empty for most."""
    due: float | None = None
    """When that was due."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    pid: int = 0
    born: str = ""
    """When the engine's process started, as `localflyte.runs.lives` tells it; a pid alone may belong to somebody else by now."""
    status: State = State.RUNNING
    started: float | None = None
    ended: float | None = None
    seconds: float | None = None
    error: ErrorRecord | None = None
    actions: dict[str, ActionRecord] = field(default_factory=dict)
    """Every action by name, in the order in which they were called."""
    roots: list[ActionRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    damaged: int = 0
    """Lines of the journal that could not be read."""

    def counts(self) -> Counter[str]:
        """Count the actions by status; ``cached`` ones are counted there and not as succeeded."""
        return Counter(
            "cached" if action.cached and action.status is State.SUCCEEDED else action.status.value for action in self.actions.values()
        )

    def walk(self) -> Iterator[tuple[int, ActionRecord]]:
        """Yield each action with its depth, callers before the calls they made."""
        waiting = [(0, root) for root in reversed(self.roots)]
        while waiting:
            depth, action = waiting.pop()
            yield depth, action
            waiting.extend((depth + 1, child) for child in reversed(action.children))


class Recorder:
    """Builds the record of a run event by event; takes anything a damaged journal may hold without complaint."""

    def __init__(self, name: str, path: str = "") -> None:
        self.record = RunRecord(name=name, path=path)

    def __call__(self, event: Event) -> None:
        handle = _HANDLERS.get(event.kind)
        if handle is not None:
            handle(self, event)

    def _run_started(self, event: Event) -> None:
        record, data = self.record, event.data
        record.task, record.file, record.pid = _text(data.get("task")), _text(data.get("file")), _integer(data.get("pid"))
        record.parent = _text(data.get("parent"))
        record.trigger, record.due = _text(data.get("trigger")), _number(data.get("due"))
        record.labels, record.annotations = _texts(data.get("labels")), _texts(data.get("annotations"))
        record.born, record.started = _text(data.get("born")), event.at

    def _run_finished(self, event: Event) -> None:
        record, data = self.record, event.data
        record.status, record.ended = _state(data.get("status")), event.at
        record.seconds, record.error = _number(data.get("seconds")), _error(data.get("error"))

    def _queued(self, event: Event) -> None:
        action, data = self._action(event.action, _text(event.data.get("parent"))), event.data
        action.task, action.short_name = _text(data.get("task")), _text(data.get("short_name"))
        action.group, action.queued = _text(data.get("group")), event.at
        action.links = _links(data.get("links"))

    def _hit(self, event: Event) -> None:
        self._action(event.action).cached = True

    def _attempt_started(self, event: Event) -> None:
        action = self._action(event.action)
        action.status = State.RUNNING
        if action.started is None:
            action.started = event.at
        attempt = self._attempt(action, event)
        attempt.pid, attempt.started = _integer(event.data.get("pid")), event.at

    def _attempt_ended(self, event: Event) -> None:
        attempt, data = self._attempt(self._action(event.action), event), event.data
        attempt.status, attempt.ended = _state(data.get("status")), event.at
        attempt.seconds, attempt.error = _number(data.get("seconds")), _error(data.get("error"))
        attempt.cpu_seconds, attempt.peak_memory = _number(data.get("cpu_seconds")), _integer(data.get("peak_memory")) or None

    def _retrying(self, event: Event) -> None:
        self._action(event.action).status = State.QUEUED

    def _finished(self, event: Event) -> None:
        action, data = self._action(event.action), event.data
        action.status, action.ended = _state(data.get("status")), event.at
        action.cached = action.cached or data.get("cached") is True
        action.seconds, action.error = _number(data.get("seconds")), _error(data.get("error"))

    def _report(self, event: Event) -> None:
        self._action(event.action).report = _text(event.data.get("path"))

    def _notice(self, event: Event) -> None:
        self.record.notices.append(_text(event.data.get("text")))

    def _action(self, name: str, parent: str = "") -> ActionRecord:
        action = self.record.actions.get(name)
        if action is None:
            # A caller is known before its calls, so that a journal made up by hand cannot tie a knot.
            caller = self.record.actions.get(parent)
            action = self.record.actions[name] = ActionRecord(name=name, parent=parent)
            (self.record.roots if caller is None else caller.children).append(action)
        return action

    def _attempt(self, action: ActionRecord, event: Event) -> AttemptRecord:
        number = _integer(event.data.get("attempt"))
        for attempt in reversed(action.attempts):
            if attempt.number == number:
                return attempt
        attempt = AttemptRecord(number=number)
        action.attempts.append(attempt)
        return attempt


_HANDLERS = {
    "run.started": Recorder._run_started,
    "run.finished": Recorder._run_finished,
    "action.queued": Recorder._queued,
    "action.hit": Recorder._hit,
    "attempt.started": Recorder._attempt_started,
    "attempt.ended": Recorder._attempt_ended,
    "action.retrying": Recorder._retrying,
    "action.finished": Recorder._finished,
    "action.report": Recorder._report,
    "notice": Recorder._notice,
}
_STATES: Mapping[object, State] = {state.value: state for state in State}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> dict[str, str]:
    return {str(key): _text(text) for key, text in value.items()} if isinstance(value, Mapping) else {}


def _links(value: Any) -> list[tuple[str, str]]:
    rows = value if isinstance(value, list) else []
    return [(_text(row.get("name")), _text(row.get("uri"))) for row in rows if isinstance(row, Mapping)]


def _integer(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _state(value: Any) -> State:
    return _STATES.get(value, State.FAILED) if isinstance(value, str) else State.FAILED


def _error(value: Any) -> ErrorRecord | None:
    if not isinstance(value, Mapping):
        return None
    return ErrorRecord(**{name: _text(value.get(name)) for name in ("kind", "code", "message", "traceback")})
