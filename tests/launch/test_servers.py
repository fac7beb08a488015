"""A fork server may die at any time: its calls finish, the next ones find another, and nothing of the dead one is kept."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from programs import misbehaving
from programs import processes
from programs import wide

import localflyte as flyte
from localflyte import errors

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


def test_a_call_whose_server_dies_finishes() -> None:
    assert run(processes.kills_its_server) > 0


def test_a_server_that_dies_is_replaced_and_that_is_told() -> None:
    servers, told = notices_of(processes.calls_after_its_server, how="killed")
    assert len(servers) == 2
    assert servers[0] not in servers[1:]
    assert told == ["a fork server ended (it was killed by signal 9) and is replaced; what it had started runs on"]


def test_a_server_that_hangs_is_replaced_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.forkserver.HANG_SECONDS", 0.5)
    servers, told = notices_of(processes.calls_after_its_server, how="stopped")
    assert servers[0] != servers[-1]
    assert told == ["a fork server ended (it did not fork for 0.5 s) and is replaced; what it had started runs on"]


def test_a_call_that_outlives_its_server_can_be_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(errors.MaxRuntimeExceededError):
        run(processes.kills_its_server.override(timeout=1), note=str(note))
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(note.read_text())).wait(END_WITHIN)


def test_a_call_that_outlives_its_server_ends_with_the_engine(tmp_path: Path) -> None:
    """Neither its parent nor a fork server is there to end it when the engine is killed: the kernel does."""
    note = tmp_path / "pid"
    program = f"import localflyte as flyte; from programs import processes; flyte.run(processes.kills_its_server, note={str(note)!r})"
    engine = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT / "tests", env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_until(note.exists)
    child = psutil.Process(int(note.read_text()))
    engine.kill()
    engine.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        child.wait(END_WITHIN)


def test_a_server_that_keeps_dying_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.servers.MAX_RESTARTS", 1)
    for _ in range(2):
        run(processes.kills_its_server)
    result, told = notices_of(misbehaving.fine, x=1)
    assert result == 2
    assert told == [
        "the fork server ended 2 times within a minute, last: it was killed by signal 9. From now on each call imports for itself."
    ]


def test_a_server_that_died_between_runs_is_replaced() -> None:
    assert run(misbehaving.fine, x=1) == 2
    for child in psutil.Process().children():
        child.kill()
        child.wait(5)
    assert run(misbehaving.fine, x=1) == 2


def test_dead_servers_leave_no_descriptor_thread_or_zombie() -> None:
    def counts() -> list[int]:
        gc.collect()
        me = psutil.Process()
        return [me.num_fds(), threading.active_count(), len(me.children())]

    run(processes.kills_its_server)
    run(misbehaving.fine, x=1)
    before = [most + spare for most, spare in zip(counts(), (IDLE * 3, 0, 0), strict=True)]
    for _ in range(3):  # a fourth would be done without
        run(processes.kills_its_server)
        run(misbehaving.fine, x=1)
    assert all(now <= most for now, most in zip(counts(), before, strict=True)), (counts(), before)


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
