"""Values through codecs: there and back by table and by hypothesis, and the values that are refused."""

from __future__ import annotations

import dataclasses
import decimal
import math
import pathlib
import uuid
from collections.abc import Callable
from collections.abc import Iterable
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from datetime import timezone
from enum import Enum
from enum import Flag
from enum import IntEnum
from typing import Annotated
from typing import Any
from typing import Dict
from typing import FrozenSet
from typing import Generic
from typing import List
from typing import Literal
from typing import NamedTuple
from typing import NewType
from typing import NotRequired
from typing import Optional
from typing import Tuple
from typing import TypedDict
from typing import TypeVar
from typing import Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError

T = TypeVar("T")


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Mood(str, Enum):
    FINE = "fine"


class Level(IntEnum):
    LOW = 1


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


@dataclasses.dataclass
class Node:
    value: int
    next: Node | None = None
    many: list[Node] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    more: list[T]


@dataclasses.dataclass
class Computed:
    base: int
    double: int = dataclasses.field(init=False)
    label: str = dataclasses.field(default="", kw_only=True)

    def __post_init__(self) -> None:
        self.double = self.base * 2


@dataclasses.dataclass(frozen=True)
class Event:
    at: datetime
    color: Color


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Options(TypedDict, total=False):
    name: str
    size: NotRequired[int]


class Strict(TypedDict):
    name: str
    size: NotRequired[int]


class Custom:
    def __init__(self, content: Any) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Custom) and self.content == other.content

    __hash__ = None  # type: ignore[assignment]


UserId = NewType("UserId", int)


def carry(annotation: Any, value: Any) -> Any:
    codec = codec_for(annotation)
    return unpack(codec, pack(codec, value))


ROUND_TRIPS: list[tuple[Any, Any]] = [
    (int, 0),
    (int, 2**63 - 1),
    (int, -(2**63)),
    (float, 1.5),
    (float, math.inf),
    (str, "häßlich \N{SNOWMAN}"),
    (bool, True),
    (bytes, b"\x00\xff"),
    (None, None),
    (type(None), None),
    (datetime, datetime(2024, 2, 29, 12, 30, 1, 999999, tzinfo=UTC)),
    (datetime, datetime.min.replace(tzinfo=UTC)),
    (datetime, datetime.max.replace(tzinfo=UTC)),
    (date, date(2024, 2, 29)),
    (time, time(1, 2, 3, 4)),
    (time, time(1, 2, tzinfo=timezone(timedelta(hours=2)))),
    (timedelta, timedelta.max),
    (timedelta, timedelta(microseconds=-1)),
    (Color, Color.RED),
    (Mood, Mood.FINE),
    (Level, Level.LOW),
    (Right, Right.READ | Right.WRITE),
    (Literal["a", "b"], "a"),
    (Literal[1, "1", None], "1"),
    (Literal[True, 1], 1),
    (Literal[Color.RED, "x"], Color.RED),
    (list[int], [1, 2]),
    (List[str], ["a"]),
    (list[list[float]], [[1.0], []]),
    (list[Optional[int]], [1, None]),
    (list[Color], [Color.RED]),
    (dict[str, int], {"a": 1}),
    (Dict[str, list[bool]], {"a": [True]}),
    (dict[int, str], {1: "a"}),
    (dict[Color, int], {Color.RED: 1}),
    (dict[tuple[int, int], str], {(1, 2): "a"}),
    (dict[date, int], {date(2020, 1, 1): 1}),
    (set[str], {"a", "b"}),
    (FrozenSet[int], frozenset({1})),
    (set[tuple[int, str]], {(1, "a")}),
    (tuple[int, str], (1, "a")),
    (Tuple[int, ...], (1, 2, 3)),
    (tuple[()], ()),
    (Optional[int], None),
    (Optional[list[int]], [1]),
    (int | str | None, "a"),
    (Union[list[int], str], [1]),
    (Union[Point, Pair, None], Pair(1)),
    (Union[int, Custom], Custom(1)),
    (Union[list[dict[str, list[int]]], dict[str, list[int]], int], [{"a": [1], "b": [2, 3]}, {}]),
    (Union[list[dict[str, list[int]]], dict[str, list[int]], int], {"a": [1]}),
    (Union[Annotated[str, "a note"], Annotated[int, "another"]], 3),
    (Annotated[Union[str, int], {"a": "note"}], "x"),
    (list[list[dict[str, str]] | None] | None, [[{"a": "x"}], None, [{"b": "y"}]]),
    (dict[str, list[str] | None] | None, {"a": ["x", "y"], "b": None}),
    (dict[str, Annotated[dict[str, int], "a note"]], {"a": {"b": 1}}),
    (list[Callable[[int], int]], [abs]),
    (Iterable[int], [1]),
    (Box, Box(1, ["a"])),
    (Point, Point(1.0, 2.0)),
    (Node, Node(1, Node(2), [Node(3, Node(4))])),
    (Box[int], Box(1, [2])),
    (Computed, Computed(2, label="x")),
    (Event, Event(datetime(2020, 1, 1), Color.BLUE)),
    (Pair, Pair(1, "b")),
    (Options, {"name": "n"}),
    (Strict, {"name": "n", "size": 1}),
    (decimal.Decimal, decimal.Decimal("1.10")),
    (uuid.UUID, uuid.UUID(int=7)),
    (pathlib.Path, pathlib.Path("/a/b")),
    (complex, 1 - 2j),
    (Any, None),
    (Any, {"a": [1, (2.5, "x")], "b": {1, 2}, "c": b"z"}),
    (Any, {1: 2, None: 3}),
    (Any, 2**80),
    (object, Custom([1])),
    (Custom, Custom(Color.RED)),
    (list, [1, "a", None, Custom(2)]),
    (dict, {"a": (1, 2)}),
    (tuple, (1, [2])),
    (List, [1]),
    (Annotated[int, "metres"], 3),
    (Annotated[int, ["unhashable"]], 3),
    (UserId, 5),
    (T, "anything"),
    (Callable[[int], int], abs),
]


