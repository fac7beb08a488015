"""Tally: how many actions wait, run and are done, counted per task and per place in the tree of calls.

Ten thousand calls of one task from one caller are one row of counters, and so are calls of a task from equal callers:
what it holds grows with the program that is run and with what runs at the moment, never with the size of a fan-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from localflyte.spec.event import Event

__all__ = ("Call", "Counts", "Row", "Tally")

MOST_ROWS = 50  # below one row; a program that makes up names or groups without end gets a row "others"
MOST_DEPTH = 8  # of rows; what is called deeper is shown there
RECENT = 1000  # calls that are remembered after their end, since their last output may come later than their reply
FAILURES_KEPT = 5  # of each row, to be named
OTHERS = "others"


@dataclass(slots=True)
class Counts:
    queued: int = 0
    running: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    aborted: int = 0
    retries: int = 0

    @property
    def total(self) -> int:
        return self.queued + self.running + self.over

    @property
    def over(self) -> int:
        return self.done + self.cached + self.failed + self.aborted

    def describe(self) -> str:
        """Say what is not nought, in words."""
        parts = (
            (self.running, "running"),
            (self.queued, "queued"),
            (self.done, "done"),
            (self.cached, "cached"),
            (self.failed, "failed"),
            (self.aborted, "aborted"),
            (self.retries, "retried"),
        )
        return ", ".join(f"{count:,} {name}" for count, name in parts if count)


@dataclass(slots=True, eq=False)
class Row:
    """Calls of one task at one place of the tree."""

    label: str
    above: Row | None = None
    depth: int = 0
    counts: Counts = field(default_factory=Counts)
    below: dict[tuple[str, str], Row] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    """The first actions that failed, each with its error in one line."""
    first_started: float | None = None
    last_ended: float | None = None


@dataclass(slots=True, eq=False)
class Call:
    """One action that is not over."""

    name: str
    label: str
    row: Row
    attempt: int = 0
    started: float | None = None
    """``None`` while it is queued."""
    retried: bool = False


class Tally:
    """A sink that only counts; the cost of an event is a few dictionary operations."""

    def __init__(self) -> None:
        self.top = Row("")
        self.all = Counts()
        self.calls: dict[str, Call] = {}
        """Every action that is not over."""
        self.running: dict[str, Call] = {}
        """Those with a live attempt, the oldest first."""
        self._recent: dict[str, Call] = {}
        self.run = ""
        self.task = ""
        self.started: float | None = None
        self.ended: float | None = None
        self.status = ""
        self.seconds: float | None = None

    def __call__(self, event: Event) -> Call | None:
        """Count an event, and return the call it is about, also when that is over now."""
        match event.kind:
            case "log":
                return self.calls.get(event.action) or self._recent.get(event.action)
            case "action.queued":
                return self._queued(event)
            case "attempt.started":
                return self._started(event)
            case "action.finished":
                return self._finished(event)
            case "action.retrying":
                return self._retrying(event)
            case "run.started":
                self.run, self.task, self.started = event.run, str(event.data.get("task") or ""), event.at
            case "run.finished":
                self.status, self.ended = str(event.data.get("status") or ""), event.at
                self.seconds = event.data.get("seconds")
        return self.calls.get(event.action)

    def summary(self) -> str:
        """Say how the run ended, in one line."""
        from localflyte.observe.text import duration
        from localflyte.observe.text import one_line

        seconds = self.seconds if self.seconds is not None else (self.ended or 0.0) - (self.started or self.ended or 0.0)
        actions = f"{self.all.total:,} action{'' if self.all.total == 1 else 's'}"
        ended = f"{one_line(self.run)} {one_line(self.status).replace('_', ' ')} in {duration(seconds)}"
        return f"{ended}; {actions}: {self.all.describe() or 'none'}"

    def _queued(self, event: Event) -> Call:
        data = event.data
        label = str(data.get("short_name") or data.get("task") or event.action)
        caller = self.calls.get(data.get("parent") or "")
        row = self._row(self.top if caller is None else caller.row, label, str(data.get("group") or ""))
        call = self.calls[event.action] = Call(event.action, label, row)
        row.counts.queued += 1
        self.all.queued += 1
        return call

    def _started(self, event: Event) -> Call | None:
        call = self.calls.get(event.action)
        if call is None:
            return None
        call.attempt = event.data.get("attempt", 0)
        if call.started is None:
            self._move(call, event.at)
        return call

    def _retrying(self, event: Event) -> Call | None:
        call = self.calls.get(event.action)
        if call is None:
            return None
        call.retried = True
        call.row.counts.retries += 1
        self.all.retries += 1
        if call.started is not None:
            self._move(call, None)
        return call

    def _move(self, call: Call, started: float | None) -> None:
        """Move a call from queued to running, or back."""
        step = -1 if started is None else 1
        for counts in (call.row.counts, self.all):
            counts.queued -= step
            counts.running += step
        call.started = started
        if started is None:
            self.running.pop(call.name, None)
            return
        self.running[call.name] = call
        if call.row.first_started is None:
            call.row.first_started = started

    def _finished(self, event: Event) -> Call | None:
        call = self.calls.pop(event.action, None)
        if call is None:
            return None
        self.running.pop(event.action, None)
        self._recent[event.action] = call
        if len(self._recent) > RECENT:
            del self._recent[next(iter(self._recent))]
        data, row = event.data, call.row
        row.last_ended = event.at
        for counts in (row.counts, self.all):
            if call.started is None:
                counts.queued -= 1
            else:
                counts.running -= 1
            if data.get("cached"):
                counts.cached += 1
            elif data.get("status") == "succeeded":
                counts.done += 1
            elif data.get("status") == "aborted":
                counts.aborted += 1
            else:
                counts.failed += 1
        if data.get("status") not in ("succeeded", "aborted") and len(row.failures) < FAILURES_KEPT:
            row.failures.append((event.action, headline(data.get("error"))))
        return call

    def _row(self, above: Row, label: str, group: str) -> Row:
        # A task that calls itself, directly or around, has one row, however deep it goes.
        known: Row | None = above
        while known is not None:
            if known.label == label and not group and known is not self.top:
                return known
            known = known.above
        if above.depth >= MOST_DEPTH and above.above is not None:
            above = above.above
        key = (label, group)
        row = above.below.get(key)
        if row is None:
            if len(above.below) >= MOST_ROWS:
                key = (OTHERS, "")
                row = above.below.get(key)
            if row is None:
                row = above.below[key] = Row(f"{key[0]} ({group})" if key[1] else key[0], above, above.depth + 1)
        return row


def headline(error: object) -> str:
    """Say in one line what an event tells of an error."""
    if isinstance(error, tuple) and hasattr(error, "_asdict"):
        error = error._asdict()
    if not isinstance(error, dict):
        return ""
    code, message = str(error.get("code") or ""), str(error.get("message") or "").strip().partition("\n")[0]
    return f"{code}: {message}" if code and message else code or message
