"""Clocks: the bounds of time of one run, which stand still while a person looks into one of its tasks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

import anyio

__all__ = ("Clocks",)


class Clocks:
    """All of a run stand still together: who waits for the task that is looked into must not run out of time either."""

    def __init__(self) -> None:
        #: each bound that is waited for, and when it would have been reached, or how much is left of it while all stand still
        self._scopes: dict[anyio.CancelScope, float] = {}
        self._held = 0

    @contextmanager
    def move_on_after(self, seconds: float) -> Iterator[anyio.CancelScope]:
        """Do as anyio's function of this name, but for the time that the clocks stand still."""
        with anyio.CancelScope() as scope:
            self._scopes[scope] = seconds
            if not self._held:
                scope.deadline = anyio.current_time() + seconds
            try:
                yield scope
            finally:
                del self._scopes[scope]

    def hold(self) -> None:
        """Have them stand still, until as many calls of `resume`."""
        self._held += 1
        if self._held == 1:
            now = anyio.current_time()
            for scope in self._scopes:
                self._scopes[scope] = scope.deadline - now
                scope.deadline = inf

    def resume(self) -> None:
        """Have them go on, with what was left."""
        self._held -= 1
        if not self._held:
            now = anyio.current_time()
            for scope, left in self._scopes.items():
                scope.deadline = now + left
