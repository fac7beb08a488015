"""The option of each kind of input: text in, typed value out, or one clear line."""

from __future__ import annotations

import enum
import json
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from datetime import date
from datetime import datetime
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal
from typing import NamedTuple
from typing import NotRequired
from typing import Optional
from typing import TypedDict
from typing import Union

import click
import pytest
from pydantic import BaseModel

from localflyte.cli.params import option_for
from localflyte.cli.params import param_type


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Point:
    x: int
    y: float = 2.0


@dataclass
class Shape:
    name: str
    at: Point
    colors: list[Color] = field(default_factory=list)
    when: datetime | None = None


@dataclass
class Picky:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size must not be negative")


class Model(BaseModel):
    name: str
    size: int = 3
    color: Color = Color.RED


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Row(TypedDict):
    id: int
    note: NotRequired[str]


class Team(TypedDict, total=False):
    name: typing.Required[str]
    lead: Row
    at: Point
    scores: list[float]
    settings: dict[str, dict[str, bool]]


class Place(NamedTuple):
    pair: Pair
    points: list[Point]
    seen: Optional[bool] = None


class Opaque: ...


UserId = typing.NewType("UserId", int)


def convert(annotation: Any, text: str, default: Any = None) -> Any:
    return param_type(annotation, default).convert(text, None, None)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "-5", -5),
        (float, "1", 1.0),
        (float, "1e-3", 0.001),
        (str, "", ""),
        (str, "[1]", "[1]"),
        (bytes, "abc", b"abc"),
        (datetime, "2024-05-01T08:00:00", datetime(2024, 5, 1, 8)),
        (date, "2024-05-01", date(2024, 5, 1)),
        (timedelta, "PT1H", timedelta(hours=1)),
        (Color, "RED", Color.RED),
        (Color, "red", Color.RED),
        (Level, "HIGH", Level.HIGH),
        (Literal["fast", "slow"], "fast", "fast"),
        (Literal["fast", "slow"], "FAST", "fast"),
        (Literal["fast", 1, True, None], "1", 1),
        (Literal["fast", 1, True, None], "True", True),
        (Literal["fast", 1, True, None], "None", None),
        (Literal["a", "A"], "A", "A"),
        (list[int], "[1, 2]", [1, 2]),
        (list[float], "[1, 2.5]", [1.0, 2.5]),
        (list, '[1, "a"]', [1, "a"]),
        (list[list[str]], '[["a"], []]', [["a"], []]),
        (Sequence[int], "[1]", [1]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[int, float], '{"1": 1}', {1: 1.0}),
        (dict, '{"a": [1]}', {"a": [1]}),
        (set[int], "[1, 1, 2]", {1, 2}),
        (frozenset[str], '["a"]', frozenset({"a"})),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (tuple[int, str], '{"item_0": 1, "item_1": "a"}', (1, "a")),
        (tuple[int, ...], "[1, 2, 3]", (1, 2, 3)),
        (tuple[Point, Color], '[{"x": 1}, "BLUE"]', (Point(1), Color.BLUE)),
        (Pair, '{"left": 1}', Pair(1)),
        (Pair, '[1, "b"]', Pair(1, "b")),
        (Row, '{"id": 1}', {"id": 1}),
        (Row, '{"id": 1, "note": "n"}', {"id": 1, "note": "n"}),
        (Team, '{"name": "t"}', {"name": "t"}),
        (
            Team,
            '{"name": "t", "lead": {"id": 1}, "at": {"x": 1}, "scores": [1, 0.5], "settings": {"a": {"b": true}}}',
            {"name": "t", "lead": {"id": 1}, "at": Point(1), "scores": [1.0, 0.5], "settings": {"a": {"b": True}}},
        ),
        (list[Row], '[{"id": 1}, {"id": 2, "note": "n"}]', [{"id": 1}, {"id": 2, "note": "n"}]),
        (Place, '{"pair": {"left": 1}, "points": [{"x": 1}]}', Place(Pair(1), [Point(1)])),
        (Place, '[[1, "b"], [], true]', Place(Pair(1, "b"), [], True)),
        (tuple[tuple[int, str], list[int]], '[[1, "a"], [2]]', ((1, "a"), [2])),
        (tuple[tuple[int, str], float], '{"item_0": {"item_0": 1, "item_1": "a"}, "item_1": 2}', ((1, "a"), 2.0)),
        (dict[str, Point], '{"a": {"x": 1}}', {"a": Point(1)}),
        (timedelta, "P1D", timedelta(days=1)),
        (Point, '{"x": 1}', Point(1)),
        (
            Shape,
            '{"name": "s", "at": {"x": 1, "y": 1}, "colors": ["RED", "blue"], "when": "2024-05-01"}',
            Shape("s", Point(1, 1.0), [Color.RED, Color.BLUE], datetime(2024, 5, 1)),
        ),
        (Model, '{"name": "m", "color": "blue"}', Model(name="m", color=Color.BLUE)),
        (list[Model], '[{"name": "m"}]', [Model(name="m")]),
        (Optional[int], "3", 3),
        (Optional[int], "null", None),
        (Optional[str], "null", "null"),
        (int | None, "None", None),
        (Union[int, str], "3", 3),
        (Union[str, int], "3", 3),
        (Union[str, int], "three", "three"),
        (bool | int, "1", 1),
        (bool | int, "true", True),
        (int | float, "1.5", 1.5),
        (list[int] | str, "[1]", [1]),
        (list[int] | str, "x", "x"),
        (Optional[bool], "false", False),
        (list[float | int], "[1, 2.0]", [1, 2.0]),
        (list[int | None], "[1, null]", [1, None]),
        (Annotated[int, "units"], "3", 3),
        (list[Annotated[int, "units"]], "[3]", [3]),
        (UserId, "7", 7),
        (Path, "a/b", Path("a/b")),
        (Decimal, "1.10", Decimal("1.10")),
        (complex, "1+2j", 1 + 2j),
        (Any, "json:loads", json.loads),
        (Any, "just text", "just text"),
        (Any, "a:b:c", "a:b:c"),
        (Opaque, "os.path:sep", "/"),
        (None, "null", None),
    ],
)
def test_text_becomes_a_typed_value(annotation: Any, text: str, value: Any) -> None:
    found = convert(annotation, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (int, "1.5", "not a valid int"),
        (float, "much", "not a valid float"),
        (datetime, "yesterday", "'yesterday' is not a date or time"),
        (timedelta, "soon", "'soon' is not a duration"),
        (Color, "REDD", "did you mean 'RED'"),
        (Literal["fast", "slow"], "fats", "did you mean 'fast'"),
        (list[int], "1,2", "neither JSON"),
        (list[int], '[1, "2"]', r'at \[1\]: expected int, got "2"'),
        (list[int], "5", r"expected list\[int\], got 5"),
        (list[int], "[true]", "expected int, got true"),
        (dict[str, list[int]], '{"a": [1, null]}', r"at \.a\[1\]: expected int, got null"),
        (tuple[int, str], "[1]", r"expected 2 values for tuple\[int, str\], got 1"),
        (Point, '{"x": 1, "z": 2}', "there is no field 'z'"),
        (Point, '{"xx": 1, "x": 2}', "did you mean 'x'"),
        (Point, "{}", "missing: 'x'"),
        (Shape, '{"name": "s", "at": {"x": "1"}}', r'at \.at\.x: expected int, got "1"'),
        (Picky, '{"size": -1}', "size must not be negative"),
        (Model, '{"name": 1}', r"at \.name: Input should be a valid string"),
        (Row, "{}", "missing: 'id'"),
        (Team, '{"lead": {"id": 1}}', "missing: 'name'"),
        (Team, '{"name": "t", "lead": {"note": "n"}}', r"at \.lead: missing: 'id'"),
        (Pair, '[1, "b", 3]', "expected 2 values for Pair, got 3"),
        (Optional[int], "x", "not a valid int"),
        (int | float, "x", r"'x' is not int \| float"),
        (Any, "json:lodas", "cannot import 'json:lodas'"),
        (Any, "no_such_module:x", "No module named"),
        (Decimal, "ten", "ConversionSyntax"),
    ],
)
def test_text_that_does_not_fit_is_one_clear_line(annotation: Any, text: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message) as caught:
        convert(annotation, text)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("annotation", "default", "text", "value"),
    [
        (dict[str, int], {"a": 1, "b": 2}, '{"b": 5}', {"a": 1, "b": 5}),
        (dict, {"a": 1}, '{"b": 5}', {"a": 1, "b": 5}),
        (Point, Point(1, 9.0), '{"x": 4}', Point(4, 9.0)),
        (Model, Model(name="m", size=9), '{"name": "n"}', Model(name="n", size=9)),
        (Row, {"id": 1}, '{"note": "n"}', {"id": 1, "note": "n"}),
        (Pair, Pair(1, "b"), '{"left": 2}', Pair(2, "b")),
        (list[int], [1, 2], "[3]", [3]),
    ],
)
def test_what_an_object_leaves_out_comes_from_the_default(annotation: Any, default: Any, text: str, value: Any) -> None:
    assert convert(annotation, text, default) == value


