"""The names of flyte's type system: importable, used where they can be, and clear where they need protobuf."""

from __future__ import annotations

import base64
import copy
from dataclasses import dataclass
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from enum import Enum
from inspect import Parameter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from localflyte import types
from localflyte.io import DataFrame
from localflyte.io import File
from localflyte.models import NativeInterface
from localflyte.types import FlytePickle
from localflyte.types import Renderable
from localflyte.types import TypeEngine
from localflyte.types._type_engine import PydanticTransformer
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack


def test_every_name_is_there() -> None:
    assert all(hasattr(types, name) for name in types.__all__)


def test_what_needs_protobuf_says_so() -> None:
    with pytest.raises(NotImplementedError, match="protobuf"):
        types.literal_string_repr(SimpleNamespace(DESCRIPTOR=None))


def test_a_protobuf_literal_of_somebody_else_is_not_read() -> None:
    with pytest.raises(NotImplementedError, match="protobuf"):
        anyio.run(TypeEngine.to_python_value, object(), int)


@pytest.mark.parametrize("annotation", [FlytePickle, FlytePickle[int]])
def test_flyte_pickle_takes_anything(annotation: Any) -> None:
    codec = codec_for(annotation)
    assert unpack(codec, pack(codec, {"a": Path})) == {"a": Path}


def test_a_pickle_is_a_file() -> None:
    path = anyio.run(FlytePickle.to_pickle, {"a": Path})
    assert anyio.run(FlytePickle.from_pickle, path) == {"a": Path}


def test_a_renderable_is_known_by_its_method() -> None:
    class Table:
        def to_html(self, python_value: Any) -> str:
            return ""

    assert isinstance(Table(), Renderable)


@pytest.mark.parametrize(
    ("kind", "value"), [(int, 3), (list[dict[str, float]], [{"a": 1.0}]), (File, File("/a", hash="k")), (str | None, None)]
)
def test_the_engine_converts_there_and_back(kind: Any, value: Any) -> None:
    async def cross() -> Any:
        shape = TypeEngine.to_literal_type(kind)
        assert TypeEngine.guess_python_type(shape) == kind
        return await TypeEngine.to_python_value(await TypeEngine.to_literal(value, kind, shape), kind)

    assert anyio.run(cross) == value


def test_the_engine_refuses_what_is_not_of_the_type() -> None:
    with pytest.raises(types.TypeTransformerFailedError, match=r"expected int, got str"):
        anyio.run(TypeEngine.to_literal, "a", int, None)


def test_html_is_escaped() -> None:
    assert TypeEngine.to_html("<b>", str) == "&#x27;&lt;b&gt;&#x27;"


def test_equal_types_have_equal_shapes() -> None:
    assert TypeEngine.to_literal_type(list[int]) == TypeEngine.to_literal_type(list[int]) != TypeEngine.to_literal_type(int)
    assert len({TypeEngine.to_literal_type(int), TypeEngine.to_literal_type(int)}) == 1
    assert repr(TypeEngine.to_literal_type(list[int])) == "LocalType(list[int])"


class TestPydanticTransformer:
    """Programs take it from a private module of the SDK, to see what a client without the class makes of a type."""

    def test_what_it_makes_of_a_model_is_the_model_again(self) -> None:
        pydantic = pytest.importorskip("pydantic")
        model = pydantic.create_model("Report", name=(str, ...))
        shape = PydanticTransformer().get_literal_type(model)
        assert TypeEngine.guess_python_type(shape) is model

    def test_a_part_of_the_message_that_is_cleared_takes_nothing_from_the_type(self) -> None:
        """There is no message here, so none of its parts is needed to know the type."""
        pydantic = pytest.importorskip("pydantic")
        model = pydantic.create_model("Report", name=(str, ...))
        shape = copy.deepcopy(PydanticTransformer().get_literal_type(model))
        shape.ClearField("structure")
        assert TypeEngine.guess_python_type(shape) is model

    def test_it_refuses_what_is_no_model(self) -> None:
        pytest.importorskip("pydantic")
        with pytest.raises(types.TypeTransformerFailedError, match="expected a pydantic model, got int"):
            PydanticTransformer().get_literal_type(int)

    def test_values_cross(self) -> None:
        pydantic = pytest.importorskip("pydantic")
        model = pydantic.create_model("Report", name=(str, ...))

        async def cross() -> Any:
            transformer = PydanticTransformer()
            return await transformer.to_python_value(await transformer.to_literal(model(name="a"), model, None), model)

        assert anyio.run(cross) == model(name="a")


def literal_of(value: Any, kind: Any) -> Any:
    return anyio.run(TypeEngine.to_literal, value, kind, TypeEngine.to_literal_type(kind))


class Color(Enum):
    RED = "r"


@dataclass
class Kept:
    number: int
    file: File
    day: date
    color: Color
    data: bytes


