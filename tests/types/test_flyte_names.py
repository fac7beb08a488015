"""The names of flyte's type system: importable, and clear where they are really used."""

from __future__ import annotations

from typing import Any

import pytest

from localflyte import types
from localflyte.types import FlytePickle
from localflyte.types import Renderable
from localflyte.types import TypeEngine
from localflyte.types import TypeTransformer
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack


class Celsius:
    pass


class CelsiusTransformer(TypeTransformer[Celsius]):
    def __init__(self) -> None:
        super().__init__("Celsius", Celsius)


def test_every_name_is_there() -> None:
    assert all(hasattr(types, name) for name in types.__all__)


def test_a_transformer_is_registered_with_a_warning_and_once() -> None:
    with pytest.warns(UserWarning, match="Celsius"):
        TypeEngine.register(CelsiusTransformer())
    with pytest.raises(ValueError, match="already registered"):
        TypeEngine.register(CelsiusTransformer())
    assert TypeEngine.get_transformer(Celsius).name == "Celsius"


@pytest.mark.parametrize(
    "use", [types.guess_interface, types.literal_string_repr, TypeEngine.to_literal_type, TypeEngine.guess_python_type]
)
def test_what_needs_protobuf_says_so(use: Any) -> None:
    with pytest.raises(NotImplementedError, match="protobuf"):
        use(None)


@pytest.mark.parametrize("annotation", [FlytePickle, FlytePickle[int]])
def test_flyte_pickle_takes_anything(annotation: Any) -> None:
    codec = codec_for(annotation)
    assert unpack(codec, pack(codec, {"a": Celsius})) == {"a": Celsius}


def test_a_renderable_is_known_by_its_method() -> None:
    class Table:
        def to_html(self, python_value: Any) -> str:
            return ""

    assert isinstance(Table(), Renderable)
