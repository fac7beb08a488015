"""Any type with any value of it: it comes back equal, has one canonical form, and a wrong value inside is refused where it is passed."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import make_dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import timezone
from decimal import Decimal
from enum import Enum
from enum import Flag
from enum import IntEnum
from pathlib import PurePosixPath
from typing import Any
from typing import Generic
from typing import Literal
from typing import NamedTuple
from typing import NotRequired
from typing import TypedDict
from typing import TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from localflyte.io import DataFrame
from localflyte.io import Dir
from localflyte.io import File
from localflyte.types.codec import codec_for
from localflyte.types.interface import Interface
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError

pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")


T = TypeVar("T")


class Stranger:
    """A value of no type that anybody declared."""


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Pair(NamedTuple):
    left: Any
    right: Any


class Weekday(IntEnum):
    MONDAY = 1
    SUNDAY = 7


class Access(Flag):
    READ = 1
    WRITE = 2
    RUN = 4


@dataclass(frozen=True)
class Box(Generic[T]):
    inner: T


@dataclass(frozen=True)
class Pixel:
    x: int
    y: int


class Row(NamedTuple, Generic[T]):
    number: int
    inner: T


class Entry(TypedDict, Generic[T]):
    inner: T
    more: NotRequired[list[T]]


@dataclass(frozen=True)
class Kind:
    """A type, the values it has, and whether they can be in a set."""

    annotation: Any
    values: st.SearchStrategy[Any]
    hashable: bool = False

    def __repr__(self) -> str:
        return f"Kind({self.annotation})"


NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=6)
PATHS = NAMES.map(lambda name: f"/data/{name}")
WHOLE = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=False)

LEAVES = [
    Kind(int, WHOLE, hashable=True),
    Kind(float, FLOATS, hashable=True),
    Kind(bool, st.booleans(), hashable=True),
    Kind(str, st.text(), hashable=True),
    Kind(bytes, st.binary(), hashable=True),
    Kind(None, st.none(), hashable=True),
    Kind(datetime, st.datetimes(timezones=st.just(UTC)), hashable=True),
    Kind(date, st.dates(), hashable=True),
    Kind(time, st.times()),
    Kind(timedelta, st.timedeltas(), hashable=True),
    Kind(Decimal, st.decimals(allow_nan=False, allow_infinity=False)),
    Kind(UUID, st.uuids(), hashable=True),
    Kind(PurePosixPath, PATHS.map(PurePosixPath), hashable=True),
    Kind(complex, st.complex_numbers(allow_nan=False)),
    Kind(Color, st.sampled_from(Color), hashable=True),
    Kind(Literal["a", 1, None], st.sampled_from(["a", 1, None]), hashable=True),
    Kind(Weekday, st.sampled_from(Weekday), hashable=True),
    Kind(Access, st.integers(0, 7).map(Access), hashable=True),
    Kind(datetime, st.datetimes(timezones=st.just(timezone(timedelta(hours=5, minutes=30)))), hashable=True),
    Kind(File, st.builds(File, PATHS, hash=st.none() | NAMES)),
    Kind(Dir, st.builds(Dir, PATHS, format=NAMES)),
    Kind(DataFrame, st.builds(DataFrame, PATHS.map(lambda path: f"{path}.csv"), st.just("csv"), hash=st.none() | NAMES)),
]

#: Types of which each value fits one alone.
UNIONS = [
    Kind(int | str | None, WHOLE | st.text() | st.none(), hashable=True),
    Kind(Color | UUID | bytes, st.sampled_from(Color) | st.uuids() | st.binary(), hashable=True),
    Kind(File | Dir | DataFrame | None, LEAVES[-3].values | LEAVES[-2].values | LEAVES[-1].values | st.none()),
    Kind(list[int] | dict[str, float] | date, st.lists(WHOLE) | st.dictionaries(st.text(), FLOATS) | st.dates()),
    Kind(Box[int] | Pixel | Literal["none"], st.builds(Box, WHOLE) | st.builds(Pixel, WHOLE, WHOLE) | st.just("none")),
]


def lists(inner: Kind) -> Kind:
    return Kind(list[inner.annotation], st.lists(inner.values, max_size=4))  # type: ignore[name-defined]


def rows(inner: Kind) -> Kind:
    return Kind(tuple[inner.annotation, ...], st.lists(inner.values, max_size=4).map(tuple), inner.hashable)  # type: ignore[name-defined]


def sets(inner: Kind) -> Kind:
    if not inner.hashable:
        return lists(inner)
    return Kind(frozenset[inner.annotation], st.frozensets(inner.values, max_size=4), hashable=True)  # type: ignore[name-defined]


def optional(inner: Kind) -> Kind:
    return Kind(inner.annotation | None if inner.annotation is not None else None, st.none() | inner.values, inner.hashable)


def texts_to(inner: Kind) -> Kind:
    return Kind(dict[str, inner.annotation], st.dictionaries(st.text(), inner.values, max_size=4))  # type: ignore[name-defined]


def pairs(left: Kind, right: Kind) -> Kind:
    both = st.tuples(left.values, right.values)
    return Kind(tuple[left.annotation, right.annotation], both, left.hashable and right.hashable)  # type: ignore[name-defined]


def keyed(left: Kind, right: Kind) -> Kind:
    if not left.hashable:
        return texts_to(right)
    return Kind(dict[left.annotation, right.annotation], st.dictionaries(left.values, right.values, max_size=4))  # type: ignore[name-defined]


def dataclasses(left: Kind, right: Kind) -> Kind:
    made = make_dataclass("Made", [("left", left.annotation), ("right", right.annotation)])
    return Kind(made, st.builds(made, left.values, right.values))


def named_tuples(left: Kind, right: Kind) -> Kind:
    made: Any = NamedTuple("Made", [("left", left.annotation), ("right", right.annotation)])  # type: ignore[misc]
    return Kind(made, st.builds(made, left.values, right.values))


def typed_dicts(left: Kind, right: Kind) -> Kind:
    made: Any = TypedDict("Made", {"left": left.annotation, "right": right.annotation})  # type: ignore[misc]
    return Kind(made, st.fixed_dictionaries({"left": left.values, "right": right.values}))


def models(left: Kind, right: Kind) -> Kind:
    options: Any = {"__config__": {"ser_json_inf_nan": "constants"}}
    made = pydantic.create_model("Made", left=(left.annotation, ...), right=(right.annotation, ...), **options)
    return Kind(made, st.tuples(left.values, right.values).map(lambda both: made(left=both[0], right=both[1])))


def boxes(inner: Kind) -> Kind:
    return Kind(Box[inner.annotation], st.builds(Box, inner.values))  # type: ignore[name-defined]


def generic_rows(inner: Kind) -> Kind:
    return Kind(Row[inner.annotation], st.builds(Row, WHOLE, inner.values))  # type: ignore[name-defined]


def generic_entries(inner: Kind) -> Kind:
    values = st.fixed_dictionaries({"inner": inner.values}, optional={"more": st.lists(inner.values, max_size=2)})
    return Kind(Entry[inner.annotation], values)  # type: ignore[name-defined]


ONE: list[Callable[[Kind], Kind]] = [lists, rows, sets, optional, texts_to]
GENERIC: list[Callable[[Kind], Kind]] = [boxes, generic_rows, generic_entries]
TWO: list[Callable[[Kind, Kind], Kind]] = [pairs, keyed, dataclasses, named_tuples]  # pydantic takes these into its models


def kinds(leaves: list[Kind], one: list[Callable[[Kind], Kind]], two: list[Callable[[Kind, Kind], Kind]]) -> st.SearchStrategy[Kind]:
    def wrapped(inner: st.SearchStrategy[Kind]) -> st.SearchStrategy[Kind]:
        return st.one_of(
            st.builds(lambda wrap, kind: wrap(kind), st.sampled_from(one), inner),
            st.builds(lambda wrap, left, right: wrap(left, right), st.sampled_from(two), inner, inner),
        )

    return st.recursive(st.sampled_from(leaves), wrapped, max_leaves=5)


KINDS = kinds([*LEAVES, *UNIONS], [*ONE, *GENERIC], [*TWO, typed_dicts])
IN_MODELS = kinds(LEAVES, ONE, TWO)
MODELS = st.builds(models, IN_MODELS, IN_MODELS)
CASES = (KINDS | MODELS).flatmap(lambda kind: st.tuples(st.just(kind.annotation), kind.values))

often = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@often
@given(CASES)
def test_a_value_comes_back(case: tuple[Any, Any]) -> None:
    annotation, value = case
    codec = codec_for(annotation)
    packed = pack(codec, value, canonical=True)
    back = unpack(codec, packed)
    assert back == value
    assert type(back) is type(value)
    again = pack(codec, back, canonical=True)
    assert (again.canonical or again.data, again.refs) == (packed.canonical or packed.data, packed.refs)


@often
@given(CASES.flatmap(lambda case: st.tuples(st.just(case[0]), st.lists(st.just(case[1]), min_size=1, max_size=3))))
def test_many_values_come_back(case: tuple[Any, list[Any]]) -> None:
    annotation, values = case
    codec = codec_for(list[annotation])
    assert unpack(codec, pack(codec, values)) == values


WRAPS: list[tuple[Callable[[Any], Any], Callable[[Any], Any]]] = [
    (lambda kind: kind, lambda value: value),
    (lambda kind: list[kind], lambda value: [value]),
    (lambda kind: dict[str, kind], lambda value: {"a": value}),
    (lambda kind: tuple[int, kind], lambda value: (1, value)),
    (lambda kind: make_dataclass("Made", [("inner", kind)]), lambda value: {"inner": value}),
]


@often
@given(KINDS, st.sampled_from(WRAPS))
def test_a_stranger_is_refused_in_the_caller(kind: Kind, wrap: tuple[Callable[[Any], Any], Callable[[Any], Any]]) -> None:
    annotation, value = wrap[0](kind.annotation), wrap[1](Stranger())
    with pytest.raises(TypeTransformerFailedError):
        pack(codec_for(annotation), value)

    def task(x):  # type: ignore[no-untyped-def]
        return x

    task.__annotations__ = {"x": annotation}
    interface = Interface.from_function(task, task="env.task")
    with pytest.raises(TypeError, match=r"Type conversion failed for variable 'x' of task 'env.task': .*expected"):
        interface.encode_inputs({"x": value}, task="env.task")


@often
@given(CASES, st.binary(max_size=200))
def test_damaged_data_is_an_error_and_nothing_worse(case: tuple[Any, Any], noise: bytes) -> None:
    annotation, value = case
    codec = codec_for(annotation)
    packed = pack(codec, value)
    for data in (noise, packed.data[: len(packed.data) // 2], packed.data + noise):
        try:
            unpack(codec, packed._replace(data=data))
        except Exception as error:
            assert not isinstance(error, (MemoryError, RecursionError))  # noqa: PT017
