"""Streams of events as an engine sends them, made up for the tests of sinks."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from localflyte.spec.event import Event

__all__ = ("Stream", "fan_out")


class Stream:
    """Makes the events of one run, each a millisecond after the one before."""

    def __init__(self, run: str = "r1", start: float = 1_700_000_000.0) -> None:
        self.run = run
        self._clock = (start + step / 1000 for step in count())

    def event(self, kind: str, action: str = "", **data: Any) -> Event:
        return Event(kind, self.run, action, next(self._clock), data)

    def begin(self, task: str = "env.main", pid: int = 1, born: str = "") -> Event:
        return self.event("run.started", task=task, pid=pid, born=born, file="main.py")

    def finish(self, status: str = "succeeded", seconds: float = 1.5, error: dict[str, str] | None = None) -> Event:
        return self.event("run.finished", status=status, seconds=seconds, error=error)

    def queue(self, action: str, short_name: str = "main", parent: str = "", group: str = "") -> Event:
        return self.event("action.queued", action, task=f"env.{short_name}", short_name=short_name, parent=parent, group=group)

    def start(self, action: str, attempt: int = 1, pid: int = 7) -> Event:
        return self.event("attempt.started", action, attempt=attempt, pid=pid)

    def log(self, action: str, data: bytes, stream: str = "stdout", attempt: int = 1) -> Event:
        return self.event("log", action, attempt=attempt, stream=stream, data=data)

    def end(self, action: str, status: str = "succeeded", attempt: int = 1, error: dict[str, str] | None = None) -> Event:
        return self.event("attempt.ended", action, attempt=attempt, status=status, seconds=0.12, error=error)

    def done(self, action: str, status: str = "succeeded", cached: bool = False, error: dict[str, str] | None = None) -> Event:
        return self.event("action.finished", action, status=status, cached=cached, attempts=1, seconds=0.12, error=error)

    def call(
        self, action: str, short_name: str = "main", parent: str = "", error: dict[str, str] | None = None, text: bytes = b""
    ) -> Iterator[Event]:
        """Yield one whole call, with its output and its error if it has them."""
        yield self.queue(action, short_name, parent)
        yield self.start(action)
        if text:
            yield self.log(action, text)
        status = "failed" if error else "succeeded"
        yield self.end(action, status, error=error)
        yield self.done(action, status, error=error)

    def hit(self, action: str, short_name: str = "main", parent: str = "") -> Iterator[Event]:
        """Yield a call that was found in the cache."""
        yield self.queue(action, short_name, parent)
        yield self.event("action.hit", action, key="k")
        yield self.done(action, cached=True)


def fan_out(width: int, run: str = "r1", bad: int = 0) -> Iterator[Event]:
    """Yield a run whose root calls one task many times; the first `bad` calls fail."""
    stream = Stream(run)
    yield stream.begin()
    yield stream.queue("a0")
    yield stream.start("a0")
    for place in range(width):
        error = {"kind": "user", "code": "ValueError", "message": f"bad {place}", "traceback": "Traceback: ..."} if place < bad else None
        yield from stream.call(f"c{place}", "work", "a0", error=error)
    yield stream.end("a0")
    yield stream.done("a0")
    yield stream.finish()
