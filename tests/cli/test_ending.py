"""How a run ended, for people and as JSON."""

from __future__ import annotations

import datetime as dt
import enum
import io
import json
import signal
from dataclasses import dataclass
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from localflyte.cli.ending import MOST_LINES
from localflyte.cli.ending import Ending
from localflyte.cli.ending import as_json
from localflyte.cli.ending import print_ending
from localflyte.cli.ending import print_ending_as_json
from localflyte.engine.interrupts import Interrupted
from localflyte.errors import RuntimeUserError


class Color(enum.StrEnum):
    RED = "red"


@dataclass
class Point:
    x: int
    when: dt.date


class Pair(NamedTuple):
    a: int
    b: Any


class Model(BaseModel):
    color: Color


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("value", "json_value"),
    [
        (None, None),
        (True, True),
        (1, 1),
        (1.5, 1.5),
        (float("nan"), "nan"),
        ("x", "x"),
        (Color.RED, "RED"),
        ([1, (2, {3})], [1, [2, [3]]]),
        ({1: "a", Color.RED: None}, {"1": "a", "RED": None}),
        (Point(1, dt.date(2024, 5, 1)), {"x": 1, "when": "2024-05-01"}),
        (Pair(1, b"x"), {"a": 1, "b": "b'x'"}),
        (Model(color=Color.RED), {"color": "RED"}),
        (dt.datetime(2024, 5, 1, tzinfo=dt.UTC), "2024-05-01T00:00:00+00:00"),
        (dt.timedelta(minutes=1), 60.0),
        ([PurePosixPath("/a/b")], ["/a/b"]),
        (Decimal("1.1"), "Decimal('1.1')"),
        (Hostile(), "<Hostile whose repr raises RuntimeError>"),
    ],
)
def test_an_output_becomes_json(value: Any, json_value: Any) -> None:
    assert as_json(value) == json_value


def test_a_value_that_holds_itself_ends() -> None:
    value: list[Any] = []
    value.append(value)
    json.dumps(as_json(value))


def test_the_ending_for_a_person_has_name_status_page_and_outputs() -> None:
    stream = io.StringIO()
    print_ending(Ending("calm-owl", "succeeded", "file:///page", {"o0": 3, "o1": "x"}), stream)
    assert stream.getvalue().splitlines() == ["Run    calm-owl", "Status succeeded", "Page   file:///page", "o0     3", "o1     'x'"]


def test_a_long_output_is_cut_on_a_terminal() -> None:
    stream = Terminal()
    print_ending(Ending("r", "succeeded", "", {"o0": ["x" * 90] * 500}), stream)
    lines = stream.getvalue().splitlines()
    assert len(lines) == MOST_LINES + 3
    assert lines[-1].strip() == "... 460 more lines; --json prints all"


def test_a_long_output_is_whole_in_a_pipe() -> None:
    stream = io.StringIO()
    print_ending(Ending("r", "succeeded", "", {"o0": ["x" * 90] * 500}), stream)
    assert len(stream.getvalue().splitlines()) == 502


def test_an_output_that_cannot_be_shown_does_not_stop_the_rest() -> None:
    stream = io.StringIO()
    print_ending(Ending("r", "succeeded", "", {"o0": Hostile(), "o1": 1}), stream)
    assert stream.getvalue().splitlines()[-1] == "o1     1"


def test_an_error_is_told_whole() -> None:
    """The way out stands in its last line, or at the end of a long first one."""
    stream = io.StringIO()
    print_ending(
        Ending("r", "failed", "", {}, RuntimeUserError("OOMKilled", f"{'too much, ' * 50}really\nWhat was seen\nChange it")), stream
    )
    error, *further = stream.getvalue().splitlines()[2:]
    assert error.endswith("too much, really")
    assert further == ["       What was seen", "       Change it"]


def test_a_signal_is_told_by_its_name() -> None:
    stream = io.StringIO()
    print_ending(Ending("r", "aborted", "", {}, Interrupted(signal.SIGTERM)), stream)
    assert stream.getvalue().splitlines()[-1] == "Error  Interrupted: it was ended by SIGTERM"


def test_what_the_traceback_shows_is_not_told_again() -> None:
    error = RuntimeUserError("ValueError", "bad\nvalue")
    error.remote_traceback = "Traceback:\n  File x\nValueError: bad\nvalue"
    stream = io.StringIO()
    print_ending(Ending("r", "failed", "", {}, error), stream)
    assert stream.getvalue().splitlines()[2:] == ["Error  ValueError: bad"]


def test_the_ending_as_json_is_one_line() -> None:
    stream = io.StringIO()
    print_ending_as_json(Ending("r", "failed", "", {}, RuntimeUserError("ValueError", "bad\nvalue"), 1.5), stream)
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line) == {
        "kind": "result",
        "run": "r",
        "status": "failed",
        "url": "",
        "seconds": 1.5,
        "outputs": {},
        "error": {"kind": "user", "code": "ValueError", "message": "bad\nvalue", "traceback": ""},
    }
