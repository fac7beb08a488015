"""ActionPhase: its values, its ends, and its text."""

from __future__ import annotations

import pytest

from localflyte.spec.phase import ActionPhase


def test_terminal() -> None:
    assert [phase.value for phase in ActionPhase if phase.is_terminal] == ["succeeded", "failed", "aborted", "timed_out", "recovered"]


def test_is_text() -> None:
    assert ActionPhase("timed_out") is ActionPhase.TIMED_OUT
    assert ActionPhase.FAILED.value == "failed"
    assert {"failed": 1}[ActionPhase.FAILED] == 1
    assert str(ActionPhase.FAILED) == "ActionPhase.FAILED"
    assert ActionPhase.QUEUED.to_protobuf_name() == "ACTION_PHASE_QUEUED"


def test_each_has_its_name_and_its_number() -> None:
    """Programs that ask a cluster's clients read them so."""
    numbers = {"queued": 1, "waiting_for_resources": 2, "initializing": 3, "running": 4, "paused": 9}
    ends = {"succeeded": 5, "failed": 6, "aborted": 7, "timed_out": 8, "recovered": 10}
    assert {phase.value: phase.to_protobuf_value() for phase in ActionPhase} == {**numbers, **ends}
    assert all(phase == phase.value and phase.name == phase.value.upper() for phase in ActionPhase)
    assert [ActionPhase.from_protobuf(phase.to_protobuf_value()) for phase in ActionPhase] == list(ActionPhase)
    assert ActionPhase.QUEUED in {ActionPhase.QUEUED, ActionPhase.RUNNING}
    assert ActionPhase.QUEUED != ActionPhase.RUNNING


@pytest.mark.parametrize(("number", "message"), [(0, "Cannot convert UNSPECIFIED"), (99, "Cannot convert 99")])
def test_what_is_no_phase_is_told(number: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ActionPhase.from_protobuf(number)
