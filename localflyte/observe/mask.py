"""Mask: puts ``***`` in the place of secrets in everything that a run tells its sinks, whichever sink it is.

Output comes in pieces of any size, so what stands at the end of one and may be the beginning of a secret waits for the next.
Too much is hidden rather than too little: a line that is hidden by mistake is an annoyance, a secret in a log is public.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from localflyte.observe.disguises import disguises
from localflyte.runs.folder import REPORTS
from localflyte.spec.event import Event
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed

__all__ = ("HIDDEN", "SHORTEST", "Mask")

HIDDEN = b"***"
SHORTEST = 6  # characters; a shorter value is found in innocent words, and hiding those would tell it

_Stream = tuple[str, str, int, str]


class Mask:
    """The secrets of the runs of an engine. It is false as long as there are none."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: tuple[bytes, ...] = ()
        self._streams: dict[_Stream, _Stretch] = {}

    def __bool__(self) -> bool:
        return bool(self._forms)

    def add(self, value: str) -> bool:
        """Hide a value from now on.

        :return: whether it can be hidden: a very short one cannot
        """
        if value in self._values:
            return True
        if len(value.strip()) < SHORTEST:
            return False
        self._values.add(value)
        forms = {*self._forms, *disguises(value)}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        return True

    def data(self, data: bytes) -> bytes:
        """:return: the bytes, with every secret in them hidden"""
        return _hide(data, _spans(self._forms, data))[0] if self._is_in(data) else data

    def text(self, text: str) -> str:
        """:return: the text, with every secret in it hidden"""
        data = text.encode("utf-8", "surrogatepass")
        return self.data(data).decode("utf-8", "surrogatepass") if self._is_in(data) else text

    def beginning(self, text: str) -> str:
        """:return: a text that was cut off, without what may be the beginning of a secret at its end"""
        data = text.encode("utf-8", "surrogatepass")
        return data[: _partial(self._forms, data)].decode("utf-8", "ignore")

    def error(self, error: ErrorInfo) -> ErrorInfo:
        """:return: the error, with every secret in it hidden"""
        return error._replace(message=self.text(error.message), traceback=self.text(error.traceback), code=self.text(error.code))

    def holds(self, value: Packed) -> bool:
        """:return: whether a packed value gives a secret away"""
        texts = [text.encode("utf-8", "surrogatepass") for ref in value.refs for text in ref]
        return any(self._is_in(data) for data in (value.data, value.canonical, *texts))

    def tells(self, said: Mapping[str, Any]) -> bool:
        """:return: whether texts, in a mapping or in mappings in it, give a secret away"""
        return bool(self._plain(said) != said)

    def events(self, event: Event, run_dir: str) -> Iterator[Event]:
        """Yield what to tell in the place of an event; before the end of an attempt also the output that still waits.

        :param run_dir: the folder of the run, where reports lie
        """
        match event.kind:
            case "log":
                stream = (event.run, event.action, event.data.get("attempt", 0), event.data.get("stream", ""))
                stretch = self._streams.setdefault(stream, _Stretch())
                data = stretch.feed(self._forms, bytes(event.data.get("data", b"")))
                if data:
                    yield event._replace(data={**event.data, "data": data})
                return
            case "action.report":
                self.reports(run_dir, event.action)
            case "attempt.ended":
                self.reports(run_dir, event.action)
                yield from self._rest(event, (event.run, event.action, event.data.get("attempt", 0)))
            case "run.finished":
                yield from self._rest(event, (event.run,))
        yield event._replace(data=self._plain(event.data))

    def reports(self, run_dir: str, action: str) -> None:
        """Hide secrets in the report of an action, and in what a task that was killed left of one."""
        folder = os.path.join(run_dir, REPORTS)
        try:
            names = [name for name in os.listdir(folder) if name == f"{action}.html" or name.startswith(f"{action}.html.")]
        except OSError:
            return
        for name in names:
            self._file(os.path.join(folder, name))

    def _file(self, path: str) -> None:
        try:
            # The folder belongs to the task as well: what it puts there instead of a file is left alone.
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return
        with open(descriptor, "r+b", buffering=0) as file, suppress(OSError):
            data = file.readall() if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
            if self._is_in(data):
                # In its place, since the task may have put a newer one there meanwhile, which must not be lost.
                hidden = self.data(data)
                file.seek(0)
                file.write(hidden)
                file.truncate(len(hidden))

    def _rest(self, event: Event, begin: tuple[Any, ...]) -> Iterator[Event]:
        for stream in [stream for stream in self._streams if stream[: len(begin)] == begin]:
            data = self._streams.pop(stream).feed(self._forms, b"", is_last=True)
            if data:
                run, action, attempt, name = stream
                yield Event("log", run, action, event.at, {"attempt": attempt, "stream": name, "data": data})

    def _plain(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case bytes():  # a packed value: one with a hole in it is none
                return HIDDEN if self._is_in(value) else value
            case Mapping():
                return {self._plain(key): self._plain(item) for key, item in value.items()}
            case ErrorInfo():
                return self.error(value)
            case list() | tuple():
                return [self._plain(item) for item in value]
        return value

    def _is_in(self, data: bytes) -> bool:
        return any(form in data for form in self._forms)


class _Stretch:
    """The end of what one stream brought that may be the beginning of a secret."""

    __slots__ = ("_held", "_hidden")

    def __init__(self) -> None:
        self._held = b""
        self._hidden = 0  # bytes at its beginning that belong to a secret of which ``***`` was given out already

    def feed(self, forms: tuple[bytes, ...], data: bytes, *, is_last: bool = False) -> bytes:
        """:return: what can be given out now"""
        data = self._held + data
        keep = len(data) if is_last else _partial(forms, data)
        spans = _spans(forms, data)
        if self._hidden:
            spans = _merged([(0, self._hidden), *spans])
        shown, done = _hide(data[:keep], spans, told=bool(self._hidden))
        self._held, self._hidden = data[keep:], max(0, done - keep, self._hidden - keep)
        return shown


def _spans(forms: tuple[bytes, ...], data: bytes) -> list[tuple[int, int]]:
    """:return: where secrets stand in the data; where several overlap, it is one place"""
    found: list[tuple[int, int]] = []
    for form in forms:
        at = data.find(form)
        while at >= 0:
            found.append((at, at + len(form)))
            at = data.find(form, at + 1)
    return _merged(found)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged


def _hide(data: bytes, spans: list[tuple[int, int]], *, told: bool = False) -> tuple[bytes, int]:
    """:param told: whether ``***`` was given out already for what stands at the beginning
    :return: the data with ``***`` for each place, and where the last place ends, which may be behind the data
    """
    parts, at = [], 0
    for begin, end in spans:
        if begin >= len(data):
            break
        parts.append(data[at:begin])
        if begin or not told:
            parts.append(HIDDEN)
        at = end
    parts.append(data[at:])
    return b"".join(parts), at


def _partial(forms: tuple[bytes, ...], data: bytes) -> int:
    """:return: from where on the data may be the beginning of a secret; its length when no part of it can be"""
    earliest = len(data)
    for form in forms:
        at = data.find(form[:1], max(0, len(data) - len(form) + 1))
        while 0 <= at < earliest:
            if form.startswith(data[at:]):
                earliest = at
            at = data.find(form[:1], at + 1)
    return earliest
