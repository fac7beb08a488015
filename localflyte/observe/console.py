"""Console: what a person, or a program that reads JSON, is told while a run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal
from typing import Protocol
from typing import TextIO

from localflyte.observe.json_lines import JsonConsole
from localflyte.observe.live import LiveConsole
from localflyte.observe.plain import PlainConsole
from localflyte.observe.plain import is_terminal
from localflyte.spec.event import Event

__all__ = ("Console", "JsonConsole", "LiveConsole", "PlainConsole", "create_console")


class Console(Protocol):
    """What every console is: a sink that is flushed and closed."""

    def __call__(self, event: Event) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


def create_console(
    kind: Literal["auto", "live", "plain", "json"],
    stream: TextIO,
    notice: Callable[[str], None] | None = None,
) -> Console:
    """Make the console for a stream.

    :param kind: ``"auto"`` is a live tree on a terminal that can show one, and plain lines everywhere else; a stream
        that is not UTF-8 gets plain lines in any case
    :param stream: where it writes
    :param notice: called once, with a sentence for people, if it cannot be written to; the run goes on without it
    """
    if kind == "json":
        return JsonConsole(stream, notice)
    if kind != "plain" and _can_draw(stream, asked=kind == "live"):
        return LiveConsole(stream, notice)
    return PlainConsole(stream, notice)


def _can_draw(stream: TextIO, *, asked: bool) -> bool:
    if not (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf"):
        return False
    return asked or (is_terminal(stream) and os.environ.get("TERM", "") not in ("", "dumb") and "CI" not in os.environ)
