"""A secret that no test may find anywhere afterwards: its value is new in every session and is looked for in every file."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ("CANARY", "traces_of_canary")

CORE = os.urandom(12).hex()
#: with what URLs, HTML, JSON and base64 each write in another way
CANARY = f'canary/{CORE}+&"=?'
_RAW = CANARY.encode()
#: all but the letters in the middle may be written otherwise, and those are enough to know it by
FORMS = (CORE.encode(), base64.b64encode(_RAW).rstrip(b"="), base64.urlsafe_b64encode(_RAW).rstrip(b"="), _RAW.hex().encode())

#: the files that a test itself has put it in
sources: set[Path] = set()
_used = False


def use() -> str:
    """:return: the value, which is looked for from now on"""
    global _used
    _used = True
    return CANARY


def is_used() -> bool:
    return _used


def traces_of_canary(*folders: Path) -> list[str]:
    """:return: the files below the folders, and the names, that give the value away"""
    return [str(path) for folder in folders for path in _below(folder) if path not in sources and _tells(path)]


def _below(folder: Path) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        yield from (Path(path, name) for name in (*folders, *names))


def _tells(path: Path) -> bool:
    if any(form in os.fsencode(path.name) for form in FORMS):
        return True
    if path.is_symlink() or not path.is_file():
        return False
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return any(form in data for form in FORMS)
