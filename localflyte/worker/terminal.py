"""Terminal: pdb on a terminal that belongs to another process."""

from __future__ import annotations

import fcntl
import os
import pdb  # noqa: T100 - a person asked for it
from bdb import BdbQuit
from types import FrameType
from types import TracebackType
from typing import Any

from localflyte.api.port import Port
from localflyte.errors import NonRecoverableError
from localflyte.worker.lineedit import LineEditor

__all__ = ("stop_at",)


def stop_at(frame: FrameType, where: str, terminal: str, port: Port) -> None:
    """Debug from a frame on, until the person says to go on.

    :param where: file and line, for the person
    :param terminal: its device
    :param port: told whenever the task goes on, and stops again; that it has stopped is known
    :raises OSError: if the terminal cannot be used
    """
    # It is not ours to control: opened so, reading from it asks nothing of the terminal's own processes.
    _Debugger(os.open(terminal, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC), where, port).set_trace(frame)


class _Debugger(pdb.Pdb):
    def __init__(self, device: int, where: str, port: Port) -> None:
        self._prompt = ""
        self._editor: LineEditor | None = None
        reading = open(device, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115 - open as long as the person debugs
        writing = open(device, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        super().__init__(stdin=reading, stdout=writing, nosigint=True)
        self.use_rawinput = False
        self._device = device
        self._where = where
        self._port = port
        self._has_it = False
        self._is_told = True
        try:
            self._editor = LineEditor(device, self.complete)
        except OSError:
            return
        self.stdin: Any = self  # of it, only `readline` is ever asked for

    @property
    def prompt(self) -> str:
        """What is printed before a line is read; an editor has to print it itself, since it draws the line anew."""
        return self._prompt if self._editor is None else ""

    @prompt.setter
    def prompt(self, text: str) -> None:
        self._prompt = text

    def readline(self) -> str:
        """:return: the next line that the person types, as a file would give it"""
        assert self._editor is not None
        self.stdout.flush()
        return self._editor.read(self._prompt)

    def interaction(self, frame: FrameType | None, traceback: TracebackType | None) -> None:
        if not self._has_it:
            if not self._is_told:
                self._port.tell("paused", {"where": self._where})
            fcntl.flock(self._device, fcntl.LOCK_EX)  # one task at a time: there is one keyboard
            self._has_it = True
            self.stdout.write("\n")  # the console leaves the cursor where its last line ends
        super().interaction(frame, traceback)

    def trace_dispatch(self, frame: FrameType, event: str, arg: Any) -> Any:
        try:
            return super().trace_dispatch(frame, event, arg)
        except BdbQuit:
            where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
            said = f"the debugger was left at {where} with quit: the task ends there, and is not tried again"
            raise NonRecoverableError(said, "BdbQuit") from None

    def set_continue(self) -> None:
        super().set_continue()
        self._give_back()

    def set_quit(self) -> None:
        super().set_quit()
        self._give_back()

    def _give_back(self) -> None:
        if self._has_it:
            self._has_it = False
            self.stdout.flush()
            fcntl.flock(self._device, fcntl.LOCK_UN)
            if not self.breaks:
                os.close(self._device)  # it stops here no more
            self._is_told = False
            self._port.tell("resumed", {})