SHOWN: list[tuple[Any, Any, Any]] = [
    (3, int, 3),
    (0.5, float, 0.5),
    (True, bool, True),
    ("a", str, "a"),
    (None, None, None),
    (None, int | None, None),
    (datetime(2026, 1, 2, tzinfo=UTC), datetime, "2026-01-02T00:00:00+00:00"),
    (timedelta(minutes=1), timedelta, 60.0),
    (Color.RED, Color, "RED"),
    (b"ab", bytes, base64.b64encode(b"ab").decode()),
    (Path("/a"), Path, "/a"),
    (File("/a/b"), File, "/a/b"),
    (DataFrame("/a/b.csv"), DataFrame, "/a/b.csv"),
    ([File("/a"), File("/b")], list[File], ["/a", "/b"]),
    ({"a": (1, "x")}, dict[str, tuple[int, str]], {"a": [1, "x"]}),
    (
        Kept(1, File("/a"), date(2026, 1, 2), Color.RED, b"a"),
        Kept,
        '{"number": 1, "file": "/a", "day": "2026-01-02", "color": "RED", "data": "YQ=="}',
    ),
]


@pytest.mark.parametrize(("value", "kind", "shown"), SHOWN)
def test_a_literal_is_shown_shortly(value: Any, kind: Any, shown: Any) -> None:
    assert types.literal_string_repr(literal_of(value, kind)) == shown


def test_a_model_is_shown_as_json() -> None:
    pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")
    model = pydantic.create_model("Model", number=(int, 1))
    assert types.literal_string_repr(literal_of(model(), model)) == '{"number":1}'


def test_a_table_is_shown_by_its_place() -> None:
    pandas = pytest.importorskip("pandas", reason="the frames extra is not installed")
    pytest.importorskip("pyarrow", reason="the frames extra is not installed")
    assert types.literal_string_repr(literal_of(pandas.DataFrame({"a": [1]}), pandas.DataFrame)).endswith(".parquet")


def test_several_literals_are_shown_by_name() -> None:
    both = anyio.run(TypeEngine.dict_to_literal_map, {"x": 1, "y": ["a"]}, {"y": list[str]})
    assert types.literal_string_repr(both) == types.literal_string_repr(both.literals) == {"x": 1, "y": ["a"]}
    assert types.literal_string_repr(None) == types.literal_string_repr({}) == {}
    with pytest.raises(ValueError, match="is no literal"):
        types.literal_string_repr(3)


def test_equal_values_have_equal_literals() -> None:
    assert literal_of({"a": 1}, dict[str, int]) == literal_of({"a": 1}, dict[str, int]) != literal_of({"a": 2}, dict[str, int])


def test_values_by_name_come_back() -> None:
    given = {"x": 1, "y": File("/a")}
    literals = anyio.run(TypeEngine.dict_to_literal_map, given)
    assert anyio.run(TypeEngine.literal_map_to_kwargs, literals, {"x": int, "y": File}) == given
    described = {name: SimpleNamespace(type=TypeEngine.to_literal_type(type(value))) for name, value in given.items()}
    assert anyio.run(TypeEngine.literal_map_to_kwargs, literals, None, described) == given
    assert anyio.run(TypeEngine.literal_map_to_kwargs, literals, {}) == {}


def test_values_by_name_that_do_not_fit_are_told() -> None:
    literals = anyio.run(TypeEngine.dict_to_literal_map, {"x": 1, "y": 2})
    with pytest.raises(ValueError, match="2 values came for 1 inputs"):
        anyio.run(TypeEngine.literal_map_to_kwargs, literals, {"x": int})
    with pytest.raises(ValueError, match="give python_types or literal_types"):
        anyio.run(TypeEngine.literal_map_to_kwargs, literals)
    with pytest.raises(types.TypeTransformerFailedError, match=r"input 'x' cannot be made a list\[int\]: .*protobuf"):
        anyio.run(TypeEngine.literal_map_to_kwargs, SimpleNamespace(literals={"x": object()}), {"x": list[int]})
    with pytest.raises(TypeError, match="for variable 'x' of type int: expected int, got str"):
        anyio.run(TypeEngine.dict_to_literal_map, {"x": "a"}, {"x": int})


def test_an_interface_is_guessed_from_what_describes_it() -> None:
    def described(**kinds: Any) -> Any:
        return SimpleNamespace(variables={name: SimpleNamespace(type=TypeEngine.to_literal_type(kind)) for name, kind in kinds.items()})

    interface = SimpleNamespace(inputs=described(x=int, y=list[File]), outputs=described(o0=str))
    guessed = types.guess_interface(interface, [SimpleNamespace(name="y")])
    assert guessed.inputs == {"x": (int, Parameter.empty), "y": (list[File], NativeInterface.has_default)}
    assert guessed.outputs == {"o0": str}
    assert types.guess_interface(SimpleNamespace(inputs=None, outputs=None)) == types.guess_interface(None) == NativeInterface({}, {})
    entries = [SimpleNamespace(key="x", value=SimpleNamespace(type=TypeEngine.to_literal_type(int)))]
    assert TypeEngine.guess_python_types(entries) == {"x": int}
    with pytest.raises(ValueError, match="No transformers could reverse"):
        TypeEngine.guess_python_types({"x": SimpleNamespace(type="protobuf")})
