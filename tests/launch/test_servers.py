"""A fork server may die at any time: its calls fail, the next ones find another, and nothing of the dead one is kept."""

from __future__ import annotations

import gc
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from programs import misbehaving
from programs import processes
from programs import wide

import localflyte as flyte
from localflyte import errors

IDLE = 2  # children that may or may not be there ahead of demand, with three descriptors each


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


def test_a_call_whose_server_dies_fails_as_the_systems_and_is_retried(tmp_path: Path) -> None:
    path = tmp_path / "count"
    with pytest.raises(errors.RuntimeSystemError):
        run(processes.kills_its_server, path=str(path))
    path.unlink()
    assert run(processes.kills_its_server.override(retries=1), path=str(path)) == 1


def test_the_run_is_told_that_its_server_was_replaced(tmp_path: Path) -> None:
    told: list[str] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    runner = flyte.with_runcontext(sinks=[listens])
    assert runner.run(processes.kills_its_server.override(retries=1), path=str(tmp_path / "count")).outputs()[0] == 1
    assert told == ["a fork server ended (it was killed by signal 9) and is replaced"]


def test_a_server_that_died_between_runs_is_replaced() -> None:
    assert run(misbehaving.fine, x=1) == 2
    for child in psutil.Process().children():
        child.kill()
        child.wait(5)
    assert run(misbehaving.fine, x=1) == 2


def test_dead_servers_leave_no_descriptor_thread_or_zombie(tmp_path: Path) -> None:
    def counts() -> list[int]:
        gc.collect()
        me = psutil.Process()
        return [me.num_fds(), threading.active_count(), len(me.children())]

    path = tmp_path / "count"
    run(processes.kills_its_server.override(retries=1), path=str(path))
    before = [most + spare for most, spare in zip(counts(), (IDLE * 3, 0, 0), strict=True)]
    for _ in range(3):  # a fourth would be refused
        path.unlink()
        run(processes.kills_its_server.override(retries=1), path=str(path))
    assert all(now <= most for now, most in zip(counts(), before, strict=True)), (counts(), before)


def test_a_server_that_keeps_dying_is_not_restarted_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.servers.MAX_RESTARTS", 1)
    for number in range(2):
        with pytest.raises(errors.RuntimeSystemError):
            run(processes.kills_its_server, path=str(tmp_path / str(number)))
    with pytest.raises(errors.RuntimeSystemError, match="ended 2 times within a minute"):
        run(misbehaving.fine, x=1)


def test_each_set_of_variables_has_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
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
