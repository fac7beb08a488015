"""The names of flyte's type system: importable, used where they can be, and clear where they need protobuf."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import anyio
import pytest

from localflyte import types
from localflyte.io import File
from localflyte.types import FlytePickle
from localflyte.types import Renderable
from localflyte.types import TypeEngine
from localflyte.types._type_engine import PydanticTransformer
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack


def test_every_name_is_there() -> None:
    assert all(hasattr(types, name) for name in types.__all__)


@pytest.mark.parametrize("use", [types.guess_interface, types.literal_string_repr])
def test_what_needs_protobuf_says_so(use: Any) -> None:
    with pytest.raises(NotImplementedError, match="protobuf"):
        use(None)


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
