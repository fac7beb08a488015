"""Logs: what tasks print, one file for each stream of each attempt, as it came and never without end."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

from localflyte.observe.text import printable
from localflyte.observe.text import size
from localflyte.runs.folder import LOGS
from localflyte.runs.folder import log_name
from localflyte.runs.folder import make_private_folder
from localflyte.runs.folder import split_log_name
from localflyte.runs.names import is_action_name
from localflyte.spec.event import Event

__all__ = ("LogSink", "LogText", "last_attempt", "log_bytes", "log_lines", "printable", "read_logs", "tail")

CAP = 64 * 1024 * 1024  # bytes kept of one stream of one attempt
OPEN_FILES = 32  # kept open at once; a fan-out must not use up the descriptors of the engine
FLUSH_AT = 256 * 1024  # bytes that wait at most for the end of a turn of the loop

_Place = tuple[str, int, str]


class LogText(NamedTuple):
    """What one attempt wrote to one stream."""

    action: str
    attempt: int
    stream: str
    """``"stdout"`` or ``"stderr"``."""
    path: str
    data: bytes


class LogSink:
    """A sink that writes the output of tasks to files, made when the first byte comes.

    :param run_dir: folder of the run
    :param notice: called once, with a sentence for people, if logs cannot be written; the run goes on without them
    :param cap: bytes to keep of one stream of one attempt; a last line says that there was more
    """

    def __init__(self, run_dir: str, notice: Callable[[str], None] | None = None, cap: int = CAP) -> None:
        self.folder = os.path.join(run_dir, LOGS)
        self._notice = notice
        self._cap = cap
        self._waiting: dict[_Place, list[bytes]] = {}
        self._waiting_bytes = 0
        self._open: dict[_Place, _LogFile] = {}
        self._full: set[_Place] = set()
        self._set_aside = False

    def __call__(self, event: Event) -> None:
        if event.kind == "log":
            self._take(event)
        elif event.kind == "attempt.ended" and (self._open or self._waiting):
            self._end(event.action, event.data.get("attempt", 0))

    def flush(self) -> None:
        """Hand everything gathered to the kernel."""
        if not self._waiting or self._set_aside:
            return
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        try:
            for place, chunks in waiting.items():
                if not self._file(place).write(chunks):
                    self._full.add(place)
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Write what is left and close the files."""
        self.flush()
        self._release()

    def _take(self, event: Event) -> None:
        place = (event.action, event.data.get("attempt", 0), event.data.get("stream", "stdout"))
        # What comes after the cap is not even gathered: a flood costs the engine nothing but the reading.
        if self._set_aside or place in self._full or not is_action_name(event.action):
            return
        chunk = log_bytes(event)
        chunks = self._waiting.get(place)
        if chunks is None:
            self._waiting[place] = [chunk]
        else:
            chunks.append(chunk)
        self._waiting_bytes += len(chunk)
        if self._waiting_bytes > FLUSH_AT:
            self.flush()

    def _end(self, action: str, attempt: int) -> None:
        for stream in ("stdout", "stderr"):
            place = (action, attempt, stream)
            if place in self._waiting:
                self.flush()
            file = self._open.pop(place, None)
            if file is not None:
                file.close()
            self._full.discard(place)

    def _file(self, place: _Place) -> _LogFile:
        file = self._open.pop(place, None)
        if file is None:
            if not self._open:
                make_private_folder(self.folder)
            while len(self._open) >= OPEN_FILES:
                self._open.pop(next(iter(self._open))).close()
            file = _LogFile(os.path.join(self.folder, log_name(*place)), self._cap)
        self._open[place] = file
        return file

    def _give_up(self, error: OSError) -> None:
        self._set_aside = True
        self._release()
        if self._notice is not None:
            reason = error.strerror or str(error)
            self._notice(f"Logs cannot be written to {self.folder} ({reason}); the run goes on, the output of its tasks is not kept.")

    def _release(self) -> None:
        self._waiting.clear()
        for file in self._open.values():
            file.close()
        self._open.clear()


class _LogFile:
    """One log file; its size says how much of the cap is used, so that it can be closed and opened again."""

    def __init__(self, path: str, cap: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(path, flags, 0o600)
        self._cap = cap
        self._left = cap - os.fstat(self._descriptor).st_size

    def write(self, chunks: list[bytes]) -> bool:
        """Append; ``False`` once the cap is reached and the line that says so is written."""
        data = b"".join(chunks)
        if self._left < 0:
            return False
        over = len(data) > self._left
        if over:
            data = data[: self._left] + f"\n[localflyte] more than {size(self._cap)} of output: the rest was not kept\n".encode()
        self._left -= len(data)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        return not over

    def close(self) -> None:
        os.close(self._descriptor)


def log_bytes(event: Event) -> bytes:
    """Return the bytes that a ``log`` event carries."""
    data = event.data.get("data", b"")
    return data if isinstance(data, bytes) else bytes(data)


def read_logs(run_dir: str, action: str = "", attempt: int | None = None, cap: int = CAP) -> list[LogText]:
    """Read what tasks wrote, attempt by attempt, standard output before standard error.

    :param run_dir: folder of the run
    :param action: the action to read, empty for all of them
    :param attempt: the attempt to read, ``None`` for all of them
    :param cap: bytes to read of each file at most
    """
    return [text._replace(data=_read(text.path, cap, from_end=False)) for text in _log_files(run_dir, action, attempt)]


def last_attempt(run_dir: str, action: str) -> int:
    """:return: the last attempt of an action that wrote anything, counted from 0"""
    return _last(_log_files(run_dir, action, None))


def log_lines(run_dir: str, action: str, attempt: int | None = None) -> list[str]:
    """Return the lines an action wrote, safe to print, standard output before standard error.

    :param attempt: the attempt to read, ``None`` for all of them
    """
    return [line for text in read_logs(run_dir, action, attempt) for line in printable(text.data).splitlines()]


def tail(run_dir: str, action: str, attempt: int | None = None, lines: int = 20) -> str:
    """Return the last lines an action wrote, safe to print.

    :param attempt: the attempt to read, ``None`` for the last one that wrote anything
    """
    files = _log_files(run_dir, action, attempt)
    last = _last(files)
    texts = [printable(_read(file.path, 1024 * max(1, lines), from_end=True)) for file in files if file.attempt == last]
    return "\n".join("\n".join(text.splitlines()[-lines:]) for text in texts)


def _last(files: list[LogText]) -> int:
    return max((file.attempt for file in files), default=0)


def _log_files(run_dir: str, action: str, attempt: int | None) -> list[LogText]:
    folder = os.path.join(run_dir, LOGS)
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
    found = []
    for name in names:
        parts = split_log_name(name)
        if parts is not None and (not action or parts[0] == action) and (attempt is None or parts[1] == attempt):
            found.append(LogText(*parts, os.path.join(folder, name), b""))
    return sorted(found, key=lambda text: (text.action, text.attempt, text.stream == "stderr"))


def _read(path: str, count: int, *, from_end: bool) -> bytes:
    try:
        with open(path, "rb") as file:
            if from_end:
                end = file.seek(0, os.SEEK_END)
                file.seek(max(0, end - count))
            # The line about the cap lies behind it and must be read too.
            return file.read(count + 256)
    except OSError:
        return b""
