"""Pydantic models as values."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic import ConfigDict
from pydantic import Field
from pydantic import HttpUrl
from pydantic import RootModel
from pydantic import SecretStr
from pydantic import ValidationError

from localflyte.io import DataFrame
from localflyte.io import Dir
from localflyte.io import File
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError


class Color(Enum):
    RED = "red"


class Inner(BaseModel):
    size: int
    when: datetime | None = None


class Outer(BaseModel):
    name: str
    inner: Inner
    more: list[Inner] = []
    color: Color = Color.RED
    tags: set[str] = set()
    file: File | None = None
    folders: dict[str, Dir] = {}
    child: Outer | None = None


class Aliased(BaseModel):
    name: str = Field(alias="theName")


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")
    secret: SecretStr
    site: HttpUrl


class Numbers(RootModel[list[int]]):
    pass


def carry(annotation: Any, value: Any) -> Any:
    codec = codec_for(annotation)
    return unpack(codec, pack(codec, value))


@pytest.mark.parametrize(
    "value",
    [
        Inner(size=1),
        Outer(name="a", inner=Inner(size=1, when=datetime(2020, 1, 1)), more=[Inner(size=2)], tags={"x", "y"}),
        Outer(name="a", inner=Inner(size=1), child=Outer(name="b", inner=Inner(size=2))),
        Aliased(theName="n"),
        Loose(secret=SecretStr("s"), site=HttpUrl("https://example.org"), extra=(1, 2)),
        Numbers([1, 2]),
    ],
)
def test_a_model_comes_back(value: BaseModel) -> None:
    assert carry(type(value), value) == value


def test_files_in_a_model_are_references() -> None:
    value = Outer(name="a", inner=Inner(size=1), file=File("/data/a.csv"), folders={"d": Dir("/data/d")})
    packed = pack(codec_for(Outer), value)
    assert [ref.path for ref in packed.refs] == ["/data/a.csv", "/data/d"]
    assert b"/data" not in packed.data
    assert unpack(codec_for(Outer), packed) == value


def test_a_dict_is_validated_as_the_model() -> None:
    assert carry(Outer, {"name": "a", "inner": {"size": "3"}, "file": {"path": "/a"}}) == Outer(
        name="a", inner=Inner(size=3), file=File("/a")
    )


def test_a_dict_that_does_not_fit_is_refused_with_what_pydantic_says() -> None:
    with pytest.raises(TypeTransformerFailedError, match=r"(?s)expected Outer: .*inner.*Field required") as caught:
        carry(Outer, {"name": "a"})
    assert isinstance(caught.value.__cause__, ValidationError)


def test_another_object_is_refused() -> None:
    with pytest.raises(TypeTransformerFailedError, match="expected Inner, got int"):
        carry(Inner, 5)


def test_models_inside_other_types_come_back() -> None:
    value = {"a": [Inner(size=1)]}
    assert carry(dict[str, list[Inner]], value) == value


def test_two_equal_models_have_the_same_canonical_form() -> None:
    one, two = (pack(codec_for(Outer), Outer(name="a", inner=Inner(size=1), tags=tags), True) for tags in ({"x", "y"}, {"y", "x"}))
    assert (one.canonical or one.data) == (two.canonical or two.data)


def test_a_file_has_a_json_schema_and_dumps_to_its_fields() -> None:
    assert Outer.model_json_schema()["$defs"]["Outer"]["properties"]["file"]["anyOf"][0]["title"] == "File"
    assert Outer(name="a", inner=Inner(size=1), file=File("/a")).model_dump()["file"]["path"] == "/a"


@pytest.mark.parametrize(("kind", "place"), [(File, "path"), (Dir, "path"), (DataFrame, "uri")])
def test_the_schema_of_a_reference_says_in_a_few_words_what_it_is(kind: Any, place: str) -> None:
    schema = kind.model_json_schema()
    assert schema["x-flyte-type"] == kind.__name__.lower()
    assert len(schema["description"]) < 50
    assert (schema["required"], schema["properties"]["format"]) == ([place], {"type": "string", "default": ""})
    assert schema["properties"]["hash"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def test_pydantic_is_not_imported_for_anyone_else() -> None:
    code = "import localflyte.types.interface, localflyte.io.file, sys; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[2], check=False).returncode == 0
