"""Passthrough: the sink of runs that a script starts itself: what tasks print comes out as if the script had printed it."""

from __future__ import annotations

import sys
from contextlib import suppress

from localflyte.spec.event import Event

__all__ = ("Passthrough",)


class Passthrough:
    """Writes task output to this process's own streams, and notices to stderr."""

    def __call__(self, event: Event) -> None:
        if event.kind == "log":
            stream = sys.stdout if event.data["stream"] == "stdout" else sys.stderr
            data: bytes = event.data["data"]
            with suppress(OSError, ValueError):  # a closed stream, or `| head`: the run goes on
                buffer = getattr(stream, "buffer", None)
                if buffer is None:  # a notebook, a test's capture
                    stream.write(data.decode(errors="replace"))
                else:
                    stream.flush()
                    buffer.write(data)
                    buffer.flush()
        elif event.kind == "notice":
            with suppress(OSError, ValueError):
                sys.stderr.write(f"localflyte: {event.data['text']}\n")
                sys.stderr.flush()
