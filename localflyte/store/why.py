"""Why: which component of a key differs from the nearest entry that is stored."""

from __future__ import annotations

from localflyte.store.index import Index
from localflyte.store.keys import Key

__all__ = ("explain",)


def explain(index: Index, key: Key) -> str:
    """:return: why there is no entry for the key, in words"""
    return "nothing is stored under its key"
