"""Structures of every kind inside of structures of every kind, and what is read from plain data in their place."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from datetime import date
from datetime import datetime
from datetime import time
from datetime import timedelta
from enum import Enum
from enum import StrEnum
from typing import Annotated
from typing import Any
from typing import Generic
from typing import Literal
from typing import NamedTuple
from typing import NotRequired
from typing import Optional
from typing import TypeVar
from typing import Union

import pytest

from localflyte.api.schema import schema_of
from localflyte.cli.fitting import fit
from localflyte.io import DataFrame
from localflyte.io import Dir
from localflyte.io import File
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError

pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")
TypedDict: Any = pytest.importorskip("typing_extensions").TypedDict  # pydantic takes none of typing's own before Python 3.12

T = TypeVar("T")


class Status(StrEnum):
    OPEN = "open"
    DONE = "done"


class Level(Enum):
    LOW = "l"
    HIGH = "h"


@dataclass
class Point:
    x: int
    y: float = 4.5
    label: str = "none"


@dataclass(frozen=True, slots=True)
class Frozen:
    text: str
    inner: Optional[Point] = None


@dataclass(kw_only=True)
class Base:
    number: int = 1


@dataclass(kw_only=True)
class Derived(Base):
    more: list[Base] = field(default_factory=list)


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)
    parent: Tree | None = None


@dataclass
class Box(Generic[T]):
    inner: T
    others: dict[str, T] = field(default_factory=dict)


@dataclass
class Moments:
    at: datetime
    day: date
    of_day: time
    long: timedelta


@dataclass
class Content:
    file: File
    files: list[File]
    by_name: dict[str, Dir]
    maybe: Dir | None = None
    table: DataFrame | None = None


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Deep(NamedTuple):
    pair: Pair
    points: list[Point]
    table: dict[str, list[int]]


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Node(TypedDict):
    value: int
    next: NotRequired[Optional[Node]]


class Circle(pydantic.BaseModel):
    kind: Literal["circle"] = "circle"
    radius: float = 0.0


class Square(pydantic.BaseModel):
    kind: Literal["square"] = "square"
    side: float = 0.0


Shape = Annotated[Union[Circle, Square], pydantic.Field(discriminator="kind")]


class Drawing(pydantic.BaseModel):
    shape: Shape
    more: list[Shape] = []
    maybe: Shape | None = None


class Mixed(pydantic.BaseModel):
    status: Status
    level: Level = Level.LOW
    point: Point
    frozen: Frozen | None = None
    tags: dict[str, str] | None = None
    pairs: list[Pair] = []
    movies: dict[str, Movie] = {}
    nested: list[list[Circle]] = []
    content: list[File] | None = None
    folder: Dir | None = None
    table: DataFrame | None = None


class Ink(StrEnum):
    LINE = "line"
    FILL = "fill"


class Line(pydantic.BaseModel):
    ink: Literal[Ink.LINE] = Ink.LINE
    size: float = 0.0


class Fill(pydantic.BaseModel):
    ink: Literal[Ink.FILL] = Ink.FILL
    size: float = 0.0


class Painted(pydantic.BaseModel):
    stroke: Annotated[Union[Line, Fill], pydantic.Field(discriminator="ink")]


class Element(pydantic.BaseModel):
    name: str
    shape: Circle | None = None
    status: Status | None = None
    level: Level | None = None
    tags: dict[str, str] | None = None
    numbers: list[int] | None = None


class Page(pydantic.BaseModel):
    elements: list[Element]
    maybe: list[Element | None] = []
    deep: dict[str, dict[str, Element]] = {}
    several: list[dict[str, Element]] = []


class Loose(pydantic.BaseModel):
    either: Union[int, bool, str, float]
    by_number: dict[int, File] = {}
    flags: list[dict[int, bool]] = []
    tables: dict[int, dict[int, int]] = {}
    any_dict: dict = {}  # type: ignore[type-arg]


class Named(pydantic.BaseModel):
    action: Literal["a", "a+"]


class Listed(pydantic.BaseModel):
    actions: list[Union[Circle, Named]]


@pydantic.dataclasses.dataclass
class Checked:
    level: Level
    content: Optional[Content] = None
    numbers: list[int] = pydantic.Field(default_factory=list)


@dataclass
class Grid:
    cells: dict[str, list[Optional[Union[int, str, Level, float, bool]]]]


class Point2(TypedDict):
    x: float
    y: float


class Maybe(NamedTuple):
    x: Optional[int]
    point: Point
    shapes: dict[str, Circle]
    files: list[File]


class Query(pydantic.BaseModel):
    query: str
    name: str = "default"
    tags: dict[str, str] | None = None


@dataclass
class Asked:
    query: Query
    shapes: list[Circle]


class Twice(NamedTuple):
    inner: tuple[int, str]
    point: Point
    shape: Circle


class Employee(TypedDict):
    name: str
    address: Point
    scores: list[float]


@dataclass(frozen=True)
class Everything:
    point: Optional[Point] = None
    points: Optional[list[Point]] = None
    rows: Optional[list[list[Point]]] = None
    by_name: Optional[dict[str, Point]] = None
    by_two: Optional[dict[str, dict[str, Point]]] = None
    several: Optional[dict[str, list[Point]]] = None
    records: Optional[list[dict[str, Point]]] = None


POINTS = [Point(1), Point(2, 0.5, "b")]
CONTENT = Content(File("/f"), [File("/a"), File("/b", hash="k")], {"d": Dir("/d")}, Dir("/m", format="x"), DataFrame("/t.csv", "csv"))

VALUES: list[tuple[Any, Any]] = [
    # tuples of everything
    (tuple[int, str, float, bool], (1, "a", 0.5, True)),
    (tuple[int | None, str | None], (None, None)),
    (tuple[None, None], (None, None)),
    (tuple[list[int], dict[str, list[int]]], ([1], {"a": [2]})),
    (tuple[list[list[str]], dict[str, dict[str, int]]], ([["a"], []], {"a": {"b": 1}})),
    (tuple[list[dict[str, int]], dict[str, list[dict[str, str]]]], ([{"a": 1}], {"a": [{"b": "c"}]})),
    (tuple[Point, list[Point], dict[str, Point]], (POINTS[0], POINTS, {"a": POINTS[1]})),
    (tuple[tuple[int, str], tuple[float, tuple[bool]]], ((1, "a"), (0.5, (True,)))),
    (tuple[int | str, Status, Level], ("a", Status.DONE, Level.HIGH)),
    (tuple[File, Dir, list[File], dict[str, File]], (File("/f"), Dir("/d"), [File("/a")], {"b": File("/b")})),
    (tuple[DataFrame, list[DataFrame]], (DataFrame("/t.csv", "csv"), [DataFrame("/u.csv", "csv")])),
    (tuple[Circle, list[Circle], dict[str, Square]], (Circle(radius=1), [Circle()], {"a": Square(side=2)})),
    (list[tuple[int, str]], [(1, "a"), (2, "b")]),
    (dict[str, tuple[int, ...]], {"a": (1, 2), "b": ()}),
    # named tuples
    (Pair, Pair(1)),
    (Deep, Deep(Pair(1, "x"), POINTS, {"a": [1]})),
    (list[Pair], [Pair(1), Pair(2, "x")]),
    (dict[str, Deep], {"a": Deep(Pair(1), [], {})}),
    (Twice, Twice((1, "a"), Point(1), Circle(radius=2))),
    (list[Twice], [Twice((1, "a"), Point(1), Circle())]),
    (tuple[Asked, int], (Asked(Query(query="q"), []), 1)),
    # dicts with declared keys
    (Employee, {"name": "n", "address": Point(1), "scores": [0.5, 1.0]}),
    (Movie, {"title": "t"}),
    (list[Movie], [{"title": "t", "year": 1}, {"title": "u"}]),
    (tuple[Movie, int], ({"title": "t"}, 1)),
    (Node, {"value": 1, "next": {"value": 2, "next": None}}),
    # dataclasses
    (Frozen, Frozen("a", Point(1))),
    (Derived, Derived(number=2, more=[Base(number=3)])),
    (Tree, Tree("a", [Tree("b", [Tree("c")]), Tree("d")], Tree("e"))),
    (Box[int], Box(1, {"a": 2})),
    (Box[list[Point]], Box(POINTS, {"a": []})),
    (Box[Box[File]], Box(Box(File("/a")), {"b": Box(File("/b"))})),
    (Moments, Moments(datetime(2026, 1, 2, 3, 4, 5, 6), date(2026, 1, 2), time(1, 2), timedelta(days=-1, microseconds=1))),
    (Content, CONTENT),
    (list[Content | None], [CONTENT, None]),
    (Asked, Asked(Query(query="q", tags={"a": "b"}), [Circle(radius=2)])),
    (Everything, Everything()),
    (Everything, Everything(Point(1), POINTS, [POINTS, []], {"a": Point(2)}, {"a": {"b": Point(3)}}, {"a": POINTS}, [{"a": Point(4)}, {}])),
    # models
    (Drawing, Drawing(shape=Square(side=1), more=[Circle(radius=2), Square()], maybe=Circle())),
    (list[Drawing | None], [Drawing(shape=Circle()), None]),
    (
        Mixed,
        Mixed(
            status=Status.DONE,
            level=Level.HIGH,
            point=POINTS[1],
            frozen=Frozen("f", POINTS[0]),
            tags={"a": "b"},
            pairs=[Pair(1)],
            movies={"a": {"title": "t"}},
            nested=[[Circle()], []],
            content=[File("/a"), File("/b", hash="k")],
            folder=Dir("/d"),
            table=DataFrame("/t.csv", "csv"),
        ),
    ),
    (Mixed, Mixed(status=Status.OPEN, point=Point(1))),
    (Painted, Painted(stroke=Fill(size=2))),
    (Page, Page(elements=[Element(name="bare")], maybe=[Element(name="a"), None])),
    (
        Page,
        Page(
            elements=[Element(name="a", shape=Circle(), status=Status.DONE, level=Level.HIGH, tags={"a": "b"}, numbers=[1, 2])],
            deep={"a": {"b": Element(name="c")}},
            several=[{"a": Element(name="d", level=Level.LOW)}, {}],
        ),
    ),
    *((Loose, Loose(either=either)) for either in (1, True, 1.0, "x")),
    (Loose, Loose(either=0, by_number={0: File("/a"), -1: File("/b")}, flags=[{0: False}], tables={1: {-1: 0}}, any_dict={"a": 1})),
    (Named | Listed, Named(action="a+")),
    (Named | Listed, Listed(actions=[Named(action="a"), Circle(radius=1)])),
    (Checked, Checked(Level.HIGH, CONTENT, [1])),
    (Grid, Grid({"all": [None, "x", Level.LOW, 1, -1.0, True]})),
    (tuple[Point2, Point2], ({"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0})),
    (Maybe, Maybe(None, Point(1), {"a": Circle()}, [File("/a"), File("/b", hash="k")])),
    (Point | Frozen, Frozen("a")),
    # unions
    (Circle | Square, Square(side=1)),
    (Point | Circle | None, None),
    (Point | str, Point(1)),
    (list[int] | list[str] | int, 3),
    (dict[str, int | list[str | None]], {"a": 1, "b": ["x", None]}),
    (File | DataFrame | Dir, Dir("/d")),
    *((Union[str, Dir, File], each) for each in (Dir("/d"), File("s3://b/k"), "hello")),
    *((Union[Point, Frozen], each) for each in (Point(1), Frozen("a"))),
    (Union[dict[str, int], str], {"a": 1}),
    (Optional[list[Optional[Circle]]], [None, Circle()]),
    (Annotated[int | str, "a note"], "a"),
    (list[Annotated[Point, "a note"]], POINTS),
]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_a_structure_comes_back(kind: Any, value: Any) -> None:
    codec = codec_for(kind)
    back = unpack(codec, pack(codec, value))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_so_do_many_of_it(kind: Any, value: Any) -> None:
    codec = codec_for(list[kind])
    assert unpack(codec, pack(codec, [value] * 3)) == [value] * 3


def test_content_in_structures_is_passed_by_reference() -> None:
    packed = pack(codec_for(Content), CONTENT)
    assert [ref.path for ref in packed.refs] == ["/f", "/a", "/b", "/d", "/m", "/t.csv"]
    assert b"/f" not in packed.data


#: What JSON gives in the place of an object, and the object.
READ: list[tuple[Any, Any, Any]] = [
    (Point, {"x": 5, "y": 1.5, "label": "b"}, Point(5, 1.5, "b")),
    (Point, {"x": 5}, Point(5)),
    (Point | None, {"x": 5}, Point(5)),
    (Frozen, {"text": "a", "inner": {"x": 1}}, Frozen("a", Point(1))),
    (Tree, {"name": "a", "children": [{"name": "b"}]}, Tree("a", [Tree("b")])),
    (Box[Point], {"inner": {"x": 1}, "others": {"a": {"x": 2}}}, Box(Point(1), {"a": Point(2)})),
    (Content, {"file": {"path": "/a"}, "files": [{"path": "/b", "hash": "k"}], "by_name": {"d": {"path": "/d"}}}, None),
    (Pair, {"left": 1}, Pair(1)),
    (Pair, [1, "x"], Pair(1, "x")),
    (Query, {"query": "q"}, Query(query="q")),
    (Query | None, {"query": "q", "tags": {"a": "b"}}, Query(query="q", tags={"a": "b"})),
    (Asked, {"query": {"query": "q"}, "shapes": [{"radius": 1}]}, Asked(Query(query="q"), [Circle(radius=1)])),
    (Drawing, {"shape": {"kind": "square", "side": 2}}, Drawing(shape=Square(side=2))),
    (Painted, {"stroke": {"ink": "line", "size": 1}}, Painted(stroke=Line(size=1))),
    (Painted, {"stroke": {"ink": Ink.FILL, "size": 1}}, Painted(stroke=Fill(size=1))),
    (Checked, {"level": "h", "numbers": [1]}, Checked(Level.HIGH, None, [1])),
    (list[Status], ["OPEN", Status.DONE], [Status.OPEN, Status.DONE]),
]


@pytest.mark.parametrize(("kind", "given", "made"), READ)
def test_plain_data_is_read_as_the_structure(kind: Any, given: Any, made: Any) -> None:
    codec = codec_for(kind)
    back = unpack(codec, pack(codec, given))
    if made is None:
        made = Content(File("/a"), [File("/b", hash="k")], {"d": Dir("/d")})
    assert back == made
    assert type(back) is type(made)


REFUSED: list[tuple[Any, Any, str]] = [
    (Point, {"y": 1.0}, "expected Point, got a dict with other keys .*missing: x"),
    (Point, {"x": 1, "z": 2}, "unknown: z"),
    (Point, {"x": "a"}, "x: expected int, got str"),
    (Tree, {"name": "a", "children": [{"name": 1}]}, r"children\[0\]\.name: expected str, got int"),
    (Query, {"name": "n"}, "(?s)expected Query: .*query.*Field required"),
    (Drawing, {"shape": {"kind": "star"}}, "(?s)expected Drawing: .*star.*circle"),
    (Drawing, {"shape": {"side": 2}}, "(?s)expected Drawing: .*kind"),
    (Painted, {"stroke": {"ink": "dots", "size": 1}}, "(?s)expected Painted: .*dots"),
    (tuple[int, str], (1,), "expected .*2 values"),
    (tuple[int, str], (1, 2), r"\[1\]: expected str, got int"),
    (Pair, (1, "x", 2), r"expected Pair \(2 values\)"),
    (Pair, {"left": 1, "middle": 2}, r"expected Pair \(left, right\)"),
    (Movie, {"year": 1}, "without title"),
    (Movie, {"title": "t", "year": "x"}, r"\['year'\]: expected int, got str"),
    (Box[int], Box("a"), "inner: expected int, got str"),
    (list[Point], [Point(1), Circle()], r"\[1\]: expected Point, got"),
    (dict[str, Point], {"a": 1}, r"\['a'\]: expected Point, got int"),
    (Status, "open", r"expected Status \(OPEN, DONE\), got str"),
    (Level, "l", r"expected Level \(LOW, HIGH\)"),
    (Literal["a", "b"], "c", "expected one of 'a', 'b'"),
    (Circle | Square, Point(1), r"expected Circle \| Square, got .*Point"),
    (int | None, "a", r"expected int \| None, got str"),
    (float | str, 1, r"expected float \| str, got int"),
    (int | str, True, r"expected int \| str, got bool"),
]


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED)
def test_what_does_not_fit_is_refused_with_its_place(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(TypeTransformerFailedError, match=message):
        pack(codec_for(kind), value)


def test_a_dict_that_fits_two_structures_is_ambiguous() -> None:
    with pytest.raises(TypeTransformerFailedError, match="Ambiguous choice of variant for Circle | Square"):
        pack(codec_for(Circle | Square), {})


def test_an_enum_made_from_texts_is_carried_by_name() -> None:
    made: Any = Enum("Made", {text.upper(): text for text in ("low", "mid size")})
    codec = codec_for(list[made])
    assert unpack(codec, pack(codec, ["LOW", made["MID SIZE"]])) == [made["LOW"], made["MID SIZE"]]


def test_a_typed_dict_of_typing_extensions_is_one_everywhere() -> None:
    assert schema_of(Movie)["required"] == ["title"]
    assert fit({"title": "t", "year": 2}, Movie) == {"title": "t", "year": 2}
    with pytest.raises(ValueError, match="title"):
        fit({"year": 2}, Movie)
