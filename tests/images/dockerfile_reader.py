"""A small reader of Dockerfiles, written from Docker's reference alone: what a text means, one instruction after the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

ESCAPE = "\\"


def read(text: str, environ: dict[str, str] | None = None) -> list[tuple[str, object]]:
    """:return: ``("RUN", [arguments])``, ``("ENV", (name, value))``, ``("COPY", [source, target])``, ``("WORKDIR", path)``, ..."""
    known = dict(environ or {})
    found: list[tuple[str, object]] = []
    for line in _instructions(text):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        match word:
            case "RUN":
                found.append((word, json.loads(rest)))
            case "ENV":
                name, _, value = rest.partition("=")
                known[name] = expand(value, known)
                found.append((word, (name, known[name])))
            case "COPY":
                found.append((word, [expand(each, known, quotes=False) for each in json.loads(rest)]))
            case "WORKDIR" | "FROM" | "USER":
                found.append((word, expand(rest, known)))
            case _:
                raise AssertionError(f"no such instruction is written: {line!r}")
    return found


def _instructions(text: str) -> Iterator[str]:
    """Lines, joined where one ends with the escape character; comments and empty lines left out."""
    held = ""
    for line in text.split("\n"):
        if not held and (not line.strip() or line.lstrip().startswith("#")):
            continue
        joined = re.fullmatch(r"(.*)\\[ \t]*", line)
        if joined:
            held += joined[1]
        else:
            yield held + line.rstrip("\r")
            held = ""
    assert not held


def expand(text: str, known: dict[str, str], *, quotes: bool = True) -> str:
    """Take quotes and escapes away, and put variables in. Only within single quotes is everything as it is."""
    out, at, within = "", 0, ""
    while at < len(text):
        char = text[at]
        if within == "'":
            if char == "'":
                within = ""
            else:
                out += char
            at += 1
        elif char == ESCAPE and at + 1 < len(text) and (not within or text[at + 1] in '"$\\'):
            out += text[at + 1]
            at += 2
        elif quotes and char == within and within:
            within, at = "", at + 1
        elif quotes and not within and char in "'\"":
            within, at = char, at + 1
        elif char == "$" and (found := re.match(r"\$(?:\{(\w+)\}|(\w+))", text[at:])):
            out += known.get(found[1] or found[2], "")
            at += found.end()
        else:
            out += char
            at += 1
    assert not within, f"a quote is not closed in {text!r}"
    return out
