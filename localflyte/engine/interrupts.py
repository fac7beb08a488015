"""Interrupts: what Ctrl-C, SIGTERM and SIGHUP do to the runs that this process waits for.

Ctrl-C once: nothing new begins, what runs is asked to end, and the wait goes on until it has. Twice: it is killed. Three times:
this process leaves at once, and its fork servers, who see it go, end everything. SIGTERM and SIGHUP begin at the second step, and
then end the process as they always do. A signal that the program handles itself, or ignores, is left to it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING
from typing import Any
from typing import NoReturn

if TYPE_CHECKING:
    from localflyte.engine.submission import Submission
    from localflyte.spec.run import RunResult

__all__ = ("Interrupted", "finish", "raising", "watching")

AT_ONCE = 0.01  # seconds that a sink may take for its last events before it is worth another look
_ASK, _KILL, _LEAVE = 1, 2, 3
_SAID = {
    _ASK: "stopping: nothing new begins, and what runs is asked to end; press again to kill it, a third time to leave at once",
    _KILL: "killing what still runs; once more to leave at once",
    _LEAVE: "leaving at once",
}
CLOSING = "a moment, what is left is being ended; go on pressing to leave at once"
#: where each signal begins on the ladder
_STEPS = {"SIGINT": _ASK, "SIGTERM": _KILL, "SIGHUP": _KILL}


class Interrupted(SystemExit):
    """Raised in place of the signal's own effect, for a caller who has last words to say: see `raising`."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.number = number

    def __str__(self) -> str:
        return f"it was ended by {signal.Signals(self.number).name}"


class _Ladder:
    """How often this process was told to stop, and the runs that it waits for meanwhile."""

    def __init__(self) -> None:
        self.step = 0
        self.number = 0  # the first signal, which says how the program ends
        self.submissions: list[Submission] = []
        self.raises = False
        self._users = 0
        self._before: dict[int, Any] = {}

    def enter(self) -> None:
        """Take the signals over, where they still mean what Python makes of them."""
        self._users += 1
        if self._users > 1:
            return
        self.step = self.number = 0
        for name in _STEPS:
            number = getattr(signal, name, None)
            if number is not None and _is_default(signal.getsignal(number)):
                self._before[number] = signal.signal(number, self._on_signal)

    def leave(self) -> None:
        """Give the signals back."""
        self._users -= 1
        if self._users:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def apply(self, submission: Submission) -> None:
        """Have a run feel what was said so far."""
        if self.step >= _ASK:
            submission.ask()
        if self.step >= _KILL:
            submission.kill()

    def raise_(self) -> NoReturn:
        """Raise what the signal means to a program."""
        if self.number == signal.SIGINT:
            if isinstance(self._before.get(self.number), partial):
                raise asyncio.CancelledError  # asyncio's runner was told too, and makes a KeyboardInterrupt of it
            raise KeyboardInterrupt
        if not self.raises:  # an exception could be caught, by a test runner for example, and whoever sent the signal counts on it
            signal.signal(self.number, signal.SIG_DFL)
            os.kill(os.getpid(), self.number)
        raise Interrupted(self.number)

    def _on_signal(self, number: int, frame: Any) -> None:
        step = self.step = max(self.step + 1, _STEPS[signal.Signals(number).name])
        self.number = self.number or number
        self._say(_SAID[min(self.step, _LEAVE)] if self.submissions or self.step >= _LEAVE else CLOSING)
        if self.step >= _LEAVE:
            os._exit(128 + self.number)
        for submission in tuple(self.submissions):
            self.apply(submission)
        before = self._before.get(number)
        if step == _ASK and isinstance(before, partial):  # this signal's own: the next may have come while this one was told
            before(number, frame)  # the program's main task is to be cancelled too

    def _say(self, text: str) -> None:
        voices = [tell for submission in self.submissions for sink in submission.sinks if (tell := getattr(sink, "tell", None))]
        if voices and self.step < _LEAVE:
            for tell in voices:
                tell(text)
            return
        _print(text)


_ladder = _Ladder()


@contextmanager
def watching() -> Iterator[None]:
    """Have signals act on the runs that this process waits for; outside of the main thread, which alone is told of them, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _ladder.enter()
    try:
        yield
    finally:
        _ladder.leave()


@contextmanager
def raising() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise `Interrupted` here, once they have ended what runs."""
    _ladder.raises = True
    try:
        yield
    finally:
        _ladder.raises = False


async def finish(submission: Submission, *, summarise: bool = False) -> RunResult:
    """Wait until a run has ended and all of its processes with it, however often the wait is cancelled.

    Cancelling asks the run to end, cancelling again kills it.

    :param summarise: say how the run ended if a signal ended it, because no console of its own does
    :raises KeyboardInterrupt: if Ctrl-C ended it
    :raises Interrupted: if another signal did, where `raising` asked for it
    """
    _ladder.submissions.append(submission)
    _ladder.apply(submission)
    try:
        cancelled = await _wait(submission)
        cancelled = await _drain(submission) or cancelled
        if submission.stopped and _ladder.step:
            if summarise:
                _summarise(submission)
            for other in tuple(_ladder.submissions):  # the first to raise ends the program's loop, and with it the wait of the others
                await _wait(other)
            _ladder.raise_()
    finally:
        _ladder.submissions.remove(submission)
    if cancelled is not None:
        raise cancelled
    return submission.result()


async def _wait(submission: Submission) -> asyncio.CancelledError | None:
    cancelled = None
    ended = asyncio.wrap_future(submission.ended)
    while not ended.done():
        try:
            await asyncio.wait((ended,))
        except asyncio.CancelledError as error:
            submission.ask()
            if cancelled is not None:
                submission.kill()
            cancelled = error
    return cancelled


async def _drain(submission: Submission) -> asyncio.CancelledError | None:
    """Wait until the run's sinks have shown everything, as a print would wait, but not for one that hangs, and not once told to stop."""
    for sink in submission.sinks:
        drain = getattr(sink, "drain", None)
        if drain is None or drain(AT_ONCE):
            continue
        while not drain(0):
            if sink.is_stuck(hurry=submission.stopped):  # type: ignore[attr-defined]
                sink.give_up("it takes nothing any more")  # type: ignore[attr-defined]
                break
            try:
                await asyncio.sleep(AT_ONCE)
            except asyncio.CancelledError as error:
                return error
    return None


def _summarise(submission: Submission) -> None:
    from localflyte.observe.tally import Tally
    from localflyte.runs.journal import replay_journal

    tally = Tally()
    with suppress(OSError):  # without a journal there is nothing to tell
        if submission.folder:
            replay_journal(submission.folder, tally)
            _print(f"{tally.summary()}; `localflyte show {tally.run}` shows more")


def _print(text: str) -> None:
    line = f"localflyte: {text}\n"
    with suppress(OSError, ValueError, RuntimeError):  # a terminal that is gone says nothing any more
        if sys.stderr is not sys.__stderr__:
            sys.stderr.write(line)
        else:  # a signal may come in the middle of a write to the stream itself
            os.write(2, f"\n{line}".encode() if os.isatty(2) else line.encode())


def _is_default(handler: Any) -> bool:
    """:return: whether a signal still does what Python, or asyncio's runner, has it do"""
    if handler in (signal.SIG_DFL, signal.default_int_handler):
        return True
    return isinstance(handler, partial) and isinstance(getattr(handler.func, "__self__", None), asyncio.Runner)
