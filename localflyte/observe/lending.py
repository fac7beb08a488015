"""Lending: the terminal of a run, which the debugger of a task has from its first prompt on until the person goes on."""

from __future__ import annotations

import fcntl
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from typing import TextIO

from localflyte.spec.event import Event

__all__ = ("Keeper", "Turns", "lent")

_LENDING = {"attempt.paused": 1, "attempt.resumed": -1, "condition.ended": -1}


def lent(event: Event) -> int:
    """:return: by how much an event changes the number of those who have the terminal to themselves: debuggers, and questions"""
    if event.kind == "condition.waiting":
        return 1 if event.data.get("here") else 0
    if event.kind == "condition.ended" and not event.data.get("here"):
        return 0
    return _LENDING.get(event.kind, 0)


class Keeper:
    """A sink that puts the settings of the terminal back, where the process of a debugger has died in the middle of a line.

    :param terminal: the device
    """

    never_blocks = True

    def __init__(self, terminal: str) -> None:
        self._device = -1
        self._lent = 0
        with suppress(OSError, termios.error):
            self._device = os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            self._settings = termios.tcgetattr(self._device)

    def __call__(self, event: Event) -> None:
        if event.kind not in ("attempt.paused", "attempt.resumed"):
            return
        self._lent += lent(event)
        if not self._lent:
            self._put_back()

    def close(self) -> None:
        """Put back what is not yet."""
        if self._lent:
            self._put_back()
        if self._device >= 0:
            os.close(self._device)

    def _put_back(self) -> None:
        with suppress(OSError, termios.error):  # it is gone, and nobody will miss its settings
            if self._device >= 0 and termios.tcgetattr(self._device) != self._settings:
                termios.tcsetattr(self._device, termios.TCSADRAIN, self._settings)


class Turns:
    """Whose turn it is on a terminal. Of what a debugger has begun to print, an event tells only later.

    :param stream: the terminal
    """

    def __init__(self, stream: TextIO) -> None:
        self._device = -1
        # Opened anew: a lock on the stream itself would be one with that of the shell, and outlive this process.
        with suppress(OSError, ValueError, AttributeError):
            self._device = os.open(os.ttyname(stream.fileno()), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)

    @contextmanager
    def taken(self) -> Iterator[bool]:
        """Keep debuggers from printing.

        :return: whether that is so; ``False`` while one has the terminal
        """
        if self._device < 0:
            yield True
            return
        try:
            fcntl.flock(self._device, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.flock(self._device, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the terminal."""
        device, self._device = self._device, -1
        if device >= 0:
            os.close(device)
