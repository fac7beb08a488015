"""The terminal is drawn on by one at a time, and is as it was when a debugger has died."""

from __future__ import annotations

import fcntl
import io
import os
import termios
from collections.abc import Iterator

import pytest

from localflyte.observe.lending import Keeper
from localflyte.observe.lending import Turns
from localflyte.spec.event import Event

LOCAL = 3  # the local modes in what termios gives


@pytest.fixture
def terminal() -> Iterator[int]:
    """The side of a terminal that programs have."""
    master, device = os.openpty()
    yield device
    os.close(master)
    os.close(device)


def event(kind: str) -> Event:
    return Event(kind, "r1", "a0", 0.0, {})


def make_raw(device: int) -> list[object]:
    """Do what a debugger does that reads a line."""
    settings = termios.tcgetattr(device)
    raw = list(settings)
    raw[LOCAL] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(device, termios.TCSANOW, raw)
    return settings


def test_settings_are_put_back_once_no_debugger_is_left(terminal: int) -> None:
    keeper = Keeper(os.ttyname(terminal))
    settings = make_raw(terminal)
    for kind in ("attempt.paused", "attempt.paused", "attempt.resumed", "attempt.started"):
        keeper(event(kind))
    assert termios.tcgetattr(terminal) != settings
    keeper(event("attempt.resumed"))
    assert termios.tcgetattr(terminal) == settings
    keeper.close()


def test_settings_are_put_back_at_the_end(terminal: int) -> None:
    keeper = Keeper(os.ttyname(terminal))
    settings = make_raw(terminal)
    keeper(event("attempt.paused"))
    keeper.close()
    assert termios.tcgetattr(terminal) == settings


def test_a_terminal_that_is_gone_is_no_error() -> None:
    keeper = Keeper("/nowhere")
    keeper(event("attempt.paused"))
    keeper(event("attempt.resumed"))
    keeper.close()


def test_who_has_it_is_not_drawn_over(terminal: int) -> None:
    with open(terminal, "w", closefd=False) as stream:
        turns = Turns(stream)
    debugger = os.open(os.ttyname(terminal), os.O_RDWR | os.O_NOCTTY)
    with turns.taken() as ours, pytest.raises(BlockingIOError):
        assert ours
        fcntl.flock(debugger, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(debugger, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with turns.taken() as ours:
        assert not ours
    os.close(debugger)
    with turns.taken() as ours:
        assert ours
    turns.close()


def test_what_is_no_terminal_is_always_ours() -> None:
    turns = Turns(io.StringIO())
    with turns.taken() as ours:
        assert ours
    turns.close()
