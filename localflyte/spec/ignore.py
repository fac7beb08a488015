"""Ignore: which files of a folder a .dockerignore leaves out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

__all__ = ("Ignore", "kept_paths", "read_ignore")

#: What tools make beside sources: it changes without the sources changing.
ALWAYS = (
    "**/__pycache__", "**/*.pyc", "**/*.egg-info", "**/.git", "**/.venv", "**/.mypy_cache", "**/.ruff_cache", "**/.pytest_cache",
)  # fmt: skip


class Ignore:
    """:param lines: of a .dockerignore; the last that matches decides, and ``!`` takes a file back in"""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        self._taken_back: list[list[re.Pattern[str] | None]] = []
        for line in (*ALWAYS, *lines):
            pattern = line.strip()
            if not pattern or pattern.startswith("#"):
                continue
            kept = pattern.startswith("!")
            parts = [part for part in pattern.removeprefix("!").strip().split("/") if part not in ("", ".")]
            if parts:
                self._rules.append((kept, re.compile(_expression(parts) + r"(?:/.*)?")))
                if kept:
                    self._taken_back.append([None if "**" in part else re.compile(_part(part)) for part in parts])

    def leaves_out(self, path: str) -> bool:
        """:param path: seen from the folder, with slashes"""
        out = False
        for kept, rule in self._rules:
            if out == kept and rule.fullmatch(path):
                out = not kept
        return out

    def leaves_out_all(self, folder: str) -> bool:
        """:return: whether a folder is left out with all that is in it; where something may be taken back, it has to be looked through"""
        steps = folder.split("/")
        return self.leaves_out(folder) and not any(_may_lead_below(parts, steps) for parts in self._taken_back)


def read_ignore(paths: Iterable[str]) -> Ignore:
    """Read the rules of several files, of which some may not be there."""
    lines: list[str] = []
    for path in paths:
        if os.path.isfile(path):
            # names of files may be no UTF-8, and editors put a mark before what is
            with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
                lines += file.read().splitlines()
    return Ignore(lines)


def kept_paths(folder: str, ignore: Ignore) -> Iterator[str]:
    """Walk through a folder, past what is left out.

    :return: each folder and file below it, seen from there, a folder before what is in it
    """
    for parent, folders, files in os.walk(folder):
        place = os.path.relpath(parent, folder)
        seen = {name: os.path.normpath(os.path.join(place, name)) for name in sorted((*folders, *files))}
        folders[:] = sorted(name for name in folders if not ignore.leaves_out_all(seen[name]))
        yield from (path for path in seen.values() if not ignore.leaves_out(path))


def _may_lead_below(parts: Sequence[re.Pattern[str] | None], steps: Sequence[str]) -> bool:
    for part, step in zip(parts, steps, strict=False):
        if part is None or not part.fullmatch(step):
            return part is None
    return True


def _expression(parts: list[str]) -> str:
    text = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**":
            text += ".*" if last else "(?:.*/)?"
        else:
            text += _part(part) + ("" if last else "/")
    return text


def _part(part: str) -> str:
    """:return: the expression for one name; ``*`` and ``?`` do not go past a slash"""
    return "".join(_piece(each) for each in re.findall(r"\*\*|\*|\?|\[\^?(?:\\.|[^\\\]])+\]|\\.|.", part))


def _piece(text: str) -> str:
    if text.startswith("[") and len(text) > 1:
        inner = re.sub(r"\\.|[\[&~|]", lambda found: re.escape(found[0][-1]), text[1:-1])
        try:
            return re.compile(f"[{inner}]").pattern
        except re.error:
            return "(?!)"  # such as [z-a]: nothing is between them
    return _PIECES.get(text) or re.escape(text.removeprefix("\\") or text)


_PIECES = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