@pytest.mark.parametrize(("annotation", "value"), ROUND_TRIPS, ids=lambda part: str(part)[:40] if not isinstance(part, set) else "a set")
def test_a_value_comes_back_equal_and_of_the_same_type(annotation: Any, value: Any) -> None:
    back = carry(annotation, value)
    assert back == value
    assert type(back) is type(value)


REFUSED: list[tuple[Any, Any, str]] = [
    (int, True, "expected int, got bool (True)"),
    (int, 1.0, "expected int, got float (1.0)"),
    (int, "1", "expected int, got str ('1')"),
    (int, None, "expected int, got None"),
    (float, 1, "expected float, got int (1); write 1.0 or float(x)"),
    (bool, 1, "expected bool, got int (1)"),
    (str, b"a", "expected str, got bytes (b'a')"),
    (str, Color.RED, "expected str, got"),
    (bytes, "a", "expected bytes, got str ('a')"),
    (None, 0, "expected None, got int (0)"),
    (date, datetime(2020, 1, 1, tzinfo=UTC), "expected date"),
    (datetime, date(2020, 1, 1), "expected datetime"),
    (Color, "red", "expected Color (RED, BLUE), got str ('red')"),
    (Color, Mood.FINE, "expected Color"),
    (Literal["a"], "b", "expected one of 'a', got str ('b')"),
    (Literal[1], True, "expected one of 1, got bool (True)"),
    (Literal["a"], [], "expected one of 'a', got list of 0"),
    (list[int], (1, 2), "expected list[int], got tuple of 2; pass list(x)"),
    (list[int], [1, "a"], "[1]: expected int, got str ('a')"),
    (list[int], [1, True], "[1]: expected int, got bool (True)"),
    (list[list[int]], [[1], [2, None]], "[1][1]: expected int, got None"),
    (list[dict[str, int]], [{}, {"k": "v"}], "[1]['k']: expected int, got str ('v')"),
    (dict[str, int], [1], "expected dict[str, int], got list of 1"),
    (dict[int, int], {"a": 1}, "(a key): expected int, got str ('a')"),
    (set[int], [1], "expected set[int], got list of 1; pass set(x)"),
    (set[int], {"a"}, "{...}: expected int, got str ('a')"),
    (tuple[int, str], (1,), "expected tuple[int, str] (2 values), got tuple of 1"),
    (tuple[int, str], (1, 2), "[1]: expected str, got int (2)"),
    (tuple[int, ...], [1, "a"], "[1]: expected int, got str ('a')"),
    (Optional[int], "a", "expected int | None, got str ('a')"),
    (Union[float, str], 1, "expected float | str, got int (1)"),
    (Union[int, str], True, "expected int | str, got bool (True)"),
    (Union[int, Custom], "a", "expected int | Custom, got str ('a')"),
    (Point, Pair(1), "expected Point, got"),
    (Point, {"y": 1.0}, "expected Point, got a dict with other keys (missing: x)"),
    (Point, {"x": 1.0, "z": 1}, "expected Point, got a dict with other keys (unknown: z)"),
    (Point, {"x": "1"}, ".x: expected float, got str ('1')"),
    (list[Point], [Point(1.0), Point("no")], "[1].x: expected float, got str ('no')"),  # type: ignore[arg-type]
    (Node, Node(1, Node("no")), ".next.value: expected int, got str ('no')"),  # type: ignore[arg-type]
    (Strict, {"size": 1}, "expected Strict, got a dict without name"),
    (Strict, {"name": 1}, "['name']: expected str, got int (1)"),
    (decimal.Decimal, "1", "expected Decimal, got str ('1'); write Decimal('1')"),
    (pathlib.Path, "/a", "expected Path, got str"),
    (list, (1,), "expected list, got tuple of 1"),
    (list[int] | None, [1, "3"], "[1]: expected int, got str ('3')"),
    (list[list[dict[str, str]] | None], [[{"a": "x"}], None, [{"b": 3}]], "[2]"),
    (list[str], {"a": 1}, "expected list[str], got dict of 1"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), REFUSED, ids=lambda part: str(part)[:40])
