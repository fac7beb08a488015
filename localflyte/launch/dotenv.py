r"""Dotenv: reads a ``.env`` file, the usual place for the variables of a project that are kept out of its repository.

One assignment a line, ``NAME=value``, with ``export`` before it or not. A value may stand in single quotes, and is then taken
as it is, or in double quotes, where ``\n``, ``\t``, ``\"`` and ``\\`` mean what they mean elsewhere; both may go over several
lines. Without quotes it ends at the end of the line, or at a ``#`` that follows a blank. ``$NAME`` in a value is only text.
"""

from __future__ import annotations

import re

__all__ = ("parse_dotenv",)

_ASSIGNMENT = re.compile(
    r"""
    ^[ \t]*(?:export[ \t]+)?
    (?P<name>[A-Za-z_][\w.-]*)[ \t]*=[ \t]*+
    (?:'(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<bare>[^'"\n][^\n]*?)?)
    [ \t]*(?:(?<=[ \t'"])\#[^\n]*)?$
    """,
    re.MULTILINE | re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def parse_dotenv(text: str) -> dict[str, str]:
    """:return: the variables; a line that is no assignment is passed over"""
    values: dict[str, str] = {}
    for found in _ASSIGNMENT.finditer(text.replace("\r\n", "\n")):
        single, double = found["single"], found["double"]
        if single is not None:
            value = single
        elif double is not None:
            value = re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), double, flags=re.DOTALL)
        else:
            value = found["bare"] or ""
        values[found["name"]] = value
    return values
