"""Keys are equal if and only if typed values are: by trial, by a list for good, and in processes with other hash seeds."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from dataclasses import is_dataclass
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from enum import Enum
from pathlib import Path
from typing import Any

import keyed
import msgpack
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).with_name("golden_keys.json")
SEEDS = 20


@dataclass
class Point:
    x: float
    tags: set[str] = field(default_factory=set)
    more: "dict[str, Point]" = field(default_factory=dict)  # noqa: UP037 - resolved late, as in real programs


class Model(BaseModel):
    number: int
    tags: dict[str, int | None]


#: What is easily taken for one another.
CONFUSABLE = [
    0, 1, True, False, 0.0, -0.0, 1.0, float("nan"), "", "1", "True", "\u00e9", "e\u0301", b"", b"1", None,
]  # fmt: skip
numbers = st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")]) | st.floats()
texts = st.sampled_from(["", "a", "b", "\u00e9", "e\u0301", "1"]) | st.text(max_size=3)
words = st.sets(texts, max_size=4)
atoms = st.sampled_from(CONFUSABLE) | st.integers(-(2**63), 2**63 - 1) | numbers | texts | st.binary(max_size=2)
hashables = st.recursive(atoms, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4)
anything = st.recursive(
    hashables,
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner) | st.sets(hashables, max_size=3) | st.dictionaries(atoms, inner, max_size=3)
    ),
    max_leaves=6,
)
points = st.recursive(
    st.builds(Point, numbers, words),
    lambda inner: st.builds(Point, numbers, words, st.dictionaries(texts, inner, max_size=2)),
    max_leaves=3,
)
instants = st.builds(
    lambda micro, hours: datetime(2024, 1, 1, tzinfo=UTC).astimezone(timezone(timedelta(hours=hours))) + timedelta(microseconds=micro),
    st.integers(0, 2),
    st.integers(-1, 1),
)

#: Declared type and values of it.
TYPED: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "Any": (Any, anything),
    "list[Any]": (list[Any], st.lists(anything, max_size=3)),
    "float": (float, numbers),
    "list[float]": (list[float], st.lists(numbers, max_size=3)),
    "str": (str, texts),
    "bool | int | float | str | bytes | None": (bool | int | float | str | bytes | None, atoms),
    "set[str]": (set[str], words),
    "frozenset[tuple[int, str]]": (frozenset[tuple[int, str]], st.frozensets(st.tuples(st.integers(0, 2), texts), max_size=3)),
    "dict[str, set[str]]": (dict[str, set[str]], st.dictionaries(texts, words, max_size=3)),
    "dict[int, float | None]": (dict[int, float | None], st.dictionaries(st.integers(0, 3), st.none() | numbers, max_size=3)),
    "dict[tuple[int, bool], str]": (
        dict[tuple[int, bool], str],
        st.dictionaries(st.tuples(st.integers(0, 1), st.booleans()), texts, max_size=3),
    ),
    "tuple[int, ...]": (tuple[int, ...], st.lists(st.integers(0, 2), max_size=3).map(tuple)),
    "list[int] | set[int]": (list[int] | set[int], st.lists(st.integers(0, 2), max_size=3) | st.sets(st.integers(0, 2), max_size=3)),
    "datetime": (datetime, instants),
    "keyed.Color": (keyed.Color, st.sampled_from(keyed.Color)),
    "Point": (Point, points),
    "Model": (Model, st.builds(Model, number=st.integers(0, 2), tags=st.dictionaries(texts, st.none() | st.integers(0, 2), max_size=3))),
    "keyed.Pair": (keyed.Pair, st.builds(keyed.Pair, st.integers(0, 2), words)),
}


def meaning(value: Any) -> Any:
    """:return: what a value is, types included, as something that can be compared: independent of how keys are made"""
    kind = type(value).__name__
    if isinstance(value, Enum):
        return kind, value.name
    if isinstance(value, float):
        return kind, b"nan" if value != value else struct.pack(">d", value)
    if isinstance(value, datetime):
        return kind, value.astimezone(UTC).isoformat()
    if isinstance(value, BaseModel):
        return kind, tuple((name, meaning(getattr(value, name))) for name in type(value).model_fields)
    if is_dataclass(value):
        return kind, tuple((one.name, meaning(getattr(value, one.name))) for one in fields(value))
    if isinstance(value, dict):
        return kind, frozenset((meaning(one), meaning(inner)) for one, inner in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(map(meaning, value))
    if isinstance(value, list | tuple):
        return kind, tuple(map(meaning, value))
    return kind, value


def again(value: Any) -> Any:
    """:return: the same value, made in another order"""
    if isinstance(value, BaseModel):
        return type(value)(**{name: again(getattr(value, name)) for name in type(value).model_fields})
    if is_dataclass(value):
        return type(value)(*(again(getattr(value, one.name)) for one in fields(value)))  # type: ignore[operator]
    if isinstance(value, dict):
        return {again(one): again(inner) for one, inner in reversed(value.items())}
    if isinstance(value, set | frozenset):
        return type(value)(reversed([again(one) for one in value]))
    if isinstance(value, tuple):
        return type(value)(*map(again, value)) if hasattr(value, "_fields") else tuple(map(again, value))
    if isinstance(value, list):
        return [again(one) for one in value]
    return -value if isinstance(value, float) and value != value else value  # a nan is a nan, whatever its sign


@pytest.mark.parametrize("name", TYPED)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_keys_are_equal_if_and_only_if_typed_values_are(name: str, data: st.DataObject) -> None:
    annotation, values = TYPED[name]
    one, other = data.draw(values), data.draw(values)
    key = keyed.digest(annotation, one)
    assert key == keyed.digest(annotation, again(one))
    assert (key == keyed.digest(annotation, other)) == (meaning(one) == meaning(other))


def test_nothing_that_is_easily_confused_has_the_same_key() -> None:
    values: list[Any] = [
        *CONFUSABLE,
        [],
        (),
        set(),
        frozenset(),
        {},
        [1],
        (1,),
        {1},
        [True],
        {1: 1},
        {True: 1},
        {1.0: 1},
        {"1": 1},
        [[]],
        [()],
    ]
    assert len({keyed.digest(Any, value) for value in values}) == len(values)


def test_values_of_different_types_do_not_meet() -> None:
    """The declared type is part of the key, so the same bytes under two types are two keys."""
    types: list[tuple[Any, Any]] = [
        (int, 1), (float, 1.0), (bool, True), (str, "1"), (int | None, 1), (list[int], [1]), (tuple[int, ...], (1,)), (set[int], {1}),
        (frozenset[int], frozenset({1})), (dict[int, int], {1: 1}), (dict[int, float], {1: 1.0}), (Any, 1), (list[Any], [1]),
    ]  # fmt: skip
    assert len({keyed.digest(annotation, value) for annotation, value in types}) == len(types)


def test_keys_are_known_for_good() -> None:
    """A change here makes every cache on earth miss once: then SCHEMA has to change too."""
    assert keyed.digests() == json.loads(GOLDEN.read_text())


def said_by(python: str, seed: int) -> dict[str, str]:
    packages = str(Path(msgpack.__file__).parent.parent)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"), packages)),
        "PYTHONHASHSEED": str(seed),
        "MSGPACK_PUREPYTHON": "" if python == sys.executable else "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run([python, "-m", "keyed"], env=environment, capture_output=True, text=True, timeout=60, check=True)
    said: dict[str, str] = json.loads(done.stdout)
    return said


def test_hash_seeds_change_no_key() -> None:
    golden = json.loads(GOLDEN.read_text())
    with ThreadPoolExecutor(2) as pool:
        assert all(said == golden for said in pool.map(lambda seed: said_by(sys.executable, seed), range(SEEDS)))


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_another_python_makes_the_same_keys(version: str) -> None:
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", "1"], capture_output=True, check=False, timeout=60).returncode:
        pytest.skip(f"there is no Python {version} on this machine")
    assert said_by(found, 1) == json.loads(GOLDEN.read_text())
