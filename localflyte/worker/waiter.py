"""Waiter: who waits for a message of the engine, and whose calls it answers."""

from __future__ import annotations

from _thread import allocate_lock
from _thread import get_ident
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from localflyte.spec.plan import Plan

__all__ = ("Caller", "Waiter")


class Caller:
    """What a link keeps of a task that calls others: the plans it has told of, and its calls in flight."""

    __slots__ = ("in_flight", "lost", "noted", "outbox", "plans")

    def __init__(self) -> None:
        self.in_flight = 0
        #: notes that were sent, and those that were not
        self.noted = self.lost = 0
        self.outbox: deque[tuple[int, bytes]] = deque()
        self.plans: dict[int, tuple[int, Plan]] = {}


class Waiter:
    """Who waits for a message: a thread, by a lock, or a coroutine, by a future."""

    __slots__ = ("caller", "done", "future", "ident", "lock", "loop", "message")

    def __init__(self, future: Any = None, loop: Any = None) -> None:
        self.caller: Any = None
        self.message: list[Any] | None = None
        self.done = False
        self.future = future
        self.loop = loop
        self.ident = get_ident()
        self.lock = None
        if future is None:
            self.lock = allocate_lock()
            self.lock.acquire()

    def finish(self, message: list[Any] | None) -> None:
        """End the wait; without a message the engine is gone."""
        self.message = message
        self.done = True
        if self.lock is not None:
            if self.lock.locked():
                self.lock.release()
        elif self.ident == get_ident():
            _resolve(self.future)
        else:
            with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
                self.loop.call_soon_threadsafe(_resolve, self.future)


def _resolve(future: Any) -> None:
    if not future.done():
        future.set_result(None)
