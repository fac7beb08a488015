"""Ignore: which files of a folder a .dockerignore leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

__all__ = ("Ignore", "read_ignore")

#: What tools make beside sources.
ALWAYS = ("**/__pycache__", "**/.git", "**/.venv", "**/.mypy_cache", "**/.ruff_cache", "**/.pytest_cache")


class Ignore:
    """:param lines: of a .dockerignore; the last that matches decides, and ``!`` takes a file back in"""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._rules: list[tuple[bool, re.Pattern[str]]] = []
        for line in (*ALWAYS, *lines):
            pattern = line.strip()
            if not pattern or pattern.startswith("#"):
                continue
            kept = pattern.startswith("!")
            parts = [part for part in pattern.removeprefix("!").strip().split("/") if part not in ("", ".")]
            if parts:
                self._rules.append((kept, re.compile(_expression(parts) + r"(?:/.*)?")))

    def leaves_out(self, path: str) -> bool:
        """:param path: seen from the folder, with slashes"""
        out = False
        for kept, rule in self._rules:
            if out == kept and rule.fullmatch(path):
                out = not kept
        return out

    @property
    def takes_back(self) -> bool:
        """Whether a file may be wanted whose folder is left out."""
        return any(kept for kept, _ in self._rules)


def read_ignore(paths: Iterable[str]) -> Ignore:
    """Read the rules of several files, of which some may not be there."""
    return Ignore(line for path in paths if Path(path).is_file() for line in Path(path).read_text(encoding="utf-8").splitlines())


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
    found = re.findall(r"\*\*|\*|\?|\[\^?[^\]]+\]|\\.|.", part)
    return "".join(
        _PIECES.get(each) or (each if each.startswith("[") and len(each) > 1 else re.escape(each.removeprefix("\\") or each))
        for each in found
    )


_PIECES = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
