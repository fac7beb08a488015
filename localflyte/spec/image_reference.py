"""Image reference: the name of an image, ``[registry[:port]/]path[:tag][@digest]``, and the only grammar that is let through to an engine.

What does not fit it could be read as something else by a program that is given it: as an option (``--privileged``), as
several arguments, or as a line of a Dockerfile.

A program that its reader is to fill in says ``<your-registry>/x:1``. That may be declared, as it may with Flyte, and is refused where the
image is to be had.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ("check_reference", "check_registry", "check_repository", "image_tag", "placeholders")

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

_PLACEHOLDER = re.compile(r"<[A-Za-z0-9][A-Za-z0-9 _.-]*>")

LONGEST = 400  # characters; engines allow 255 for the repository and 128 for the tag
GRAMMAR = "[registry[:port]/]name[:tag][@digest], in lower case up to the tag"


def placeholders(text: str) -> list[str]:
    """:return: what is to be filled in of a name, like ``<your-registry>``"""
    return _PLACEHOLDER.findall(text)


def check_reference(text: Any, where: str, *, filled: bool = True) -> str:
    """Check that a text names an image, and can be taken for nothing else.

    :param where: who says it, for the message
    :param filled: let no `placeholders` through
    :return: the text
    :raises ValueError: if it is not the name of an image
    """
    name = text if filled else _filled(text)
    fits = isinstance(name, str) and len(name) <= LONGEST and (_REFERENCE.fullmatch(name) or _ID.fullmatch(name))
    if not fits:
        raise ValueError(f'{where} needs the URI of an image, like "python:3.12-slim", got {text!r}: {_reason(text)}')
    return str(text)


def check_repository(text: Any, where: str) -> str:
    """Check the part of a name before the tag, or its beginning, in which there may be `placeholders`.

    :raises ValueError: if no image can be called that
    """
    if not (isinstance(text, str) and len(text) <= LONGEST and _REPOSITORY.fullmatch(_filled(text))):
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


def _filled(text: Any) -> Any:
    return _PLACEHOLDER.sub("x", text) if isinstance(text, str) else text


def _reason(text: Any) -> str:
    if not isinstance(text, str):
        return f"that is a {type(text).__name__}"
    if not text.strip():
        return "it is empty"
    if text.startswith("-"):
        return "it begins with a dash, as an option does"
    if blanks := placeholders(text):
        return f"{' and '.join(blanks)} is to be filled in"
    if any(char.isspace() or not char.isprintable() for char in text):
        return "it has a space, a newline or another character that cannot be seen"
    name = image_tag(text)[0]
    path = name.partition("/")[2] or name
    if path != path.lower():
        return f"the name may have no capital letters; it is {GRAMMAR}"
    return f"the name of an image is {GRAMMAR}"
