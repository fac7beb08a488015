"""Kinds: what a script can be given and what it can give back."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Literal
from typing import NamedTuple

from localflyte.io import Dir
from localflyte.io import File

__all__ = ("SCALARS", "Glob", "Input", "OutputSpec", "Stderr", "Stdout", "check_outputs", "input_of", "wired_output")

SCALARS = (int, float, str, bool)
_KINDS: dict[Any, str] = {
    bool: "bool",
    **dict.fromkeys((int, float, str), "scalar"),
    File: "file",
    Dir: "dir",
    list[File]: "files",  # type: ignore[type-arg] # as programs write it
    dict[str, str]: "dict",
}


class Input(NamedTuple):
    """An input as a script sees it."""

    kind: Literal["bool", "scalar", "file", "files", "dir", "dict"]
    type: Any
    optional: bool

    @property
    def wired(self) -> Any:
        """Its type as an input of the container: what may be missing, and what no text can be, are texts."""
        if self.kind == "dict" or (self.optional and self.kind in ("bool", "scalar")):
            return str
        return self.type | None if self.optional else self.type


def input_of(name: str, annotation: Any) -> Input:
    """Read the type of an input.

    :raises TypeError: if no script can be given such a value
    """
    members = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else (annotation,)
    some = [member for member in members if member is not type(None)]
    found: Any = next((kind for known, kind in _KINDS.items() if len(some) == 1 and _same(some[0], known)), None)
    if found is None:
        raise TypeError(
            f"input {name!r} is {annotation!r}, and a script can be given File, Dir, list[File], dict[str, str], int, float, str and bool, "
            "each also as `T | None`"
        )
    return Input(found, some[0], len(some) < len(members))


def _same(annotation: Any, known: Any) -> bool:
    return annotation is known or (
        typing.get_origin(known) is not None
        and (typing.get_origin(annotation), typing.get_args(annotation)) == (typing.get_origin(known), typing.get_args(known))
    )


@dataclass(frozen=True)
class Glob:
    """Every file that the script puts into the folder of the output and that matches, as ``list[File]``."""

    pattern: str = "*"


@dataclass(frozen=True)
class _Stream:
    type: Any = File

    def __post_init__(self) -> None:
        if self.type is not File and self.type not in SCALARS:
            raise TypeError(f"{type(self).__name__}(type={self.type!r}): what a script prints can be a File, int, float, str or bool")


@dataclass(frozen=True)
class Stdout(_Stream):
    """What the script prints."""


@dataclass(frozen=True)
class Stderr(_Stream):
    """What the script writes to standard error."""


OutputSpec = type | Glob | Stdout | Stderr


def check_outputs(outputs: Mapping[str, Any]) -> None:
    """:raises TypeError: if an output is none that a script can give"""
    for name, spec in outputs.items():
        if not isinstance(spec, Glob | _Stream) and not (isinstance(spec, type) and issubclass(spec, (File, Dir, *SCALARS))):
            raise TypeError(f"output {name!r} must be File, Dir, int, float, str, bool, or a Glob, Stdout or Stderr; got {spec!r}")


def wired_output(spec: Any) -> Any:
    """:return: the type of an output as the container gives it"""
    if isinstance(spec, Glob):
        return Dir
    return spec.type if isinstance(spec, _Stream) else spec
