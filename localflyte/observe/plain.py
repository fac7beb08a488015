"""Plain: the console of pipes, log files and CI, one line for each thing a person wants to know."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TextIO

from localflyte.observe.lending import lent
from localflyte.observe.lines import Backlog
from localflyte.observe.lines import Item
from localflyte.observe.lines import Lines
from localflyte.observe.lines import whose
from localflyte.observe.pump import Pump
from localflyte.observe.tally import Tally
from localflyte.observe.tally import headline
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.spec.event import Event

__all__ = ("TOLD", "PlainConsole", "describe", "is_terminal", "tell_failure", "write_lines")

PAUSE = 0.02  # seconds between two writes, so that thousands of events a second share one
#: the kinds of event that a console says something about
TOLD = frozenset(
    ("log", "run.started", "run.finished", "action.miss", "attempt.ended", "action.retrying", "action.finished", "action.report", "notice")
)


class PlainConsole:
    """One line for each thing a person wants to know, and the output of tasks with the task's name before each line.

    :param stream: where it writes; a slow reader never slows the run, output beyond what can wait is left out and said so
    :param notice: called once, with a sentence for people, if it cannot be written to
    """

    never_blocks = True

    def __init__(self, stream: TextIO, notice: Callable[[str], None] | None = None) -> None:
        self.tally = Tally()
        self._stream = stream
        self._notice = notice
        self._backlog = Backlog()
        self._lines = Lines(colours=is_terminal(stream) and "NO_COLOR" not in os.environ)
        self._errors: dict[str, str] = {}
        self._reported: set[str] = set()
        self._pump = Pump(self._write, self._failed, pause=PAUSE)
        self._waiting = False
        self._set_aside = False
        self._lent = 0

    def __call__(self, event: Event) -> None:
        call = self.tally(event)
        self._lent += lent(event)
        if self._set_aside or event.kind not in TOLD:
            return
        self._backlog.put(event, whose(call, event))
        self._waiting = True

    def flush(self) -> None:
        """Have everything written soon."""
        if self._waiting:
            self._waiting = False
            self._pump.wake()

    def close(self) -> None:
        """Write what is left, unless the stream takes nothing any more."""
        self._lent = 0
        self.flush()
        self._pump.stop()

    def _write(self) -> None:
        if self._lent and is_terminal(self._stream):
            return  # it is the debugger's
        told: list[str] = []
        while (item := self._backlog.take()) is not None:
            told.extend(self._tell(item))
        gap = self._backlog.gap()
        if gap:
            told.append(gap)
        if told and not self._set_aside:
            write_lines(self._stream, told)

    def _tell(self, item: Item) -> list[str]:
        event = item.event
        if event.kind == "log":
            return self._lines.feed(item)
        if event.kind == "attempt.ended":
            self._errors[event.action] = headline(event.data.get("error"))
        elif event.kind == "action.finished":
            self._errors.pop(event.action, None)
            self._reported.discard(event.action)
        elif event.kind == "action.report":
            if event.action in self._reported:  # a task that shows how far it is writes its page again and again
                return []
            self._reported.add(event.action)
        if event.kind == "run.finished":
            return [*self._lines.rest(), f"{clock(event.at)}  {self.tally.summary()}"]
        line = describe(item, self._errors.get(event.action, ""))
        return [*self._lines.end(event.action), *([f"{clock(event.at)}  {line}"] if line else [])]

    def _failed(self, error: Exception) -> None:
        self._set_aside = True
        tell_failure(error, self._notice)


def describe(item: Item, error: str = "") -> str:
    """Say what happened in one line; empty if it needs no words.

    :param error: how the last attempt failed
    """
    event, owner = item
    data = event.data
    match event.kind:
        case "run.started":
            place = f" of {one_line(str(data['file']))}" if data.get("file") else ""
            return f"run {one_line(event.run)}: {one_line(str(data.get('task') or ''))}{place}"
        case "action.miss" if data.get("why"):
            return f"{owner}  not taken from the cache: {one_line(str(data['why']), 300)}"
        case "action.retrying":
            delay = data.get("delay") or 0.0
            when = f"in {duration(delay)}" if delay else "at once"
            return f"{owner}  attempt {data.get('attempt', '')} failed, retrying {when}" + (f": {one_line(error, 300)}" if error else "")
        case "action.finished" if data.get("cached"):
            return f"{owner}  cached"
        case "action.finished" if data.get("status") == "succeeded":
            return f"{owner}  done in {duration(data.get('seconds'))}"
        case "action.finished":
            reason = one_line(headline(data.get("error")), 300)
            status = one_line(str(data.get("status") or "failed")).replace("_", " ")
            return f"{owner}  {status} after {duration(data.get('seconds'))}" + (f": {reason}" if reason else "")
        case "action.report":
            return f"{owner}  report {one_line(str(data.get('path') or ''))}"
        case "notice":
            return f"note: {one_line(str(data.get('text') or ''))}"
        case _:
            return ""


def write_lines(stream: TextIO, lines: list[str]) -> None:
    """Write lines to a stream whatever characters it can take."""
    text = "\n".join(lines) + "\n"
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def tell_failure(error: Exception, notice: Callable[[str], None] | None) -> None:
    """Report that a console cannot be written to; a reader that went away, as ``head`` does, is no failure."""
    if notice is not None and not isinstance(error, BrokenPipeError):
        notice(f"The console cannot be written to ({type(error).__name__}: {error}); the run goes on without it.")


def is_terminal(stream: TextIO) -> bool:
    """Tell whether a person looks at the stream."""
    try:
        return stream.isatty()
    except (AttributeError, ValueError, OSError):
        return False
