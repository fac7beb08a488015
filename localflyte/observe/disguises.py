"""Disguises: the forms in which the value of a secret can turn up in what a task writes."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterator
from urllib.parse import quote
from urllib.parse import quote_plus

from localflyte.observe.report import framed

__all__ = ("disguises",)

SHORTEST_CORE = 6  # characters; less would be found in any base64
SHORTEST_LINE = 16  # characters; of a secret with several lines, such as a key file, one alone is worth hiding from this length


def disguises(value: str) -> list[bytes]:
    """:return: every form to look for, the longest first"""
    texts = {value, value.strip()}
    found: set[bytes] = set()
    for text in texts:
        raw = text.encode("utf-8", "surrogateescape")
        spellings = set(_spellings(text, raw))
        spellings.update(map(framed, tuple(spellings)))  # a report is one attribute of its page
        found.update(form.encode("utf-8", "surrogatepass") for form in spellings)
        found.update((raw, raw.hex().encode(), raw.hex().upper().encode()))
        found.update(_in_base64(raw))
    found.update(
        line.encode("utf-8", "surrogateescape") for line in map(str.strip, value.splitlines()[: 1 << 16]) if len(line) >= SHORTEST_LINE
    )
    return sorted(found, key=lambda form: (-len(form), form))


def _spellings(text: str, raw: bytes) -> Iterator[str]:
    """The value as it stands in a traceback, in JSON, in a URL and in HTML."""
    yield text
    yield repr(text)[1:-1]
    yield repr(raw)[2:-1]
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield quote(raw)
    yield quote(raw, safe="")
    yield quote_plus(raw)
    yield html.escape(text)
    yield html.escape(text, quote=False)


def _in_base64(raw: bytes) -> Iterator[bytes]:
    """The value in base64, alone and in the middle of something longer, as in the header of a basic authentication.

    Three bytes make four characters, so there are three ways to lie in them. The characters at the ends, which other bytes
    have a part in, are left out.
    """
    for alphabet in (base64.b64encode, base64.urlsafe_b64encode):
        yield alphabet(raw)
        for before in range(3):
            text = alphabet(b"\0" * before + raw).rstrip(b"=")
            begin = (0, 2, 3)[before]
            end = len(text) - (1 if (before + len(raw)) % 3 else 0)
            if end - begin >= SHORTEST_CORE:
                yield text[begin:end]
    yield base64.encodebytes(raw).strip()
