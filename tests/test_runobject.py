"""What flyte.run gives back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from programs import contexts
from programs import patterns
from programs import queued
from programs import recovering
from programs import values

import localflyte as flyte
from localflyte import logs
from localflyte.runobject import ActionOutputs


@pytest.fixture
def run() -> flyte.Run:
    return flyte.run(queued.nothing)


def test_a_run_that_is_held_has_ended_so_nothing_waits(run: flyte.Run) -> None:
    run.wait()
    run.wait(wait_for="running")
    assert run.done()
    assert run.phase == "succeeded"


def test_its_action_has_ended_too(run: flyte.Run) -> None:
    asyncio.run(run.action.wait())
    assert run.action.done()


def test_what_it_was_called_with_and_gave_can_be_asked() -> None:
    run = flyte.run(values.mirrored, [values.Point(1, 0.5)])
    assert run.inputs() == {"points": [values.Point(1, 0.5)]}
    assert run.outputs() == ({"all": [values.Point(-1, 0.5)]},)


def test_its_record_has_each_call_once_below_the_one_that_made_it() -> None:
    record = flyte.run(patterns.falls_back, "down").details()
    root, call = [action for _, action in record.walk()]
    assert (root.task, root.parent, root.status) == ("patterns.falls_back", "", "succeeded")
    assert (call.task, call.parent, call.status) == ("patterns.fails_with", root.name, "failed")
    assert call.name != root.name
    assert call.error is not None
    assert call.error.code == "UnavailableError"


def test_outputs_are_a_tuple_with_names() -> None:
    outputs = ActionOutputs((1, "two", None))
    first, *rest = outputs
    assert (first, rest, len(outputs), outputs[1:], list(outputs)) == (1, ["two", None], 3, ("two", None), [1, "two", None])
    assert (outputs.o1, outputs.named_outputs) == ("two", {"o0": 1, "o1": "two", "o2": None})
    assert (ActionOutputs(()).named_outputs, ActionOutputs(())) == ({}, ())
    with pytest.raises(AttributeError, match="there is no output 'o3'; there are o0, o1, o2"):
        _ = outputs.o3


def test_inputs_are_shown_by_name(home: Path) -> None:
    run = flyte.run(recovering.shown, True, None, word="a")
    assert run.inputs() == asyncio.run(run.inputs.aio()) == {"loud": True, "times": None, "word": "a"}


def test_what_it_printed_is_given_attempt_by_attempt(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = flyte.run(contexts.says_it_twice)

    async def awaited() -> list[str]:
        return [line async for line in run.get_logs.aio()]

    assert list(run.get_logs()) == asyncio.run(awaited()) == ["attempt 1", "the end"]
    assert list(run.get_logs(attempt=1)) == ["attempt 0", "the end"]
    assert list(run.get_logs(attempt=7, filter_system=True, show_ts=True)) == []
    capsys.readouterr()
    run.show_logs(max_lines=1)
    assert capsys.readouterr().out == "the end\n"


def test_outputs_are_shown_as_the_sdk_shows_them() -> None:
    assert repr(ActionOutputs(("a'b", 1, None))) == """ActionOutputs(o0="a'b", o1=1, o2=None)"""


def test_abort_says_that_it_comes_too_late_and_what_would_not(
    run: flyte.Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_said", set())
    run.abort("enough")
    said = capsys.readouterr().err
    assert f"{run.name} has ended already" in said
    assert "Ctrl-C" in said
    assert run.phase == "succeeded"
