"""A version that cannot be made: whole runs neither read nor write, say why once, and give their results."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from programs import policies

import localflyte as flyte


@pytest.fixture(autouse=True)
def own_home(home: Path) -> Path:
    return home


@pytest.fixture
def marks(tmp_path: Path) -> str:
    (tmp_path / "marks").write_text("")
    return str(tmp_path / "marks")


def run_and_listen(task: Any, **inputs: Any) -> list[str]:
    told: list[str] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    assert flyte.with_runcontext(sinks=[listens]).run(task, **inputs).outputs()[0] == 7
    return [text for text in told if "not cached" in text]


def entries(home: Path) -> list[Path]:
    return [path for path in (home / "store" / "blobs").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("task", "inputs", "reason"),
    [
        (policies.by_variable, {}, "Failed to generate version for cache policy FromVariable(): 'POLICY_VERSION'"),
        (policies.uncertain, {}, "global variable 'client' of programs.policies.uncertain is a socket.socket"),
        (policies.calls, {"step": policies.uses_client}, "global variable 'client' of programs.policies.uses_client is a socket.socket"),
    ],
    ids=["policy", "code", "input"],
)
def test_nothing_is_read_or_written_and_the_reason_is_said_once(
    task: Any, inputs: dict[str, Any], reason: str, marks: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POLICY_VERSION", raising=False)
    for count in (1, 2):
        task.plans.clear()
        told = run_and_listen(task, x=7, marks=marks, **inputs)
        assert os.path.getsize(marks) == count
        assert len(told) == 1
        assert reason in told[0]
        assert told[0].count("is not cached") == 1
        assert entries(home) == []


def test_a_policy_that_has_its_version_back_is_used_again(marks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for version, count in (("1", 1), ("1", 1), ("2", 2), ("1", 2)):
        monkeypatch.setenv("POLICY_VERSION", version)
        policies.by_variable.plans.clear()
        assert run_and_listen(policies.by_variable, x=7, marks=marks) == []
        assert os.path.getsize(marks) == count