def test_the_default_itself_is_not_changed() -> None:
    default = {"a": 1}
    convert(dict[str, int], '{"a": 2}', default)
    assert default == {"a": 1}


def test_json_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    path.write_text('{"x": 1}')
    assert convert(Point, str(path)) == Point(1)


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "point.json"
    path.write_text("{x: 1}")
    with pytest.raises(click.BadParameter, match=r"point\.json is not JSON"):
        convert(Point, str(path))


def test_yaml_without_pyyaml_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yaml", None)
    path = tmp_path / "point.yaml"
    path.write_text("x: 1")
    with pytest.raises(click.BadParameter, match="pip install pyyaml"):
        convert(Point, str(path))


def test_yaml_is_read_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = type("Yaml", (), {"safe_load": staticmethod(lambda _text: {"x": 1}), "YAMLError": ValueError})
    monkeypatch.setitem(__import__("sys").modules, "yaml", fake)
    path = tmp_path / "point.yml"
    path.write_text("x: 1")
    assert convert(Point, str(path)) == Point(1)


def option(name: str, annotation: Any, default: Any = None, *, required: bool = True, taken: tuple[str, ...] = ()) -> click.Option:
    return option_for(name, annotation, default=default, required=required, taken=taken)


def test_a_bool_is_a_flag_that_can_be_switched_off() -> None:
    made = option("check", bool)
    assert made.is_flag
    assert (made.opts, made.secondary_opts) == (["--check"], ["--no-check"])


