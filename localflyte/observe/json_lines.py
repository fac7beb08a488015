"""JSON lines: the console of programs, every event as one object a line."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import TextIO

from localflyte.observe.logs import log_bytes
from localflyte.observe.plain import tell_failure
from localflyte.observe.plain import write_lines
from localflyte.runs.journal import encode_event
from localflyte.spec.event import Event

__all__ = ("JsonConsole",)

MOST_DECODERS = 1000  # kept; output that comes after the end of its attempt leaves one behind


class JsonConsole:
    """One JSON object a line for each event, for programs; output of tasks is text in it.

    :param stream: where it writes; of events it loses none, so a reader that is slow holds up the end of the run
    :param notice: called once, with a sentence for people, if it cannot be written to
    """

    waited_for = True

    def __init__(self, stream: TextIO, notice: Callable[[str], None] | None = None) -> None:
        self._stream = stream
        self._notice = notice
        self._lines: list[str] = []
        self._decoders: dict[tuple[str, int, str], codecs.IncrementalDecoder] = {}
        self._set_aside = False

    def __call__(self, event: Event) -> None:
        if self._set_aside or event.kind == "record":  # that is in the output, too
            return
        if event.kind == "log":
            event = self._decoded(event)
        elif event.kind == "attempt.ended":
            self._lines.extend(self._rest(event))
        self._lines.append(encode_event(event))

    def flush(self) -> None:
        """Write everything gathered."""
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            write_lines(self._stream, lines)
        except Exception as error:  # noqa: BLE001 - whatever a stream does, the run goes on
            self._set_aside = True
            tell_failure(error, self._notice)

    def close(self) -> None:
        """Write what is left; the stream stays open."""
        self.flush()

    def _decoded(self, event: Event) -> Event:
        # A character may be cut in two by the end of a chunk: each stream has a decoder that waits for the rest.
        place = (event.action, event.data.get("attempt", 0), event.data.get("stream", "stdout"))
        decoder = self._decoders.get(place)
        if decoder is None:
            if len(self._decoders) >= MOST_DECODERS:
                del self._decoders[next(iter(self._decoders))]
            decoder = self._decoders[place] = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        return event._replace(data=_log_data(place, decoder.decode(log_bytes(event))))

    def _rest(self, event: Event) -> list[str]:
        attempt = event.data.get("attempt", 0)
        places = [(event.action, attempt, stream) for stream in ("stdout", "stderr")]
        rests = [(place, decoder.decode(b"", True)) for place in places if (decoder := self._decoders.pop(place, None)) is not None]
        return [encode_event(event._replace(kind="log", data=_log_data(place, text))) for place, text in rests if text]


def _log_data(place: tuple[str, int, str], text: str) -> dict[str, object]:
    return {"attempt": place[1], "stream": place[2], "text": text}
