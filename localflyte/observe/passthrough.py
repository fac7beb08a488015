"""Passthrough: the sink of runs that a script starts itself: what tasks print comes out as if the script had printed it."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from localflyte.spec.event import Event

__all__ = ("Passthrough", "forget_stream")

LONGEST_LINE = 1 << 16  # bytes kept back for the rest of their line; a task that never ends one is shown in pieces


class Passthrough:
    """Writes task output to this process's own streams, whole lines where tasks print at the same time, and notices to stderr."""

    #: what it has to be told of
    KINDS = frozenset(("log", "notice"))

    def __init__(self) -> None:
        self._begun: dict[tuple[str, str], bytes] = {}

    def __call__(self, event: Event) -> None:
        if event.kind == "log":
            self._take(event.action, event.data["stream"], event.data["data"])
        elif event.kind == "notice":
            _write("stderr", f"localflyte: {event.data['text']}\n".encode())

    def close(self) -> None:
        """Write what was never ended with a line feed."""
        for (_, stream), rest in self._begun.items():
            _write(stream, rest)
        self._begun.clear()

    def _take(self, action: str, stream: str, data: bytes) -> None:
        place = (action, stream)
        data = self._begun.pop(place, b"") + data
        whole = data.rfind(b"\n") + 1 or (len(data) if len(data) > LONGEST_LINE else 0)
        if whole < len(data):
            self._begun[place] = data[whole:]
        if whole:
            _write(stream, data[:whole])


def forget_stream(name: str) -> None:
    """Point a stream whose reader went away, as ``head`` does, at nothing, so that neither we nor Python's own exit complain of it."""
    with suppress(OSError, ValueError, AttributeError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, getattr(sys, name).fileno())
        os.close(nothing)


def _write(name: str, data: bytes) -> None:
    stream = sys.stdout if name == "stdout" else sys.stderr
    try:
        buffer = getattr(stream, "buffer", None)
        if buffer is None:  # a notebook, a test's capture
            stream.write(data.decode(errors="replace"))
        else:
            stream.flush()
            buffer.write(data)
            buffer.flush()
    except BrokenPipeError:
        forget_stream(name)
    except (OSError, ValueError, AttributeError):
        return  # a closed stream, or none: the run goes on
