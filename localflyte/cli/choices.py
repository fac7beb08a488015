"""Choices: the member of an Enum or the value of a Literal that a text means."""

from __future__ import annotations

import typing
from enum import Enum
from typing import Any

from localflyte.cli.near import near

__all__ = ("enum_member", "literal_value", "spelling")


def enum_member(enum: type[Enum], text: object) -> Enum:
    """:return: the member of that name, or else of that value

    :raises ValueError: if there is none; the message lists the names
    """
    if isinstance(text, str) and text in enum.__members__:
        return enum.__members__[text]
    for member in enum:
        if member.value == text and type(member.value) is type(text):
            return member
    raise ValueError(_not_one_of(text, list(enum.__members__)))


def literal_value(annotation: Any, text: object) -> Any:
    """:return: the value of the ``Literal`` that equals `text`, is written like it, or differs from it in letter case only

    :raises ValueError: if there is none; the message lists the values
    """
    values = typing.get_args(annotation)
    for same in (_is_equal, _is_written_like, _is_roughly):
        found = [value for value in values if same(value, text)]
        if found:
            return found[0]
    raise ValueError(_not_one_of(text, [spelling(value) for value in values]))


def _is_equal(value: object, text: object) -> bool:
    return type(value) is type(text) and value == text


def _is_written_like(value: object, text: object) -> bool:
    return isinstance(text, str) and spelling(value) == text


def _is_roughly(value: object, text: object) -> bool:
    # Flyte offers the values of a Literal in capitals, so commands written for it spell them that way.
    return isinstance(text, str) and spelling(value).casefold() == text.casefold()


def spelling(value: object) -> str:
    return value.name if isinstance(value, Enum) else str(value)


def _not_one_of(text: object, choices: list[str]) -> str:
    close = near(str(text), choices, cutoff=0.5)
    hint = f"; did you mean {close!r}?" if close else ""
    return f"{text!r} is not one of {', '.join(map(repr, choices))}{hint}"
