"""With check_determinism every call that can be cached is carried twice; what differs is said, and not stored."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from programs import wavering

import localflyte as flyte


@pytest.fixture
def marks(tmp_path: Path) -> str:
    (tmp_path / "marks").write_text("")
    return str(tmp_path / "marks")


def check(task: Any, **inputs: Any) -> tuple[Any, list[str], list[Any]]:
    """:return: the outputs, what was said, and which outputs of which task differ"""
    told: list[str] = []
    diverged: list[Any] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])
        elif event.kind == "action.diverged":
            diverged.append((event.data["task"], event.data["outputs"]))

    run = flyte.with_runcontext(check_determinism=True, sinks=[listens]).run(task, **inputs)
    return run.outputs(), told, diverged


def test_what_is_deterministic_is_carried_twice_and_stored(home: Path, marks: str) -> None:
    assert check(wavering.steady, marks=marks)[1:] == ([], [])
    assert os.path.getsize(marks) == 2
    flyte.run(wavering.steady, marks)
    assert os.path.getsize(marks) == 2


def test_what_is_not_is_said_and_not_stored(home: Path, marks: str) -> None:
    outputs, told, diverged = check(wavering.wavers, marks=marks)
    assert tuple(outputs) == (1, 1)
    assert diverged == [("wavering.wavers", ["o1"])]
    assert len(told) == 1
    assert "wavering.wavers gives another o1 the second time" in told[0]
    assert tuple(flyte.run(wavering.wavers, marks).outputs()) == (1, 3)


def test_a_task_that_fails_the_second_time_is_not_deterministic(home: Path, marks: str) -> None:
    outputs, told, diverged = check(wavering.fails_later, marks=marks)
    assert tuple(outputs) == (1,)
    assert diverged == [("wavering.fails_later", [])]
    assert "fails the next time (ValueError)" in told[0]


@pytest.mark.parametrize(("same", "differing"), [(True, []), (False, [("wavering.writes", ["o0"])])])
def test_files_are_compared_by_content(home: Path, marks: str, same: bool, differing: list[Any]) -> None:
    outputs, _, diverged = check(wavering.writes, same=same, marks=marks)
    assert diverged == differing
    assert Path(outputs[0].path).read_bytes() == (b"same" if same else b"1")  # the second one writes elsewhere


def test_what_cannot_be_cached_is_carried_once(home: Path, marks: str) -> None:
    assert check(wavering.uncached, marks=marks)[2] == []
    assert os.path.getsize(marks) == 1


def test_what_a_task_calls_is_carried_twice_and_not_four_times(home: Path, marks: str) -> None:
    outputs, _, diverged = check(wavering.calls, marks=marks)
    assert outputs[0] == ["a", "b", "c"]
    assert diverged == []
    assert os.path.getsize(marks) == 2
