"""A fork server may die at any time: its calls finish, the next ones find another, and nothing of the dead one is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from programs import misbehaving
from programs import wide

import localflyte as flyte

ROOT = Path(__file__).resolve().parents[2]
END_WITHIN = 5.0  # seconds for a process that was killed
IDLE = 2  # children that may or may not be there ahead of demand, with three descriptors each


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def notices_of(task: Any, **inputs: Any) -> tuple[Any, list[str]]:
    """:return: the result, and what the run was told"""
    told: list[str] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    return flyte.with_runcontext(sinks=[listens]).run(task, **inputs).outputs()[0], told


def test_each_set_of_variables_has_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_PASS_ENV", "LEFT_BEHIND")
    task = misbehaving.sees
    monkeypatch.setenv("LEFT_BEHIND", "first")
    assert run(task)["env"] == "first"
    monkeypatch.setenv("LEFT_BEHIND", "second")
    assert run(task)["env"] == "second"


def test_servers_that_nobody_uses_any_more_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.servers.MAX_WARM", 3)
    assert run(wide.variables, n=8) == [str(number) for number in range(8)] * 2
    at_work = [child for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE]
    assert len(at_work) <= 4  # one may be on its way out
