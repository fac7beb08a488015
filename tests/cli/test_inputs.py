"""The inputs of a task from the arguments after its name."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any
from typing import Literal

import click
import pytest

from localflyte.cli.inputs import read_inputs
from localflyte.types.interface import REQUIRED


class Color(enum.Enum):
    RED = "red"


@dataclass
class Parameter:
    name: str
    annotation: Any
    default: Any = REQUIRED


INPUTS = {
    parameter.name: parameter
    for parameter in (
        Parameter("count", int),
        Parameter("file_name", str, "x"),
        Parameter("learningRate", float, 0.1),
        Parameter("check", bool),
        Parameter("color", Color, Color.RED),
        Parameter("mode", Literal["fast", "slow"], "fast"),
        Parameter("limit", int | None),
        Parameter("options", dict[str, int], {"a": 1}),
    )
}
NOT_GIVEN = {"check": False, "limit": None}


def read(*args: str, inputs: dict[str, Parameter] = INPUTS, run_options: tuple[str, ...] = ("--json", "--copy-style")) -> dict[str, Any]:
    return read_inputs(inputs, args, usage="localflyte run f.py main", about="Do it.", run_options=run_options)


def test_a_whole_number_is_a_default_of_a_float() -> None:
    assert read(inputs={"rate": Parameter("rate", float, 30)}) == {"rate": 30.0}


def test_a_flag_takes_no_value() -> None:
    with pytest.raises(click.UsageError, match="unexpected 'true': --check takes no value; say --check or --no-check"):
        read("--count", "3", "--check", "true")


def test_defaults_are_left_to_the_task() -> None:
    assert read("--count", "3") == {"count": 3, **NOT_GIVEN}


@pytest.mark.parametrize(
    ("args", "given"),
    [
        (["--file_name", "y"], {"file_name": "y"}),
        (["--file-name", "y"], {"file_name": "y"}),
        (["--file-name=y"], {"file_name": "y"}),
        (["--file_name", "--dashes"], {"file_name": "--dashes"}),
        (["--learningRate", "1"], {"learningRate": 1.0}),
        (["--check"], {"check": True}),
        (["--no-check"], {"check": False}),
        (["--color", "RED"], {"color": Color.RED}),
        (["--mode", "SLOW"], {"mode": "slow"}),
        (["--limit", "-4"], {"limit": -4}),
        (["--limit", "null"], {"limit": None}),
        (["--options", '{"b": 2}'], {"options": {"a": 1, "b": 2}}),
    ],
)
def test_an_input_is_given_by_name(args: list[str], given: dict[str, Any]) -> None:
    assert read("--count", "3", *args) == {"count": 3, **NOT_GIVEN, **given}


def test_the_last_of_two_values_wins() -> None:
    assert read("--count", "3", "--count", "4")["count"] == 4


@pytest.mark.parametrize(
    ("args", "line"),
    [
        ([], "missing --count (int). See `localflyte run f.py main --help`."),
        (["--cuont", "3"], "there is no input '--cuont'; did you mean '--count'?"),
        (["--zzz", "3"], "there is no input '--zzz'; the inputs are --count, --file_name"),
        (["--count", "3", "--json"], "--json is an option of the run: write it before the file"),
        (["--count", "3", "--copy-style", "all"], "--copy-style is an option of the run: write it before the file"),
        (["--count", "x"], "--count: 'x' is not a valid integer"),
        (["--count"], "Option '--count' requires an argument"),
        (["--count", "3", "--mode", "fats"], "--mode: 'fats' is not one of 'fast', 'slow'; did you mean 'fast'?"),
        (["--count", "3", "--options", "{"], "--options: '{' is neither JSON"),
        (["3"], "unexpected '3': inputs are given by name (--count 3)"),
    ],
)
def test_what_does_not_fit_is_one_line(args: list[str], line: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        read(*args)
    text = caught.value.format_message()
    assert line in text
    assert "\n" not in text


def test_a_task_without_inputs_says_so() -> None:
    with pytest.raises(click.UsageError, match="the task takes none"):
        read("--n", "3", inputs={})


def test_the_help_lists_types_defaults_and_what_the_task_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(click.exceptions.Exit):
        read("--help")
    text = " ".join(capsys.readouterr().out.split())
    assert "Usage: localflyte run f.py main --count int" in text
    assert "Do it." in text
    for line in ("--count int [required]", "--file_name str [default: x]", "--check / --no-check [default: False]", "--color RED"):
        assert line in text


def test_inputs_may_be_left_out_where_only_some_are_asked_for() -> None:
    assert read_inputs(INPUTS, ["--file-name", "y"], usage="localflyte run f.py main", partly=True) == {"file_name": "y", **NOT_GIVEN}


def test_an_input_called_help_is_an_input() -> None:
    assert read("--help", "x", inputs={"help": Parameter("help", str)}) == {"help": "x"}


def test_what_is_not_given_replaces_nothing() -> None:
    """A flag that was on stays on, and a value that may be None stays what it was."""

    def replaced(*args: str) -> dict[str, Any]:
        return read_inputs(INPUTS, args, usage="localflyte rerun last", replacing=True)

    assert replaced() == {}
    assert replaced("--file-name", "y") == {"file_name": "y"}
    assert replaced("--no-check", "--limit", "null") == {"check": False, "limit": None}
