"""ActionPhase: its values, its ends, and its text."""

from __future__ import annotations

from localflyte.spec.phase import ActionPhase


def test_terminal() -> None:
    assert [phase.value for phase in ActionPhase if phase.is_terminal] == ["succeeded", "failed", "aborted", "timed_out", "recovered"]


def test_is_text() -> None:
    assert ActionPhase("timed_out") is ActionPhase.TIMED_OUT
    assert ActionPhase.FAILED.value == "failed"
    assert {"failed": 1}[ActionPhase.FAILED] == 1
    assert str(ActionPhase.FAILED) == "ActionPhase.FAILED"
    assert ActionPhase.QUEUED.to_protobuf_name() == "ACTION_PHASE_QUEUED"
