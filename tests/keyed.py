"""Keyed: values of every kind that a task can take, and their digests as inputs. Run as a program, it prints these as JSON.

It runs on any Python that localflyte runs on, with nothing but msgpack.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import timezone
from decimal import Decimal
from enum import Enum
from enum import Flag
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from typing import Literal
from typing import NamedTuple
from typing import Optional
from typing import TypedDict
from uuid import UUID

from localflyte.store.content import Contents
from localflyte.store.keys import digest_value
from localflyte.types.interface import Interface

__all__ = ("VALUES", "Color", "Inner", "Outer", "Pair", "Rights", "Table", "digest", "digests")


class Color(Enum):
    RED = 1
    GREEN = 2


class Rights(Flag):
    READ = 1
    WRITE = 2


class Pair(NamedTuple):
    left: int
    right: set[str]


class Table(TypedDict, total=False):
    rows: dict[str, int]
    name: str


@dataclass
class Inner:
    words: frozenset[str] = frozenset()
    when: datetime | None = None


@dataclass
class Outer:
    number: float
    inner: Inner = field(default_factory=Inner)
    table: dict[Color, list[int]] = field(default_factory=dict)


INSTANT = datetime(2024, 2, 29, 12, 30, 15, 123456, tzinfo=UTC)
WORDS = {"alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"}

#: Name to declared type and value.
VALUES: dict[str, tuple[Any, Any]] = {
    "none": (None, None),
    "true": (bool, True),
    "one": (int, 1),
    "one as a float": (float, 1.0),
    "zero": (float, 0.0),
    "negative zero": (float, -0.0),
    "nan": (float, float("nan")),
    "infinity": (float, float("inf")),
    "smallest": (float, 5e-324),
    "largest int": (int, 2**63 - 1),
    "text": (str, "text"),
    "composed": (str, "\u00e9"),
    "decomposed": (str, "e\u0301"),
    "bytes": (bytes, b"text"),
    "list": (list[int], [1, 2, 3]),
    "list of floats": (list[float], [1.0, float("nan"), -0.0]),
    "tuple": (tuple[int, str], (1, "a")),
    "tuple of any length": (tuple[int, ...], (1, 2, 3)),
    "set": (set[str], WORDS),
    "frozenset of tuples": (frozenset[tuple[int, str]], frozenset({(1, "a"), (2, "b"), (1, "b")})),
    "dict": (dict[str, int], {word: len(word) for word in WORDS}),
    "dict of int keys": (dict[int, set[str]], {2: WORDS, 1: set()}),
    "dict of enum keys": (dict[Color, float], {Color.GREEN: 1.0, Color.RED: 2.0}),
    "dict of dicts": (dict[str, dict[str, float]], {"b": {"y": 1.0, "x": 2.0}, "a": {}}),
    "optional": (Optional[int], 1),
    "optional none": (int | None, None),
    "union int": (int | str, 1),
    "union text": (int | str, "1"),
    "union of structures": (Inner | Outer, Inner(frozenset(WORDS))),
    "literal": (Literal["a", "b"], "a"),
    "enum": (Color, Color.RED),
    "flags": (Rights, Rights.READ | Rights.WRITE),
    "datetime": (datetime, INSTANT),
    "naive datetime": (datetime, INSTANT.replace(tzinfo=None)),
    "datetime elsewhere": (datetime, INSTANT.astimezone(timezone(timedelta(hours=2)))),
    "date": (date, INSTANT.date()),
    "time": (time, time(1, 2, 3)),
    "timedelta": (timedelta, timedelta(days=-1, microseconds=1)),
    "decimal": (Decimal, Decimal("1.10")),
    "uuid": (UUID, UUID(int=1)),
    "path": (PurePosixPath, PurePosixPath("/a/b")),
    "complex": (complex, complex(1.0, -0.0)),
    "dataclass": (Outer, Outer(1.5, Inner(frozenset(WORDS), INSTANT), {Color.GREEN: [1], Color.RED: []})),
    "named tuple": (Pair, Pair(1, WORDS)),
    "typed dict": (Table, {"name": "n", "rows": dict.fromkeys(WORDS, 1)}),
    "any none": (Any, None),
    "any true": (Any, True),
    "any one": (Any, 1),
    "any float": (Any, 1.0),
    "any list": (Any, [1, "a", None]),
    "any tuple": (Any, (1, "a", None)),
    "any set": (Any, {"k": WORDS, "j": (frozenset(WORDS), [WORDS | {1, 2.5}])}),
    "any dict": (Any, {word: {word: 1} for word in WORDS}),
    "any mixed keys": (Any, {1: "a", "1": "b", None: "c", b"1": "d", 2.5: "e"}),
}


@cache
def interface_of(annotation: Any) -> Interface:
    """:return: the interface of a task that takes this type"""

    def task(x): ...  # type: ignore[no-untyped-def]

    task.__annotations__ = {"x": annotation, "return": None}
    return Interface.from_function(task, task="env.task")


def digest(annotation: Any, value: Any) -> str:
    """:return: the digest of a value as the input of a task that declares it so, with what the declaration adds to the key"""
    interface = interface_of(annotation)
    packed = interface.encode_inputs({"x": value}, task="env.task", canonical=True)["x"]
    return f"{interface.digest_line} {digest_value(packed, Contents())[0]}"


def digests() -> dict[str, str]:
    """:return: the digest of each value by its name"""
    return {name: digest(annotation, value) for name, (annotation, value) in VALUES.items()}


if __name__ == "__main__":
    print(json.dumps(digests()))
