"""Journal: the file of a run that holds every event, one JSON object a line, and survives the death of the engine.

Lines are gathered and written by one `os.write` to a file opened for appending, once per turn of the engine's loop: what was
written is the kernel's, and a killed engine loses nothing of it. It is not synced: a journal is a comfort, and a lost power
supply costs the last lines, which the reader takes.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from localflyte.runs.folder import JOURNAL
from localflyte.runs.folder import make_private_folder
from localflyte.spec.event import Event
from localflyte.wire.crossing import clip

__all__ = ("Journal", "Reading", "encode_event", "parse_event", "read_journal", "replay_journal")

FLUSH_AT = 256 * 1024  # characters that wait at most, however long a turn of the loop takes
LONGEST_TEXT = 64 * 1024  # bytes kept of a message or traceback; a task may raise an error of many megabytes


class Journal:
    """A sink that writes a run's events to its folder; output of tasks, and so what they log, has files of its own and is left out.

    :param run_dir: folder of the run; made if it is missing
    :param notice: called once, with a sentence for people, if the journal cannot be written; the run goes on without it
    """

    def __init__(self, run_dir: str, notice: Callable[[str], None] | None = None) -> None:
        self.path = os.path.join(run_dir, JOURNAL)
        self._notice = notice
        self._lines: list[str] = []
        self._waiting = 0
        self._descriptor: int | None = None
        self._set_aside = False
        try:
            make_private_folder(run_dir)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self.path, flags, 0o600)
            self._end_torn_line(self._descriptor)
        except OSError as error:
            self._give_up(error)

    @property
    def failed(self) -> bool:
        """Whether the journal was set aside."""
        return self._set_aside

    def __call__(self, event: Event) -> None:
        if event.kind in ("log", "record") or self._descriptor is None:
            return
        line = encode_event(event)
        self._lines.append(line)
        self._waiting += len(line)
        if self._waiting > FLUSH_AT:
            self.flush()

    def flush(self) -> None:
        """Hand everything gathered to the kernel."""
        if not self._lines or self._descriptor is None:
            return
        data = memoryview(("\n".join(self._lines) + "\n").encode("ascii"))
        self._lines.clear()
        self._waiting = 0
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        self._release()

    def _end_torn_line(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            os.write(descriptor, b"\n")

    def _give_up(self, error: OSError) -> None:
        self._set_aside = True
        self._release()
        if self._notice is not None:
            reason = error.strerror or str(error)
            self._notice(f"The journal {self.path} cannot be written ({reason}); the run goes on, its history ends here.")

    def _release(self) -> None:
        self._lines.clear()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


class Reading(NamedTuple):
    """What could be read of a journal."""

    events: list[Event]
    damaged: int
    """Lines that are no events; a torn last line is no damage, only an end."""


def encode_event(event: Event) -> str:
    """Write an event as one line of ASCII, without a line break."""
    data: Any = event.data
    if data.get("error"):
        data = {**data, "error": _shorten(data["error"])}
    line = {"kind": event.kind, "run": event.run, "action": event.action, "at": event.at, "data": data}
    try:
        return _encode(line)
    except (TypeError, ValueError, RecursionError):
        # An event that no encoder takes says at least that it happened.
        return _encode({**line, "at": float(event.at), "data": {}})


def parse_event(line: bytes) -> Event | None:
    """Read an event back; ``None`` if the line is not one."""
    try:
        row = json.loads(line)
        kind, run, action, at, data = row["kind"], row["run"], row["action"], float(row["at"]), row["data"]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    named = isinstance(kind, str) and isinstance(run, str) and isinstance(action, str)
    if not named or not isinstance(data, dict) or not math.isfinite(at):
        return None
    return Event(kind, run, action, at, data)


def read_journal(run_dir: str) -> Reading:
    """Read every event of a run, also of one that is going on or that was killed in the middle of a line.

    :raises OSError: if there is no journal, or it cannot be opened
    """
    events: list[Event] = []
    return Reading(events, replay_journal(run_dir, events.append))


def replay_journal(run_dir: str, sink: Callable[[Event], object]) -> int:
    """Give every event of a run to `sink`, one after the other: a run of 10,000 actions has 40,000, too many to hold at once.

    :return: how many lines were damaged
    :raises OSError: as `read_journal` does
    """
    damaged = 0
    with open(os.path.join(run_dir, JOURNAL), "rb") as file:
        for line in file:
            event = parse_event(line)
            if event is not None:
                sink(event)
            elif line.endswith(b"\n") and line.strip():
                damaged += 1
    return damaged


def _plain(value: object) -> object:
    """Stand in for a value that JSON does not know."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, Mapping):
        return dict(value)
    return repr(value)


_encode = json.JSONEncoder(separators=(",", ":"), default=_plain, allow_nan=False).encode


def _shorten(error: object) -> object:
    if isinstance(error, tuple) and hasattr(error, "_asdict"):
        error = error._asdict()
    if not isinstance(error, Mapping):
        return error
    return {name: clip(value, LONGEST_TEXT) if isinstance(value, str) else value for name, value in error.items()}
