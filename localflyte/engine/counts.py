"""Counts: how often each of very many things was seen, in about nine bytes a thing."""

from __future__ import annotations

from collections.abc import Hashable

__all__ = ("Counts",)

WIDTH = 8  # bytes of a thing's hash; of a million things, no two have the same by any chance that matters


class Counts:
    """A dict would do the same in a hundred bytes a thing or more, and a fan-out of a million has a million."""

    __slots__ = ("_again", "_seen")

    def __init__(self) -> None:
        #: the hashes of what was seen, by the last byte of them
        self._seen: dict[int, bytearray] = {}
        #: how often, for what was seen more than once
        self._again: dict[int, int] = {}

    def count(self, thing: Hashable) -> int:
        """:return: how often it has been seen, this time included"""
        number = hash(thing)
        key = number.to_bytes(WIDTH, "big", signed=True)
        seen = self._seen.get(key[-1])
        if seen is None:
            self._seen[key[-1]] = bytearray(key)
            return 1
        if not _contains(seen, key):
            seen += key
            return 1
        self._again[number] = again = self._again.get(number, 1) + 1
        return again


def _contains(seen: bytearray, key: bytes) -> bool:
    at = seen.find(key)
    while at >= 0 and at % WIDTH:  # it begins in the middle of another
        at = seen.find(key, at + 1)
    return at >= 0
