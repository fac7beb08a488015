"""Conditions: what the tasks of a run ask people, as files in its folder, so that any process of the person's can answer."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from localflyte.errors import ConditionFailedError
from localflyte.runs.folder import write_private_file

__all__ = ("KINDS", "Condition", "Value", "announce", "list_conditions", "parse_answer", "read_answer", "withdraw", "write_answer")

FOLDER = "conditions"
Value = bool | int | float | str
KINDS: dict[str, type[Any]] = {"bool": bool, "int": int, "float": float, "str": str}
_BOOLS = {**dict.fromkeys(("y", "yes", "true", "t", "1"), True), **dict.fromkeys(("n", "no", "false", "f", "0"), False)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    number: int
    """Of those of its run, from 1."""
    name: str
    action: str
    task: str
    prompt: str
    kind: str
    """The type of the answer, one of `KINDS`."""
    description: str = ""
    prompt_type: str = "text"
    """How the prompt is written: ``"text"`` or ``"markdown"``."""


def announce(folder: str, condition: Condition) -> None:
    """Let others see that a condition is waited for.

    :param folder: of the run
    :raises OSError: if it cannot be written
    """
    write_private_file(_path(folder, condition.number, "json"), json.dumps(asdict(condition)).encode())


def withdraw(folder: str, number: int) -> None:
    """Say that nobody waits for it any more."""
    for kind in ("json", "answer"):
        try:
            os.unlink(_path(folder, number, kind))
        except OSError:
            continue


def list_conditions(folder: str) -> list[Condition]:
    """:return: what is waited for in a run now, in the order in which it was asked"""
    try:
        names = os.listdir(os.path.join(folder, FOLDER))
    except OSError:
        return []
    found = []
    for name in names:
        try:
            if name.endswith(".json"):
                with open(os.path.join(folder, FOLDER, name), "rb") as file:
                    found.append(Condition(**json.load(file)))
        except (OSError, ValueError, TypeError):
            continue  # answered meanwhile
    return sorted(found, key=lambda condition: condition.number)


def parse_answer(text: str, kind: str) -> Value:
    """Read an answer as a person types it.

    :raises ValueError: if it is none of that kind; it says what would be
    """
    if kind == "bool":
        if text.strip().lower() in _BOOLS:
            return _BOOLS[text.strip().lower()]
        raise ValueError(f"{text!r} is neither yes nor no")
    try:
        value: Value = KINDS[kind](text)
    except ValueError:
        raise ValueError(f"{text!r} is no {'whole number' if kind == 'int' else 'number'}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{text!r} is no number")
    return value


def write_answer(folder: str, number: int, value: Value) -> None:
    """Answer a condition; of two answers the one that is read first counts.

    :raises OSError: if it cannot be written
    """
    write_private_file(_path(folder, number, "answer"), json.dumps(value).encode())


def read_answer(folder: str, condition: Condition) -> Value | None:
    """:return: the answer, once there is one
    :raises ConditionFailedError: if it is not of the kind that was asked for
    """
    try:
        with open(_path(folder, condition.number, "answer"), "rb") as file:
            value = json.load(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConditionFailedError(f"The answer to condition {condition.name!r} cannot be read: {error}") from None
    kind = KINDS[condition.kind]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ConditionFailedError(f"The answer to condition {condition.name!r} has to be a {condition.kind}, and is {value!r}")
    answer: Value = value
    return answer


def _path(folder: str, number: int, kind: str) -> str:
    return os.path.join(folder, FOLDER, f"{number}.{kind}")
