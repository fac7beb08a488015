"""Shown: the inputs of a stored result in a few words, of what its record keeps of them."""

from __future__ import annotations

from typing import Any

import msgpack

from localflyte.observe.text import one_line
from localflyte.observe.text import shorten
from localflyte.store.record import Record

__all__ = ("UNKNOWN", "show_inputs")

LETTERS = 40  # of one input
_INPUT = "input:"
UNKNOWN = "\N{HORIZONTAL ELLIPSIS}"  # for what is not kept: large values, files, and parts of types that only a task decodes


def show_inputs(record: Record) -> dict[str, str | None]:
    """:return: for each input that counted its value; ``None`` where that is not kept with the result"""
    names = [part.removeprefix(_INPUT) for part in record.parts if part.startswith(_INPUT)]
    return {one_line(name): _shown(record.shown.get(name)) for name in names}


def _shown(data: bytes | None) -> str | None:
    if data is None:
        return None
    try:
        value = msgpack.unpackb(data, strict_map_key=False, ext_hook=_Unknown)
    except (ValueError, TypeError, msgpack.UnpackException):
        return None
    return shorten(one_line(repr(value)), LETTERS)


class _Unknown:
    """A value of a type that only the task's own process decodes."""

    def __init__(self, *_: Any) -> None: ...

    def __repr__(self) -> str:
        return UNKNOWN
