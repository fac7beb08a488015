"""Lineedit: lines that a person types on a terminal that belongs to another process, with editing, history and completion.

`input` edits lines on descriptors 0 and 1 alone, where a task has neither. What it calls takes any two streams of C's library.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from typing import Any

__all__ = ("LineEditor",)

_KEYS = 6  # where `termios` keeps the special characters
_SIGNALS = (termios.VINTR, termios.VQUIT, termios.VSUSP)
_NONE = b"\0"  # no key at all


class LineEditor:
    """:param device: the terminal, open for reading and writing
    :param complete: completes a word, as `readline.set_completer` takes it
    :raises OSError: if there is no editing on this system
    """

    def __init__(self, device: int, complete: Callable[[str, int], Any]) -> None:
        import ctypes

        try:
            _import_readline(device)
            self._read = ctypes.pythonapi.PyOS_Readline
            self._free = ctypes.pythonapi.PyMem_Free
            library = ctypes.CDLL(None)
            library.fdopen.restype = ctypes.c_void_p
        except (ImportError, AttributeError, OSError) as error:
            raise OSError(f"lines cannot be edited here: {error}") from error
        self._read.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)
        self._read.restype = ctypes.c_void_p
        self._free.argtypes = (ctypes.c_void_p,)
        self._text_at = ctypes.string_at
        # They live as long as the process: readline goes on pointing to the last ones that it was given.
        self._streams = [library.fdopen(os.dup(device), mode) for mode in (b"r", b"w")]
        self._device = device
        self._complete = complete

    def read(self, prompt: str) -> str:
        """Read one line. Ctrl-C empties it.

        :return: the line with its end, or nothing where the person has closed the input
        """
        import readline

        before = readline.get_completer()
        readline.set_completer(self._complete)
        try:
            with _without_signals(self._device):
                found = self._read(*self._streams, prompt.encode())
        finally:
            readline.set_completer(before)
        if not found:
            return ""
        try:
            return bytes(self._text_at(found)).decode("utf-8", "replace")
        finally:
            self._free(found)


def _import_readline(device: int) -> None:
    """Load it as one that knows how wide the terminal is: it asks descriptor 0, or else the environment, and only once."""
    size = os.get_terminal_size(device)
    said = {"COLUMNS": str(size.columns), "LINES": str(size.lines)} if size.columns and size.lines else {}
    before = {name: os.environ.get(name) for name in said}
    os.environ.update(said)
    try:
        import readline
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    readline.parse_and_bind("tab: complete")
    readline.parse_and_bind(r'"\C-c": kill-whole-line')


@contextmanager
def _without_signals(device: int) -> Iterator[None]:
    """Have Ctrl-C be a key for as long as a line is read: as a signal it would go to the run, whose terminal it is."""
    before = termios.tcgetattr(device)
    now = list(before)
    # Not the mode ISIG: readline switches that on.
    now[_KEYS] = [_NONE if key in _SIGNALS else value for key, value in enumerate(before[_KEYS])]
    termios.tcsetattr(device, termios.TCSADRAIN, now)
    try:
        yield
    finally:
        with suppress(OSError, termios.error):  # it was closed meanwhile
            termios.tcsetattr(device, termios.TCSADRAIN, before)
