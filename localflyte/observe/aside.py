"""Aside: a sink on a thread of its own, so that one that is slow or hangs never holds up the engine."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from localflyte.observe.logs import log_bytes
from localflyte.observe.pump import PATIENCE
from localflyte.observe.pump import Pump
from localflyte.observe.text import size
from localflyte.spec.event import Event

__all__ = ("Aside",)

MOST_OUTPUT = 16 * 1024 * 1024  # bytes of output that wait; what is beyond is in the log files
MOST_EVENTS = 200_000  # that wait; reached only if the sink is stuck


class SinkError(Exception):
    """Raised in the engine's thread for a sink that failed on its own."""


class Aside:
    """Gives events to a sink on another thread, in order. It drops output rather than let it pile up, and says how much.

    What the sink raises is raised again at the next event, for the run to tell and to set the sink aside.

    :param sink: called with each event; its `flush` and `close` too, where it has them
    :param kinds: the only kinds of event that it wants to be told of; all of them by default
    :param waited_for: whether the end of a run waits for it however long it takes, as a print does
    """

    def __init__(self, sink: Callable[[Event], object], kinds: frozenset[str] | None = None, *, waited_for: bool = False) -> None:
        self.name = getattr(sink, "__name__", None) or type(sink).__name__
        self._sink = sink
        self._kinds = kinds
        self._waited_for = waited_for
        self._progress = (0, 0.0)
        self._events: deque[Event] = deque()
        # Counters with one writer each need no lock.
        self._put = self._taken = self._delivered = 0
        self._dropped = 0
        self._fresh = False
        self._ending = False
        self._error: Exception | None = None
        self._told = False
        self._pump = Pump(self._deliver, self._failed, pause=0.0)

    def __call__(self, event: Event) -> None:
        if self._kinds is not None and event.kind not in self._kinds:
            return
        if self._error is not None:
            self._raise()
        if event.kind == "log":
            count = len(log_bytes(event))
            if self._put - self._taken > MOST_OUTPUT:
                self._dropped += count
                return
            self._put += count
        elif len(self._events) >= MOST_EVENTS and not self._find_room():
            self._error = SinkError(f"it has not taken {MOST_EVENTS:,} events")
            self._raise()
        self._events.append(event)
        self._fresh = True

    def flush(self) -> None:
        """Have what is there delivered soon."""
        if self._fresh:
            self._fresh = False
            self._pump.wake()

    def close(self) -> None:
        """Have what is there delivered; `drain` waits for that, in the thread of whoever waits for the run."""
        if self._error is not None:
            self._raise()
        if self._dropped:
            text = f"{size(self._dropped)} of output left out here; `localflyte logs` shows it"
            self._events.append(Event("notice", "", "", 0.0, {"text": text}))
            self._fresh = True
        self.flush()

    def drain(self, patience: float) -> bool:
        """Wait until everything was delivered.

        :return: whether it was, or never will be
        """
        self._ending = True
        if not self._pump.stop(patience):
            return False
        if self._error is not None:
            self.give_up(str(self._error))
        return True

    def is_stuck(self, *, hurry: bool) -> bool:
        """:param hurry: whether nobody waits for it any more
        :return: whether it has taken nothing for so long that the program goes on without it
        """
        now = time.monotonic()
        if self._progress[0] != self._delivered or not self._progress[1]:
            self._progress = (self._delivered, now)
        return (hurry or not self._waited_for) and now - self._progress[1] > PATIENCE

    def give_up(self, reason: str) -> None:
        """Leave the sink behind with what it has not taken, and say so, once."""
        self._events.clear()
        if not self._told:
            self._told = True
            with suppress(OSError, ValueError, AttributeError):
                sys.stderr.write(f"localflyte: {self.name} is set aside: {reason}\n")

    def _find_room(self) -> bool:
        """Hold the run up for a sink that is only slow."""
        self._pump.wake()
        while self._waited_for and len(self._events) >= MOST_EVENTS and not self.is_stuck(hurry=True):
            time.sleep(0.001)
        return len(self._events) < MOST_EVENTS

    def _raise(self) -> NoReturn:
        self._told = True
        assert self._error is not None
        raise self._error

    def _deliver(self) -> None:
        while self._events:
            event = self._events.popleft()
            if event.kind == "log":
                self._taken += len(log_bytes(event))
            self._sink(event)
            self._delivered += 1
        self._call("flush")
        if self._ending and not self._events:
            self._ending = False
            self._call("close")

    def _call(self, name: str) -> None:
        method = getattr(self._sink, name, None)
        if method is not None:
            method()

    def _failed(self, error: Exception) -> None:
        self._error = error
