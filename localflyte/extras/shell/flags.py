"""Flags: how an input becomes an option of a command where the script says ``{flags.name}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Literal
from typing import get_args

__all__ = ("DictMode", "FlagSpec", "flags_of", "listMode")

listMode = Literal["join", "repeat", "comma"]  # noqa: N816 - Flyte's name
DictMode = Literal["pairs", "equals"]


@dataclass(frozen=True)
class FlagSpec:
    """The option of one input.

    - a bool is the flag alone, or nothing
    - a value follows the flag after `separator`; a blank makes it a word of its own
    - files follow one flag (``join``), have a flag each (``repeat``), or are one word (``comma``)
    - a dict is its keys and values as words (``pairs``), or ``flag key=value`` in one word each (``equals``)
    """

    flag: str
    list_mode: listMode = "join"
    separator: str = " "
    dict_mode: DictMode = "pairs"

    @classmethod
    def coerce(cls, name: str, alias: str | tuple[str, str] | FlagSpec | None) -> FlagSpec:
        """Make one of what a person writes: a flag, or a flag and a mode.

        :param name: of the input, whose flag is ``-name`` where nothing is said
        :raises TypeError: if it is none of that
        """
        match alias:
            case None:
                return cls(f"-{name}")
            case FlagSpec():
                return alias
            case str():
                return cls(alias)
            case (str(flag), ("join" | "repeat" | "comma") as mode):
                return cls(flag, list_mode=mode)
            case (str(flag), ("pairs" | "equals") as dict_mode):
                return cls(flag, dict_mode=dict_mode)
        modes = ", ".join((*get_args(listMode), *get_args(DictMode)))
        raise TypeError(f"flag_aliases[{name!r}] must be a flag, (flag, mode) with a mode of {modes}, or a FlagSpec; got {alias!r}")


def flags_of(inputs: Mapping[str, Any], aliases: Mapping[str, Any]) -> dict[str, FlagSpec]:
    """:return: the option of each input
    :raises KeyError: if an alias is none of an input
    """
    for name in aliases:
        if name not in inputs:
            raise KeyError(f"flag_aliases names {name!r}, which is no input; inputs are {', '.join(inputs) or 'none'}")
    return {name: FlagSpec.coerce(name, aliases.get(name)) for name in inputs}
