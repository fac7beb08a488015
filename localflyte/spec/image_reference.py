"""Image reference: the name of an image, ``[registry[:port]/]path[:tag][@digest]``, and the only grammar that is let through to an engine.

What does not fit it could be read as something else by a program that is given it: as an option (``--privileged``), as
several arguments, or as a line of a Dockerfile.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ("check_reference", "check_registry", "check_repository", "image_tag")

_WORD = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_PATH = rf"{_WORD}(?:/{_WORD})*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = rf"(?:{_LABEL}(?:\.{_LABEL})+(?::[0-9]{{1,5}})?|{_LABEL}:[0-9]{{1,5}}|localhost|\[[0-9a-fA-F:]+\](?::[0-9]{{1,5}})?)"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-f]{32,128}"

_REPOSITORY = re.compile(rf"(?:{_REGISTRY}/)?{_PATH}")
_HOST = re.compile(_REGISTRY)
_REFERENCE = re.compile(rf"(?:{_REGISTRY}/)?{_PATH}(?::{_TAG})?(?:@{_DIGEST})?")
_ID = re.compile(r"sha256:[0-9a-f]{64}")

LONGEST = 400  # characters; engines allow 255 for the repository and 128 for the tag
GRAMMAR = "[registry[:port]/]name[:tag][@digest], in lower case up to the tag"


def check_reference(text: Any, where: str) -> str:
    """Check that a text names an image, and can be taken for nothing else.

    :param where: who says it, for the message
    :return: the text
    :raises ValueError: if it is not the name of an image
    """
    fits = isinstance(text, str) and len(text) <= LONGEST and (_REFERENCE.fullmatch(text) or _ID.fullmatch(text))
    if not fits:
        raise ValueError(f'{where} needs the URI of an image, like "python:3.12-slim", got {text!r}: {_reason(text)}')
    return str(text)


def check_repository(text: Any, where: str) -> str:
    """Check the part of a name before the tag, or its beginning.

    :raises ValueError: if no image can be called that
    """
    if not (isinstance(text, str) and len(text) <= LONGEST and _REPOSITORY.fullmatch(text)):
        raise ValueError(f'{where} must be part of the name of an image, like "ghcr.io/my-team", got {text!r}: {_reason(text)}')
    return text


def check_registry(text: Any, where: str) -> str:
    """Check where images lie: a host alone, with its port, or the beginning of a name there.

    :raises ValueError: if no image can lie there
    """
    if isinstance(text, str) and len(text) <= LONGEST and _HOST.fullmatch(text):
        return text
    return check_repository(text, where)


def image_tag(text: str) -> tuple[str, str]:
    """:return: the repository, and the tag that a reference means"""
    name = text.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (name, "latest")


def _reason(text: Any) -> str:
    if not isinstance(text, str):
        return f"that is a {type(text).__name__}"
    if not text.strip():
        return "it is empty"
    if text.startswith("-"):
        return "it begins with a dash, as an option does"
    if any(char.isspace() or not char.isprintable() for char in text):
        return "it has a space, a newline or another character that cannot be seen"
    name = image_tag(text)[0]
    path = name.partition("/")[2] or name
    if path != path.lower():
        return f"the name may have no capital letters; it is {GRAMMAR}"
    return f"the name of an image is {GRAMMAR}"
