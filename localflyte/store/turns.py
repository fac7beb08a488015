"""Turns: with ``serialize=True`` one call at a time works on a key, in this engine and in all that share the store.

The others wait and find the result. Between engines the turn is a lock that the kernel takes back from a holder that dies; within
one it is a lock of the event loop, which knows who waits for whom, so that a call that would wait for itself is told so.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from collections.abc import Callable
from contextlib import asynccontextmanager
from contextlib import suppress
from typing import Protocol

import anyio

from localflyte.errors import RuntimeUserError
from localflyte.store.lock import Lock
from localflyte.store.lock import take_lock

__all__ = ("Call", "Turns")

SOONEST, LATEST = 0.005, 0.05  # seconds between two looks at a lock of another engine
TELLING = 2.0  # seconds of waiting after which the person is told


class Call(Protocol):
    @property
    def caller(self) -> Call | None: ...
    @property
    def task(self) -> str: ...


class _Turn:
    """Who works on a key, and how many would like to."""

    __slots__ = ("holder", "lock", "users")

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.users = 0
        self.holder: Call | None = None


class Turns:
    """:param folder: where the locks lie
    :param patience: seconds to wait for another engine
    """

    def __init__(self, folder: str, patience: float) -> None:
        self._folder = folder
        self._patience = patience
        self._turns: dict[str, _Turn] = {}
        #: the keys that something called from a call waits for
        self._held_up: dict[Call, list[_Turn]] = {}

    @asynccontextmanager
    async def turn(self, digest: str, call: Call, say: Callable[[str], None]) -> AsyncIterator[None]:
        """Work on a key alone.

        :param say: tells the person that another engine is waited for, and that there are no locks here
        :raises RuntimeUserError: if the call would wait for itself, as when a task calls itself, directly or around, with the same inputs
        """
        turn = self._turns.setdefault(digest, _Turn())
        line = _line(call)
        circle = self._circle(turn, line)
        if circle:
            message = f"Task {call.task} (cache serialize=True) would wait for itself: {circle}."
            raise RuntimeUserError("CircularCallError", f"{message} Call it with other inputs, or without serialize.")
        turn.users += 1
        waiting = turn.lock.locked()
        if waiting:
            self._wait(turn, line)
        try:
            async with turn.lock:
                if waiting:
                    waiting = self._waited(turn, line)
                turn.holder = call
                lock = await self._among_engines(digest, call, say)
                try:
                    yield
                finally:
                    turn.holder = None
                    if lock is not None:
                        lock.release()
        finally:
            if waiting:
                self._waited(turn, line)
            turn.users -= 1
            if not turn.users:
                del self._turns[digest]

    async def _among_engines(self, digest: str, call: Call, say: Callable[[str], None]) -> Lock | None:
        """:return: the lock of the key, or ``None`` if the call has to do without"""
        path, began, pause, told = os.path.join(self._folder, digest), time.monotonic(), SOONEST, False
        while True:
            try:
                lock = take_lock(path)
            except OSError as error:
                say(f"serialize=True holds within this process only: {path} cannot be locked: {error.strerror}")
                return None
            if lock is not None:
                with suppress(OSError):  # a disk that is full: then others are told less
                    lock.write(f"process {os.getpid()}, task {call.task}".encode())
                return lock
            waited = time.monotonic() - began
            if waited >= self._patience:
                say(f"{call.task} has waited {waited:.0f} s for {_holder(path)}, which computes the same, and now computes it too")
                return None
            if waited >= TELLING and not told:
                say(f"{call.task} waits for {_holder(path)}, which computes the same (serialize=True)")
                told = True
            await anyio.sleep(pause)
            pause = min(pause * 1.5, LATEST)

    def _wait(self, turn: _Turn, line: list[Call]) -> None:
        for caller in line:
            self._held_up.setdefault(caller, []).append(turn)

    def _waited(self, turn: _Turn, line: list[Call]) -> bool:
        for caller in line:
            turns = self._held_up[caller]
            turns.remove(turn)
            if not turns:
                del self._held_up[caller]
        return False

    def _circle(self, turn: _Turn, line: list[Call]) -> str:
        """Follow who waits for whom: from who works on a key, by what was called from there and waits for another key.

        :return: the circle in words; empty if there is none
        """
        seen: list[_Turn] = []
        ahead = [(turn, "")]
        while ahead:
            turn, words = ahead.pop()
            holder = turn.holder
            if holder is None or turn in seen:
                continue
            if holder in line:
                return " -> ".join(call.task for call in reversed(line[: line.index(holder) + 1])) + words
            seen.append(turn)
            ahead += [
                (other, f"{words}; {holder.task} runs already, and waits for {other.holder.task}")
                for other in self._held_up.get(holder, ())
                if other.holder is not None
            ]
        return ""


def _line(call: Call) -> list[Call]:
    """:return: a call, who made it, who made that, and so on"""
    line = [call]
    while (caller := line[-1].caller) is not None:
        line.append(caller)
    return line


def _holder(path: str) -> str:
    """:return: who holds a lock, in words"""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(200) or "another process"
    except OSError:
        return "another process"
