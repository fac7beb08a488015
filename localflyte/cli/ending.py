"""Ending: how a run ended, its name, status, page and outputs, for people or as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from dataclasses import is_dataclass
from datetime import date
from datetime import timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any
from typing import NamedTuple
from typing import TextIO

from localflyte.cli.reference import reference_kind
from localflyte.observe.text import HEADLINE
from localflyte.observe.text import further_lines
from localflyte.observe.text import one_line

__all__ = ("Ending", "as_json", "print_ending", "print_ending_as_json")

MOST_LINES = 40  # of one output on a terminal; --json prints all
DEEPEST = 64  # nested values; deeper ones are shown by repr, which knows about cycles


class Ending(NamedTuple):
    """How a run ended, as far as it is known."""

    name: str
    status: str
    url: str
    outputs: Mapping[str, Any]
    error: BaseException | None = None
    seconds: float | None = None


def print_ending(ending: Ending, stream: TextIO) -> None:
    """Print the ending for a person.

    :param ending: how the run ended
    :param stream: where to
    """
    rows = [("Run", ending.name), ("Status", ending.status.replace("_", " ")), ("Page", ending.url)]
    for label, text in rows:
        if text:
            print(f"{label:<7}{text}", file=stream)
    if ending.error is not None and ending.name and not isinstance(ending.error, KeyboardInterrupt):
        print(f"{'Error':<7}{_headline(ending.error)}", file=stream)
        for line in further_lines(str(ending.error), getattr(ending.error, "remote_traceback", "")):
            print(f"{' ' * 7}{line}".rstrip(), file=stream)
    for name, value in ending.outputs.items():
        print(f"{name:<7}{_pretty(value, stream.isatty())}" if not _is_page(value) else f"{name}\n{_page(value)}", file=stream)


def _is_page(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value


def _page(text: str) -> str:
    """Show text of several lines as its author laid it out, and nothing in it that a terminal would obey."""
    from localflyte.observe.text import printable

    return "\n" + printable(text).rstrip("\n")


def _headline(error: BaseException) -> str:
    first = str(error).strip().partition("\n")[0]
    code = getattr(error, "code", None)  # of a SystemExit it is a number, and no name of what happened
    return one_line(f"{code if isinstance(code, str) else type(error).__name__}: {first}", HEADLINE)


def _pretty(value: Any, short: bool) -> str:
    from pprint import pformat

    try:
        lines = pformat(value, width=100, compact=True, sort_dicts=False).splitlines() or [""]
    except Exception as error:  # noqa: BLE001 - the user's __repr__
        lines = [f"<{type(value).__name__} whose repr raises {type(error).__name__}>"]
    if short and len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"... {len(lines) - MOST_LINES} more lines; --json prints all"]
    return f"\n{' ' * 7}".join(lines)


def print_ending_as_json(ending: Ending, stream: TextIO) -> None:
    """Print the ending as one line of JSON, the last one of ``localflyte run --json``.

    :param ending: how the run ended
    :param stream: where to
    """
    error = ending.error
    row: dict[str, Any] = {"kind": "result", "run": ending.name, "status": ending.status, "url": ending.url, "seconds": ending.seconds}
    row["outputs"] = {name: as_json(value) for name, value in ending.outputs.items()}
    if error is not None:
        code = str(getattr(error, "code", type(error).__name__))
        row["error"] = {
            "kind": str(getattr(error, "kind", "system")),
            "code": code,
            "message": str(error),
            "traceback": str(getattr(error, "remote_traceback", "")),
        }
    print(json.dumps(row), file=stream, flush=True)


def as_json(value: Any, depth: int = 0) -> Any:
    """:return: the value in the types of JSON; what has no natural form there is its ``repr``"""
    if value is None or (isinstance(value, (bool, str)) and not isinstance(value, Enum)):
        return value
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(value)
    if reference_kind(type(value)):
        return str(getattr(value, "path", None) or getattr(value, "uri", ""))
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {_key(key): as_json(item, depth + 1) for key, item in value.items()}
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return as_json(value._asdict(), depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return [as_json(item, depth + 1) for item in value]
        if hasattr(value, "model_dump") and not isinstance(value, type):
            return as_json(value.model_dump(), depth + 1)
        if is_dataclass(value) and not isinstance(value, type):
            return {field.name: as_json(getattr(value, field.name), depth + 1) for field in fields(value)}
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return _repr(value)


def _key(key: Any) -> str:
    return key.name if isinstance(key, Enum) else key if isinstance(key, str) else str(key)


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the user's __repr__
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