def test_a_bool_leaves_the_off_switch_to_an_input_of_that_name() -> None:
    assert option("check", bool, taken=("no_check",)).secondary_opts == []


def test_an_input_keeps_its_capitals() -> None:
    assert option("learningRate", float).name == "learningRate"


@pytest.mark.parametrize(
    ("annotation", "default", "required", "note"),
    [
        (int, None, True, "[required]"),
        (int, 3, False, "[default: 3]"),
        (bool, None, True, "[default: False]"),
        (int | None, None, True, "[default: None]"),
        (Color, Color.RED, False, "[default: RED]"),
        (str, "", False, "[default: '']"),
        (list[int], list(range(100)), False, f"[default: {str(list(range(100)))[:57]}...]"),
    ],
)
def test_the_help_says_what_happens_without_the_option(annotation: Any, default: Any, required: bool, note: str) -> None:
    assert option("x", annotation, default, required=required).help == note


@pytest.mark.parametrize(
    ("annotation", "shown"),
    [
        (int, "int"),
        (Optional[int], "int | None"),
        (dict[str, list[Point]], "dict[str, list[Point]]"),
        (Literal["fast", 1], "fast|1"),
        (tuple[int, ...], "tuple[int, ...]"),
        (Any, "Any"),
        (Shape, "Shape"),
    ],
)
def test_the_help_shows_the_type_as_it_is_written(annotation: Any, shown: str) -> None:
    assert option("x", annotation).metavar == shown


def test_the_help_of_an_enum_lists_its_names() -> None:
    assert option("x", Color).metavar == "RED|BLUE"


@pytest.mark.parametrize(("annotation", "value"), [(Color, Color.BLUE), (Point, Point(1)), (list[int], [1]), (Any, 3)])
def test_what_is_a_value_already_stays_it(annotation: Any, value: Any) -> None:
    assert param_type(annotation).convert(value, None, None) is value
