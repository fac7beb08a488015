"""Near: the name that a person probably meant."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("near",)


def near(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """:return: the known name that is written most like `word`, or an empty text"""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1, cutoff=cutoff)), "")
