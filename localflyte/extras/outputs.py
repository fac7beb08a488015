"""Outputs: what a container has left in its folder of outputs, each under its name, as values of the declared types."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Mapping
from datetime import date
from datetime import datetime
from datetime import timedelta
from typing import Any
from typing import get_args
from typing import get_origin

from localflyte.io.dir import Dir
from localflyte.io.file import File

__all__ = ("claim", "holds_references", "read_outputs")

SHOWN = 10  # names of what is there instead
TRUE, FALSE = frozenset(("true", "t", "1")), frozenset(("false", "f", "0"))
_SPAN = re.compile(r"(?:(-?\d+) days?, )?(?:(\d+):)?(\d+):(\d+)(?:\.(\d{1,6}))?")


def read_outputs(outputs: Mapping[str, Any], folder: str, inside: str) -> tuple[Any, ...]:
    """Read every output.

    :param outputs: the type of each, by name
    :param folder: where they are
    :param inside: what the container called that folder
    :raises FileNotFoundError: if one is missing
    :raises ValueError: if one is not what its type says, or leads out of the folder
    """
    return tuple(_read(name, kind, folder, inside) for name, kind in outputs.items())


def holds_references(outputs: Mapping[str, Any]) -> bool:
    """:return: whether files or folders of the outputs are passed on where they are"""
    return any(_is(_inner(kind)[0], File, Dir) for kind in outputs.values())


def claim(folder: str) -> None:
    """Make all that is in a folder ours. Only root has to, and can: for others the container ran as they."""
    if sys.platform != "linux" or os.getuid() != 0:
        return
    for path, folders, files in os.walk(folder):
        for name in ("", *folders, *files):
            os.chown(os.path.join(path, name), os.getuid(), os.getgid(), follow_symlinks=False)


def _read(name: str, declared: Any, folder: str, inside: str) -> Any:
    kind, is_optional = _inner(declared)
    path = os.path.join(folder, name)
    try:
        mode = os.stat(path).st_mode
    except OSError:
        if is_optional and not os.path.islink(path):
            return None
        raise FileNotFoundError(_missing(name, path, folder, inside)) from None
    _check_within(path, folder, f"{inside}/{name}")
    if _is(kind, Dir):
        return Dir.from_local_sync(path)
    if not stat.S_ISREG(mode):
        raise ValueError(f"the output {name!r} is to be a file, and {inside}/{name} is none")
    if _is(kind, File):
        return File.from_local_sync(path)
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        text = file.read()
    try:
        return _cast(text, kind)
    except (ValueError, TypeError, ArithmeticError) as error:
        shown = text if len(text) <= 100 else f"{text[:100]}..."
        raise ValueError(f"the output {name!r} is {shown!r} in {inside}/{name}, and no {_called(kind)}: {error}") from error


def _cast(text: str, kind: Any) -> Any:
    if kind is str:
        return text
    if kind in {list, dict} or get_origin(kind) in {list, dict}:
        return json.loads(text)
    word = text.strip()
    if _is(kind, bool):
        if word.lower() not in TRUE | FALSE:
            raise ValueError("it is neither true nor false")
        return word.lower() in TRUE
    if _is(kind, timedelta):
        return _span(word)
    if _is(kind, datetime, date):
        return kind.fromisoformat(word)
    return kind(word if _is(kind, int, float) else text)


def _span(text: str) -> timedelta:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("it is not written as [D days, ][H:]MM:SS[.ffffff]")
    days, hours, minutes, seconds, fraction = match.groups()
    micros = int((fraction or "").ljust(6, "0"))
    return timedelta(int(days or 0), int(seconds), micros, 0, int(minutes), int(hours or 0))


def _check_within(path: str, folder: str, shown: str) -> None:
    """What a container says is a link is one of this machine when it is read here."""
    root = os.path.join(os.path.realpath(folder), "")
    places = [path]
    if os.path.isdir(path):
        places += [os.path.join(at, name) for at, folders, files in os.walk(path) for name in (*folders, *files)]
    for place in places:
        if os.path.islink(place) and not os.path.realpath(place).startswith(root):
            raise ValueError(
                f"{shown}{place.removeprefix(path)} is a link to {os.readlink(place)}, which is not among the outputs; copy it"
            )


def _missing(name: str, path: str, folder: str, inside: str) -> str:
    if os.path.islink(path):
        return f"the output {name!r} is a link to {os.readlink(path)}, which is not there outside of the container; copy it"
    there = sorted(os.listdir(folder))
    found = ", ".join(there[:SHOWN]) + (" ..." if len(there) > SHOWN else "")
    return f"the container wrote no output {name!r}: there is no {inside}/{name}, only {found or 'nothing'}"


def _inner(kind: Any) -> tuple[Any, bool]:
    """:return: the type, and whether it may be missing"""
    args = get_args(kind)
    if type(None) in args and len(args) == 2:
        return next(each for each in args if each is not type(None)), True
    return kind, False


def _is(kind: Any, *classes: type) -> bool:
    kind = get_origin(kind) or kind
    return isinstance(kind, type) and issubclass(kind, classes)


def _called(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind)