def test_a_wrong_value_is_refused_with_its_place(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(TypeTransformerFailedError) as caught:
        codec_for(annotation).encode(value)
    assert message.lstrip(".") in str(caught.value)
    assert isinstance(caught.value, TypeError | AssertionError | ValueError)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, 2**63),
        (int, -(2**63) - 1),
        (list[int], [0, 2**63]),
        (dict[str, int], {"a": -(2**63) - 1}),
        (dict[str, int], {1: 1}),
        (time, time(1, tzinfo=__import__("zoneinfo").ZoneInfo("Europe/Berlin"))),
    ],
)
def test_a_value_of_the_right_type_that_cannot_be_carried_is_a_value_error(annotation: Any, value: Any) -> None:
    with pytest.raises(ValueRefusedError):
        codec_for(annotation).encode(value)


def test_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        pack(codec_for(str), "\ud800")


def test_a_naive_datetime_is_taken_as_utc() -> None:
    assert carry(datetime, datetime(2020, 1, 1)) == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_datetime_comes_back_in_utc() -> None:
    there = datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    assert carry(datetime, there).tzinfo is UTC
    assert carry(datetime, there) == there


def test_an_enum_is_accepted_by_name() -> None:
    assert carry(Color, "RED") is Color.RED


def test_an_enum_in_a_field_is_accepted_by_value() -> None:
    back = carry(Event, {"at": "2020-01-01T00:00:00", "color": "blue"})
    assert back == Event(datetime(2020, 1, 1), Color.BLUE)


def test_an_int_passes_for_a_float_inside_a_structure_only() -> None:
    assert carry(Point, Point(1, 2)) == Point(1.0, 2.0)
    assert type(carry(Point, Point(1, 2)).x) is float
    assert carry(tuple[float, int], (1, 2)) == (1.0, 2)


def test_a_dict_becomes_the_declared_dataclass_with_its_defaults() -> None:
    assert carry(Node, {"value": 1, "next": {"value": 2}}) == Node(1, Node(2))


def test_a_subclass_of_a_dataclass_arrives_as_the_declared_class() -> None:
    @dataclasses.dataclass
    class Deep(Point):
        z: float = 3.0

    assert carry(Point, Deep(1.0, 2.0)) == Point(1.0, 2.0)


def test_a_typed_dict_drops_keys_that_are_not_declared() -> None:
    assert carry(Strict, {"name": "n", "other": 1}) == {"name": "n"}


def test_a_subclass_of_a_scalar_arrives_as_the_scalar() -> None:
    assert carry(int, Level.LOW) == 1
    assert type(carry(int, Level.LOW)) is int
    assert type(carry(str, Mood.FINE)) is str
    assert carry(list[str], [Mood.FINE]) == ["fine"]


def test_a_union_prefers_the_exact_type() -> None:
    assert carry(Union[bool, int], True) is True
    assert carry(Union[str, Color], "RED") == "RED"


def test_a_union_whose_variants_all_fit_is_ambiguous() -> None:
    @dataclasses.dataclass
    class Other:
        x: float
        y: float = 0.0

    with pytest.raises(TypeTransformerFailedError, match="Ambiguous choice of variant"):
        codec_for(Union[Point, Other]).encode({"x": 1.0})


def test_a_union_is_not_ambiguous_where_all_variants_mean_the_same() -> None:
    assert carry(Union[list[int], list[str]], []) == []


def test_the_order_of_a_union_is_no_part_of_it() -> None:
    assert codec_for(Union[int, str]).line == codec_for(str | int).line


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (Optional[int], int | None),
        (List[int], list[int]),
        (Dict[str, Optional[int]], dict[str, int | None]),
        (Tuple[int, ...], tuple[int, ...]),
        (Literal["a", "b"], Literal["b", "a"]),
        (Annotated[int, "x"], int),
    ],
)
def test_two_spellings_of_a_type_have_one_line(left: Any, right: Any) -> None:
    assert codec_for(left).line == codec_for(right).line


