"""NativeInterface: what it says of a function, and the JSON schema of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from inspect import Parameter
from typing import Annotated
from typing import Any
from typing import Literal

import pytest

import localflyte as flyte
from localflyte.api.schema import schema_of
from localflyte.io import DataFrame
from localflyte.io import Dir
from localflyte.io import File
from localflyte.models import NativeInterface

Level = Literal["low", "mid size"]


def test_a_task_says_its_types_and_what_has_to_be_given() -> None:
    env = flyte.TaskEnvironment(name="typed")

    @env.task
    async def one(x: int, y: int = 10, z: int | None = None) -> tuple[str, int]:
        return "", x

    @env.task
    def two() -> list[str]:
        return []

    native = one.native_interface
    assert native.inputs == {"x": (int, Parameter.empty), "y": (int, 10), "z": (int | None, None)}
    assert native.outputs == {"o0": str, "o1": int}
    assert (native.num_required_inputs(), native.required_inputs(), native.has_outputs()) == (1, ["x"], True)
    assert (two.native_interface.inputs, two.native_interface.outputs) == ({}, {"o0": list[str]})


def test_a_default_that_is_elsewhere_need_not_be_given() -> None:
    interface = NativeInterface.from_types({"x": (int, Parameter.empty), "y": (int, NativeInterface.has_default)}, {}, {"y": 10})
    assert (interface.num_required_inputs(), repr(interface)) == (1, "(x: int, y: int = ...):")
    for given in (None, {}):
        with pytest.raises(ValueError, match="Input y has a default value"):
            NativeInterface.from_types({"y": (int, NativeInterface.has_default)}, {}, given)


@dataclass
class Held:
    file: File
    more: list[File[str]]
    maybe: dict[str, File]
    table: DataFrame | None = None


def test_a_literal_of_texts_stands_as_an_enum() -> None:
    def task(level: Level, other: str = "a") -> tuple[Level, str]:
        return level, other

    interface = NativeInterface.from_callable(task)
    kind, default = interface.inputs["level"]
    assert issubclass(kind, Enum)
    assert {member.name: member.value for member in kind} == {"LOW": "low", "MID SIZE": "mid size"}
    assert default is Parameter.empty
    assert issubclass(interface.outputs["o0"], Enum)
    assert repr(interface) == "(level: LiteralEnum, other: str = a) -> (o0: LiteralEnum, o1: str):"


def test_any_other_literal_stands_as_any() -> None:
    def task(level: Literal[1, 2]) -> Literal["a", 1]:
        return "a"

    interface = NativeInterface.from_callable(task)
    assert interface.inputs["level"][0] is Any
    assert repr(interface) == "(level: Any) -> o0: Any:"


def test_unions_are_said_as_they_are_written() -> None:
    interface = NativeInterface.from_types({"x": (int | str, Parameter.empty)}, {"o0": int})
    assert repr(interface) == "(x: int | str) -> o0: int:"


def test_a_default_that_is_said_to_be_elsewhere_has_to_be() -> None:
    with pytest.raises(ValueError, match="Input y has a default value"):
        NativeInterface.from_types({"x": (int, Parameter.empty), "y": (int, NativeInterface.has_default)}, {}, {"x": 1})


def blob(dimensionality: str) -> dict[str, Any]:
    text = {"type": "string", "default": ""}
    many = {"type": "string", "enum": ["SINGLE", "MULTIPART"], "default": dimensionality}
    return {"type": "object", "format": "blob", "properties": {"uri": text, "format": text, "dimensionality": many}}


TABLE = {"type": "object", "format": "structured-dataset", "properties": {"uri": {"type": "string"}, "format": {"type": "string"}}}


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (File, blob("SINGLE")),
        (File[str], blob("SINGLE")),
        (File | None, blob("SINGLE")),
        (Dir, blob("MULTIPART")),
        (DataFrame, TABLE),
        (Annotated[DataFrame, "csv"], TABLE),
        (list[File], {"type": "array", "items": blob("SINGLE")}),
        (tuple[Dir, ...], {"type": "array", "items": blob("MULTIPART")}),
        (dict[str, Dir], {"type": "object", "additionalProperties": blob("MULTIPART")}),
    ],
)
def test_files_folders_and_tables_are_described_as_what_a_cluster_takes(kind: Any, schema: dict[str, Any]) -> None:
    assert schema_of(kind) == schema


@pytest.mark.parametrize(
    ("package", "name"), [("pandas", "DataFrame"), ("pyarrow", "Table"), ("polars", "DataFrame"), ("polars", "LazyFrame")]
)
def test_a_frame_is_described_as_a_table(package: str, name: str) -> None:
    kind = getattr(pytest.importorskip(package, reason="describes its frames"), name)
    assert schema_of(kind) == schema_of(kind, inside=True) == TABLE


def test_files_in_a_field_are_described_by_their_fields() -> None:
    """They are given so: the border reads a dict of these as a File."""
    properties = schema_of(Held)["properties"]
    assert properties["file"] == properties["more"]["items"] == properties["maybe"]["additionalProperties"] == File.model_json_schema()
    assert properties["table"] == {**DataFrame.model_json_schema(), "default": None}


def test_a_name_that_does_not_exist_is_told() -> None:
    def task(x: Nowhere) -> tuple[File, Dir]: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(NameError, match="Nowhere"):
        NativeInterface.from_callable(task)


def test_each_of_several_outputs_has_a_name() -> None:
    async def task() -> tuple[File, File, Dir]: ...

    assert NativeInterface.from_callable(task).outputs == {"o0": File, "o1": File, "o2": Dir}


def test_fields_of_a_model_that_have_defaults_are_not_required() -> None:
    pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")
    given = pydantic.create_model("Given", message=(str, "hello"), font=(str, "standard"))
    env = flyte.TaskEnvironment(name="defaults")

    def greet(inputs: Any) -> str:
        return str(inputs.message)

    greet.__annotations__["inputs"] = given
    schema = env.task(greet).native_interface.json_schema
    assert schema["required"] == ["inputs"]
    assert schema["properties"]["inputs"]["required"] == []
    assert schema["properties"]["inputs"]["properties"]["font"]["default"] == "standard"
