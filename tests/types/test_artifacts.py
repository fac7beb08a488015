"""Artifacts: a named file is an output of its own, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import localflyte as flyte
from localflyte.artifacts import Metadata
from localflyte.errors import RuntimeDataValidationError
from localflyte.io import DataFrame
from localflyte.io import Dir
from localflyte.io import File
from localflyte.types import artifacts
from localflyte.types.interface import Interface


@dataclass
class Kept:
    file: File
    more: Any = None


def named(value: Any) -> Any:
    return flyte.artifacts.new(value, Metadata(name="weights", version="1"))


def outputs(value: Any, kind: Any) -> Any:
    def task():  # type: ignore[no-untyped-def]
        return value

    task.__annotations__ = {"return": kind}
    interface = Interface.from_function(task, task="env.task")
    return interface.decode_outputs(interface.encode_outputs(value, task="env.task"))


@pytest.mark.parametrize(
    ("value", "kind"),
    [(File("/a"), File), (Dir("/a"), Dir), (DataFrame("/a.csv"), DataFrame), (File("/a"), File | None), (File("/a"), Any)],
)
def test_an_artifact_arrives_as_its_value(value: Any, kind: Any) -> None:
    back = outputs(named(value), kind)
    assert (type(back), getattr(back, "path", None)) == (type(value), getattr(value, "path", None))
    assert artifacts.metadata_of(back) is None


def test_artifacts_may_stand_beside_other_outputs() -> None:
    assert outputs((named(File("/a")), 7, named(Dir("/b"))), tuple[File, int, Dir])[1] == 7


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda one: [one], list[File]),
        (lambda one: {"a": [one]}, dict[str, list[File]]),
        (lambda one: Kept(one), Kept),
        (lambda one: Kept(File("/b"), {"deep": (1, {"er": one})}), Kept),
        (lambda one: [one], list),
    ],
)
def test_an_artifact_inside_of_another_value_is_refused(make: Any, kind: Any) -> None:
    with pytest.raises(RuntimeDataValidationError, match="artifacts cannot be nested inside of other values"):
        outputs(make(named(File("/a"))), kind)
    assert outputs(make(File("/a")), kind) is not None


def test_an_artifact_inside_of_a_model_is_refused() -> None:
    pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")
    model = pydantic.create_model("Model", file=(File, ...))
    with pytest.raises(RuntimeDataValidationError, match="artifacts cannot be nested"):
        outputs(model(file=named(File("/a"))), model)


def test_very_deep_values_are_not_searched_to_their_end() -> None:
    value: Any = named(File("/a"))
    for _ in range(20):
        value = [value]
    assert outputs(value, list) is not None


def test_an_artifact_may_be_an_input() -> None:
    def task(files):  # type: ignore[no-untyped-def]
        return None

    task.__annotations__ = {"files": list[File]}
    interface = Interface.from_function(task, task="env.task")
    assert interface.encode_inputs({"files": [named(File("/a"))]}, task="env.task")["files"].refs[0].path == "/a"