def test_the_line_of_a_class_names_its_fields_and_not_its_module() -> None:
    assert codec_for(Node).line == "Node{value: int, next: ^2 | None, many: list[^2]}"


def test_the_line_of_a_class_is_the_same_inside_and_outside_of_another() -> None:
    assert codec_for(Point).line in codec_for(list[Union[Point, None]]).line
    assert codec_for(Node).line in codec_for(tuple[Node, int]).line


def test_shared_objects_stay_shared_in_a_value_of_any_type() -> None:
    inner = [1]
    left, right = carry(Any, [inner, inner])
    assert left is right


def test_a_value_of_any_type_may_contain_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    back = carry(Any, loop)
    assert back[0] is back


def test_plain_data_of_any_type_is_no_pickle() -> None:
    assert b"\x80\x05" not in pack(codec_for(Any), {"a": [1, 2, {"b": (3,)}]}).data


@pytest.mark.parametrize("annotation", [list[int], list[float], list[str], list[bool], dict[str, int], list[list[int]], Any])
def test_a_list_of_scalars_is_passed_through_and_not_copied(annotation: Any) -> None:
    values: dict[str, Any] = {
        "list[int]": [1],
        "list[float]": [1.0],
        "list[str]": ["a"],
        "list[bool]": [True],
        "dict[str, int]": {"a": 1},
        "list[list[int]]": [[1]],
    }
    value = values.get(str(annotation), [1, 2])
    assert codec_for(annotation).encode(value) is value


def test_an_unordered_value_has_a_canonical_form_when_asked() -> None:
    codec = codec_for(dict[str, int])
    one, two = pack(codec, {"b": 1, "a": 2}, True), pack(codec, {"a": 2, "b": 1}, True)
    assert one.data != two.data
    assert (one.canonical or one.data) == (two.canonical or two.data)


def test_nobody_pays_for_a_canonical_form_without_asking() -> None:
    assert pack(codec_for(dict[str, int]), {"b": 1, "a": 2}).canonical == b""


def test_an_ordered_value_has_no_canonical_form() -> None:
    assert pack(codec_for(list[str]), ["b", "a"], True).canonical == b""


CANONICAL: list[tuple[Any, Any, Any]] = [
    (dict[str, dict[str, int]], {"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}),
    (list[dict[str, int]], [{"x": 1, "y": 2}], [{"y": 2, "x": 1}]),
    (Any, {"x": [{"p": 1, "q": 2}], "y": 2}, {"y": 2, "x": [{"q": 2, "p": 1}]}),
    (Any, ({"x": 1, "y": 2},), ({"y": 2, "x": 1},)),
    (Optional[dict[int, str]], {1: "a", 2: "b"}, {2: "b", 1: "a"}),
    (Union[dict[str, int], list[int]], {"x": 1, "y": 2}, {"y": 2, "x": 1}),
    (dict[tuple[int, int], int], {(1, 2): 1, (0, 0): 2}, {(0, 0): 2, (1, 2): 1}),
]


@pytest.mark.parametrize(("annotation", "left", "right"), CANONICAL)
def test_two_equal_values_have_the_same_canonical_form(annotation: Any, left: Any, right: Any) -> None:
    one, two = (pack(codec_for(annotation), value, True) for value in (left, right))
    assert (one.canonical or one.data) == (two.canonical or two.data)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary())
TREES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.dictionaries(st.text(), inner),
        st.tuples(inner, inner),
        st.frozensets(st.integers(-5, 5)).map(lambda items: items),
    ),
    max_leaves=20,
)


@given(TREES)
def test_any_tree_of_plain_data_comes_back(value: Any) -> None:
    assert carry(Any, value) == value


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text(), st.none())))
def test_any_list_of_a_union_comes_back(value: list[int | str | None]) -> None:
    assert carry(list[int | str | None], value) == value


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_moment_comes_back(value: datetime) -> None:
    assert carry(datetime, value) == value


@given(st.timedeltas())
def test_any_duration_comes_back(value: timedelta) -> None:
    assert carry(timedelta, value) == value


@given(st.dictionaries(st.tuples(st.integers(0, 9), st.text()), st.lists(st.floats(allow_nan=False))))
def test_any_dict_with_structured_keys_comes_back(value: dict[tuple[int, str], list[float]]) -> None:
    assert carry(dict[tuple[int, str], list[float]], value) == value


def test_any_may_be_one_of_several() -> None:
    assert carry(Any | int, 1) == 1
    assert carry(Any | int, "text") == "text"
