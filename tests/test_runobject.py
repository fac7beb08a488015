"""What flyte.run gives back."""

from __future__ import annotations

import asyncio

import pytest
from programs import queued

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
