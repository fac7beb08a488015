"""Prompt: asks on the terminal what the tasks of a run ask people, one question after the other."""

from __future__ import annotations

import os
import select
import threading
from collections import deque
from contextlib import suppress

from localflyte.observe.text import printable
from localflyte.runs.conditions import Condition
from localflyte.runs.conditions import parse_answer
from localflyte.runs.conditions import write_answer
from localflyte.spec.event import Event

__all__ = ("PromptSink",)

_HOW = {"bool": "yes or no", "int": "a whole number", "float": "a number", "str": "text"}


class PromptSink:
    """A sink: told that a condition is waited for, it asks; told that the wait is over, it asks no more.

    :param folder: of the run, where answers go
    :param terminal: the device
    """

    never_blocks = True

    def __init__(self, folder: str, terminal: str) -> None:
        self._folder = folder
        self._terminal = terminal
        self._waiting: deque[Condition] = deque()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = os.pipe()

    def __call__(self, event: Event) -> None:
        if event.kind == "condition.waiting" and event.data.get("here"):
            with self._lock:
                self._waiting.append(Condition(**event.data["condition"]))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._ask_all, name="localflyte-prompt", daemon=True)
                    self._thread.start()
        elif event.kind == "condition.ended":
            with self._lock:
                self._waiting = deque(each for each in self._waiting if each.number != event.data.get("number"))
            self._stir()

    def close(self) -> None:
        """Ask nothing any more."""
        with self._lock:
            self._waiting.clear()
            thread, self._thread = self._thread, None
        self._stir()
        if thread is not None:
            thread.join(1.0)
        for end in self._wake:
            os.close(end)

    def _stir(self) -> None:
        with suppress(OSError):
            os.write(self._wake[1], b"x")

    def _ask_all(self) -> None:
        try:
            device = os.open(self._terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError:
            return  # it is gone, and with it whoever could have answered here
        try:
            with suppress(OSError):
                while (condition := self._next()) is not None:
                    self._ask(device, self._wake[0], condition)
        finally:
            os.close(device)

    def _next(self) -> Condition | None:
        with self._lock:
            if not self._waiting:
                self._thread = None
                return None
            return self._waiting[0]

    def _is_wanted(self, condition: Condition) -> bool:
        with self._lock:
            return condition in self._waiting

    def _ask(self, device: int, wake: int, condition: Condition) -> None:
        prompt = _rendered(condition.prompt, device) if condition.prompt_type == "markdown" else condition.prompt
        lines = [prompt, *([condition.description] if condition.description else [])]
        _say(device, f"\n? {condition.task} asks ({condition.name}): " + "\n  ".join("\n".join(lines).splitlines()))
        while self._is_wanted(condition):
            _say(device, f"  {_HOW[condition.kind]} > ", end="")
            line = _read_line(device, wake)
            if line is None:
                if not self._is_wanted(condition):
                    _say(device, "\n  (answered elsewhere, or over)")
                continue
            try:
                write_answer(self._folder, condition.number, parse_answer(line, condition.kind))
            except ValueError as error:
                _say(device, f"  {error}")
                continue
            with self._lock:
                if condition in self._waiting:
                    self._waiting.remove(condition)


def _rendered(markdown: str, device: int) -> str:
    """:return: a prompt in markdown as a terminal shows it, below the line that says who asks"""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown

    columns = os.get_terminal_size(device).columns or 80  # a terminal that nobody has told its size has none
    text = StringIO()
    # What it is made of stays text: a link that says one thing and is another would be a trap where a person approves things.
    console = Console(file=text, width=max(20, columns - 4), force_terminal=os.environ.get("TERM", "") not in ("", "dumb"), highlight=False)
    console.print(Markdown(markdown, hyperlinks=False))
    return "\n" + text.getvalue().rstrip("\n")


def _say(device: int, text: str, end: str = "\n") -> None:
    os.write(device, (printable(text) + end).encode("utf-8", "replace"))


def _read_line(device: int, wake: int) -> str | None:
    """:return: a line that the person typed; ``None`` if something else happened first"""
    ready, _, _ = select.select([device, wake], [], [])
    if wake in ready:
        os.read(wake, 1024)
        return None
    data = os.read(device, 1 << 16)
    if not data:
        raise OSError("the terminal was closed")
    return data.decode("utf-8", "replace").rstrip("\r\n")
