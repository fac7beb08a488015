"""Many values at once: the same wire form, the same values and the same errors as one by one."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from enum import Enum
from enum import Flag
from typing import Any
from typing import Literal
from typing import NamedTuple

import pytest
from msgpack import packb

from localflyte.spec.packed import Packed
from localflyte.types.base import encode_each
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError


class Color(Enum):
    RED = "r"
    BLUE = "b"


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Point:
    x: int
    y: float = 0.0
    name: str | None = None


@dataclass
class Special(Point):
    more: int = 0


@dataclass
class Computed:
    a: int
    b: int = field(init=False, default=0)
    c: str = field(kw_only=True, default="c")


@dataclass(frozen=True, slots=True)
class Fixed:
    a: int
    b: list[int]


@dataclass
class Upper:
    text: str

    def __post_init__(self) -> None:
        self.text = self.text.upper()


@dataclass
class Nothing:
    pass


@dataclass
class Deep:
    points: list[Point]
    named: dict[str, Point]
    color: Color
    when: datetime
    pair: tuple[Point, int]
    maybe: Point | None
    either: int | str
    choice: Literal["a", "b"]


@dataclass
class Tally:
    counts: dict[str, int]


@dataclass
class Loose:
    tally: Tally | None
    more: list[Tally]
    names: set[str] | None


class Row(NamedTuple):
    a: int
    b: list[Point]


NOW = datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


def deep(number: int) -> Deep:
    point = Point(number, number / 2, None if number % 2 else "n")
    either = number if number % 3 else "s"
    maybe = None if number % 5 else point
    return Deep([point] * (number % 4), {str(number): point}, list(Color)[number % 2], NOW, (point, number), maybe, either, "a")


MANY: dict[str, tuple[Any, list[Any]]] = {
    "dataclasses": (Point, [Point(i, i / 2, str(i)) for i in range(5)]),
    "nested dataclasses": (Deep, [deep(i) for i in range(15)]),
    "dataclasses of derived classes": (Point, [Point(1), Special(2, more=3)]),
    "dataclasses as dicts": (Point, [Point(1), {"x": 2}]),
    "computed fields": (Computed, [Computed(i, c=str(i)) for i in range(3)]),
    "no fields": (Nothing, [Nothing(), Nothing()]),
    "named tuples": (Row, [Row(i, [Point(i)] * i) for i in range(4)]),
    "named tuples and plain ones": (Row, [Row(1, []), (2, [])]),
    "named tuples as dicts": (Row, [Row(1, []), {"a": 2, "b": [{"x": 1}, {"x": 2}]}]),
    "tuples": (tuple[int, Point], [(i, Point(i)) for i in range(4)]),
    "tuples and lists": (tuple[int, str], [(1, "a"), [2, "b"]]),
    "lists": (list[Point], [[Point(i)] * i for i in range(4)]),
    "lists of a derived class": (list[Point], [[Point(1)], type("Points", (list,), {})([Point(2), Point(3)])]),
    "lists of times": (list[datetime], [[NOW], type("Times", (list,), {})([NOW, NOW])]),
    "frozen with slots": (Fixed, [Fixed(i, [i]) for i in range(3)]),
    "what its constructor changes": (Upper, [Upper("a"), Upper("b")]),
    "dicts": (dict[str, Point], [{str(j): Point(j) for j in range(i)} for i in range(4)]),
    "dicts with other keys": (dict[datetime, Point], [{NOW: Point(1)}, {}]),
    "optional": (Point | None, [None, Point(1), None, Point(2)]),
    "enums": (Color, [Color.RED, Color.BLUE, "RED"]),
    "enums alone": (Color, [Color.RED, Color.BLUE]),
    "flags": (Right, [Right.READ, Right.READ | Right.WRITE]),
    "plain unions": (int | str | None, [1, "a", None, 2]),
    "plain unions with a derived value": (int | str, [1, type("Text", (str,), {})("a")]),
    "unions of lists": (int | list[int], [1, [2, 3]]),
}


@pytest.mark.parametrize("case", MANY)
def test_many_are_what_each_is(case: str) -> None:
    annotation, values = MANY[case]
    codec = codec_for(annotation)
    wires = codec.encode_all(values)
    one_by_one = encode_each(values, codec.encode)
    assert packb(wires) == packb(one_by_one)
    assert codec.decode_all(wires) == [codec.decode(wire) for wire in one_by_one]
    assert codec.decode_all(tuple(wires)) == codec.decode_all(wires)


@pytest.mark.parametrize("case", MANY)
def test_a_list_is_what_each_is(case: str) -> None:
    annotation, values = MANY[case]
    each = [codec_for(annotation).decode(codec_for(annotation).encode(value)) for value in values]
    for kind, whole, expected in (
        (list[annotation], values, each),
        (tuple[annotation, ...], tuple(values), tuple(each)),
        (list[list[annotation]], [values, [], values], [each, [], each]),
        (list[tuple[annotation, int]], [(value, 1) for value in values], [(value, 1) for value in each]),
        (list[annotation | None], [*values, None], [*each, None]),
    ):
        assert unpack(codec_for(kind), pack(codec_for(kind), whole)) == expected


@pytest.mark.parametrize("case", MANY)
def test_a_list_is_read_from_the_forms_of_each(case: str) -> None:
    """What was kept before lists were carried by column can still be run again."""
    annotation, values = MANY[case]
    rows = packb(encode_each(values, codec_for(annotation).encode))
    codec = codec_for(list[annotation])
    assert unpack(codec, Packed(rows)) == unpack(codec, pack(codec, values))
    codec = codec_for(tuple[annotation, ...])
    assert unpack(codec, Packed(rows)) == unpack(codec, pack(codec, tuple(values)))


@pytest.mark.parametrize("case", MANY)
def test_a_list_has_one_form_however_it_was_written(case: str) -> None:
    """The cache knows a value again that came as dicts, or as objects of a derived class."""
    annotation, values = MANY[case]
    codec = codec_for(list[annotation])
    first = pack(codec, values, canonical=True)
    again = pack(codec, unpack(codec, first), canonical=True)
    assert (first.canonical or first.data) == (again.canonical or again.data)


def test_what_has_no_order_is_ordered_in_columns() -> None:
    codec = codec_for(list[list[Loose | None]])

    def value(counts: dict[str, int], names: set[str]) -> list[list[Loose | None]]:
        one = Loose(Tally(counts), [Tally(counts), Tally({}), Tally({"a": 3})], names)
        return [[one, None, Loose(None, [], None)], [], [Loose(Tally({}), [], {"y"})]]

    one = pack(codec, value({"a": 1, "b": 2}, {"x", "y", "z"}), canonical=True)
    other = pack(codec, value({"b": 2, "a": 1}, {"z", "y", "x"}), canonical=True)
    assert one.data[0] == 0x81  # a map of one: columns
    assert (one.canonical or one.data) == (other.canonical or other.data)
    assert other.canonical  # for one of the two at least is not in order
    assert unpack(codec, one) == unpack(codec, other)
    assert (one.canonical or one.data) != pack(codec, value({"a": 2, "b": 1}, {"x", "y", "z"}), canonical=True).canonical


def test_a_type_that_is_carried_by_column_has_another_line() -> None:
    assert codec_for(list[Point]).line == f"list[{codec_for(Point).line} by column]"
    assert codec_for(tuple[Point, ...]).line == f"tuple[{codec_for(Point).line} by column, ...]"
    assert codec_for(list[list[int]]).line == "list[list[int]]"


def test_a_number_of_objects_is_carried_without_a_row_for_each() -> None:
    assert codec_for(list[Point]).encode([Point(1), Point(2, 3.0, "n")]) == {2: [[1, 2], [0.0, 3.0], [None, "n"]]}
    assert codec_for(list[Point]).encode([Point(1)]) == [[1, 0.0, None]]


DAMAGED: list[tuple[Any, Any, str]] = [
    (list[Point], {2: [[1, 2], [0.0, 0.0]]}, "3 columns expected, and 2 came"),
    (list[Point], {2: [[1, 2], [0.0, 0.0], [None]]}, "columns of 2 values expected"),
    (list[Point], {3: [[1, 2], [0.0, 0.0], [None, None]]}, "columns of 3 values expected"),
    (list[list[Point]], {2: [[1], [[1, 0.0, None]]]}, "columns of 2 values expected"),
    (list[list[Point]], {2: [[1, 1], [[1, 0.0, None]]]}, "columns of 2 values expected"),
    (list[Point | None], {2: [[True], [[1, 0.0, None]]]}, "columns of 2 values expected"),
    (list[Point | None], {2: [[True, True], [[1, 0.0, None]]]}, "columns of 2 values expected"),
]


@pytest.mark.parametrize(("annotation", "wire", "message"), DAMAGED)
def test_columns_that_do_not_fit_are_refused(annotation: Any, wire: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        codec_for(annotation).decode(wire)


REFUSED: list[tuple[Any, Any, str]] = [
    (list[Point], [Point(1), Point("2")], "[1].x: expected int, got str ('2')"),  # type: ignore[arg-type]
    (list[Point], [Point(1), 3], "[1]: expected Point, got int (3)"),
    (list[list[Point]], [[], [Point(1), Point(1, "y")]], "[1][1].y: expected float, got str ('y')"),  # type: ignore[arg-type]
    (list[tuple[int, str]], [(1, "a"), (2, 3)], "[1][1]: expected str, got int (3)"),
    (list[tuple[int, str]], [(1, "a"), (2,)], "[1]: expected tuple[int, str] (2 values), got tuple of 1"),
    (list[Row], [Row(1, []), Row(2, [Point(None)])], "[1].b[0].x: expected int, got None"),  # type: ignore[arg-type]
    (list[Color], [Color.RED, Right.READ], "[1]: expected Color (RED, BLUE), got"),
    (dict[str, Point], {"a": Point(1), "b": Point(2.0)}, "['b'].x: expected int, got float (2.0)"),  # type: ignore[arg-type]
    (list[dict[str, Point]], [{}, {"b": 1}], "[1]['b']: expected Point, got int (1)"),
    (list[Point | None], [None, Point(1), "x"], "[2]: expected Point | None, got str ('x')"),
    (list[Point | None], [None, Point(1), Point("x")], "[2].x: expected int, got str ('x')"),  # type: ignore[arg-type]
    (list[list[Point]], [[Point(1)], (Point(2),)], "[1]: expected list[Point], got tuple"),
    (dict[str, tuple[int, str]], {"a": (1, "a"), "b": (2,)}, "['b']: expected tuple[int, str] (2 values), got tuple of 1"),
    (list[Row], [Row(1, []), {"c": 1}], "[1]: expected Row (a, b), got dict"),
    (list[Point], [Point(1), {"y": 2.0}], "[1]: expected Point, got a dict with other keys (missing: x)"),
    (tuple[Point, ...], (Point(1), Point("2")), "[1].x: expected int, got str ('2')"),  # type: ignore[arg-type]
    (list[int | str], [1, 2.0], "[1]: expected int | str, got float (2.0)"),
    (list[int], [*range(200_000), "x"], "[200000]: expected int, got str ('x')"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), REFUSED)
def test_the_one_that_is_refused_is_named(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(TypeTransformerFailedError) as caught:
        pack(codec_for(annotation), value)
    assert message in str(caught.value)


def test_a_number_that_is_too_large_is_found_among_many() -> None:
    with pytest.raises(ValueRefusedError, match=r"^\[1\]\.x: integer out of range"):
        pack(codec_for(list[Point]), [Point(1), Point(2**63)])


def test_rows_that_do_not_fit_the_class_any_more_are_refused() -> None:
    with pytest.raises(ValueError, match="rows of 3 values expected"):
        codec_for(list[Point]).decode([[1, 2.0, None], [1, 2.0]])


@pytest.mark.parametrize("enabled", [True, False])
def test_the_garbage_collector_is_left_as_it_was(enabled: bool) -> None:
    values = [Point(i) for i in range(5000)]
    if not enabled:
        gc.disable()
    try:
        packed = pack(codec_for(list[Point]), values)
        assert unpack(codec_for(list[Point]), packed) == values
        with pytest.raises(TypeTransformerFailedError):
            pack(codec_for(list[Point]), [*values, None])
        assert gc.isenabled() is enabled
    finally:
        gc.enable()
