"""NativeInterface: what it says of a function, and the JSON schema of its inputs."""

from __future__ import annotations

from enum import Enum
from inspect import Parameter
from typing import Any
from typing import Literal

import pytest

import localflyte as flyte
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
