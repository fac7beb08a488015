"""Command: the words of a container's command, with the values of inputs put where ``{{.inputs.x}}`` stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from localflyte.errors import RuntimeUserError
from localflyte.io.dir import Dir
from localflyte.io.file import File

__all__ = ("as_text", "check_words", "render")

_INPUT = re.compile(r"\{\{\s*\.[iI]nputs\.([\w.-]+)\s*\}\}")


def check_words(words: Any, what: str, inputs: Mapping[str, Any], task: str) -> list[str]:
    """Check what was declared as part of a command.

    :param what: its name
    :return: the words; none for ``None``
    :raises ValueError: if one is no text, or names an input that there is not
    """
    if isinstance(words, str) or any(not isinstance(word, str) for word in words or ()):
        raise ValueError(f"task {task}: all elements of {what}= must be strings, got {words!r}")
    for name in (name for word in words or () for name in _INPUT.findall(word)):
        if name not in inputs:
            raise ValueError(f"task {task}: {what}= names the input {name!r}, and its inputs are {', '.join(inputs) or 'none'}")
    return list(words or ())


def render(words: Sequence[str], values: Mapping[str, Any], inside: str) -> list[str]:
    """Put values into a command.

    :param inside: the folder of the container that has the inputs
    :raises AssertionError: if a file or folder is named as if it were a value
    :raises RuntimeUserError: if no program can be given such a word
    """

    def put(match: re.Match[str]) -> str:
        name = match[1]
        if isinstance(values[name], File | Dir):
            raise AssertionError(f"the input {name!r} is a file or folder, and {match[0]} stands for values; write {inside}/{name} instead")
        return as_text(values[name])

    rendered = [_INPUT.sub(put, word) for word in words]
    if any("\0" in word for word in rendered):
        raise RuntimeUserError("CommandError", "a value in the command holds a zero byte, at which the word would end; pass it as a File")
    return rendered


def as_text(value: Any) -> str:
    """:return: a value as a container reads it"""
    return str(value).lower() if isinstance(value, bool) else str(value)
