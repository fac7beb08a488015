"""Span: a span of time as people write it: ``90``, ``"45s"``, ``"2h"``, ``"30d"``."""

from __future__ import annotations

__all__ = ("parse_seconds",)

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def parse_seconds(text: str) -> float:
    """:return: the seconds that a text such as ``"90"``, ``"1.5h"`` or ``"30d"`` stands for
    :raises ValueError: if it is not a number of at least 0 with one of the units s, m, h, d, w, or none, behind it
    """
    number = text.strip().lower()
    unit = number[-1:] if number[-1:].isalpha() else ""
    try:
        seconds = float(number.removesuffix(unit)) * _UNITS[unit]
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is no span of time; write a number with one of s, m, h, d, w behind it, like 30d") from None
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{text!r} is no span of time; it has to be 0 or more")
    return seconds
