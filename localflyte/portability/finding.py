"""Finding: one thing that passes on this machine and breaks in a pod."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ("Finding", "place")


class Finding(NamedTuple):
    """What was found; its text is one line for a person."""

    kind: str
    """``state``, ``field``, ``path``, ``variable``, ``package``, ``module`` or ``environment``."""
    subject: str
    """What it is about, in a word."""
    where: str
    """``file:line``"""
    what: str
    why: str
    way_out: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: {self.why}. {self.way_out}."


def place(file: str, line: int) -> str:
    """:return: file and line, seen from the current folder where the file lies below it"""
    near = os.path.relpath(file) if os.path.isabs(file) else file
    return f"{file if near.startswith('..') else near}:{line}"
