"""However the engine's process ends, nothing that it started goes on, and its history tells the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from localflyte.runs.history import list_runs

ROOT = Path(__file__).resolve().parents[2]
GONE_WITHIN = 2.0  # seconds: what localflyte promises after kill -9
GRACE = 0.5
PROGRAM = """
import localflyte as flyte
import asyncio, os, signal, subprocess, time
env = flyte.TaskEnvironment("endless")
PIDS = os.environ["PIDS"]

def here(name, pid=None):
    open(os.path.join(PIDS, f"{name}.{pid or os.getpid()}"), "w").close()

@env.task
async def polite(x: int) -> int:
    here("polite")
    await asyncio.sleep(1000)
    return x

@env.task
def deaf(x: int) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    here("deaf")
    while True:
        time.sleep(1000)

@env.task
def parent(x: int) -> int:
    here("escaped", subprocess.Popen(["sleep", "1000"], start_new_session=True).pid)
    here("grandchild", subprocess.Popen(["sleep", "1000"]).pid)
    here("parent")
    time.sleep(1000)
    return x

@env.task
async def main(n: int) -> int:
    here("main")
    await asyncio.gather(polite(1), deaf.aio(1), parent.aio(1))
    return n

if __name__ == "__main__":
    flyte.run(main, n=1)
"""
EVERYBODY = {"polite", "deaf", "escaped", "grandchild", "parent", "main"}


@dataclass
class Program:
    process: subprocess.Popen[str]
    all: list[psutil.Process]
    """Every process of the run: the fork server, the tasks, and what these started."""
    escaped: int
    """The process that has left the group of its task."""

    def left_after(self, seconds: float) -> list[str]:
        """:return: what still runs so many seconds from now; a zombie runs no more, it only waits for its parent"""
        give_up = time.monotonic() + seconds
        while left := [process for process in self.all if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]:
            if time.monotonic() > give_up:
                return [f"{process.pid} {process.name()}" for process in left]
            time.sleep(0.01)
        return []


@pytest.fixture
def program(tmp_path: Path, home: Path) -> Iterator[Program]:
    """The program, with every task of it at work."""
    (tmp_path / "program.py").write_text(PROGRAM)
    pids = tmp_path / "pids"
    pids.mkdir()
    environ = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PIDS": str(pids),
        "LOCALFLYTE_PASS_ENV": "PIDS",
        "LOCALFLYTE_GRACE_SECONDS": str(GRACE),
    }
    process = subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    give_up = time.monotonic() + 20
    while {path.stem for path in pids.iterdir()} != EVERYBODY:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < give_up, sorted(pids.iterdir())
        time.sleep(0.01)
    everyone = psutil.Process(process.pid).children(recursive=True)
    assert {int(path.suffix[1:]) for path in pids.iterdir()} <= {child.pid for child in everyone}
    yield Program(process, everyone, next(int(path.suffix[1:]) for path in pids.iterdir() if path.stem == "escaped"))
    process.kill()
    process.communicate()
    for child in everyone:
        if child.is_running():
            child.kill()


def only_run(home: Path) -> str:
    (run,) = list_runs(home)
    return str(run.status)


def test_after_kill_9_of_the_engine_nothing_is_alive_and_the_run_is_lost(program: Program, home: Path) -> None:
    program.process.kill()
    program.process.communicate()
    assert program.left_after(GONE_WITHIN) == []
    assert only_run(home) == "lost"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_engine_ends_everything(program: Program, home: Path, number: signal.Signals) -> None:
    program.process.send_signal(number)
    program.process.communicate()
    assert program.left_after(GONE_WITHIN) == []
    assert only_run(home) in ("lost", "aborted")


def test_ctrl_c_ends_the_run_within_the_grace_and_is_reported_once(program: Program, home: Path) -> None:
    program.process.send_signal(signal.SIGINT)
    _, err = program.process.communicate(timeout=20)
    assert program.process.returncode in (130, -signal.SIGINT)
    assert err.count("Traceback") <= 1
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert program.left_after(GONE_WITHIN) == []
    assert only_run(home) == "aborted"


def test_a_second_ctrl_c_is_not_waited_for(program: Program, home: Path) -> None:
    program.process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    program.process.send_signal(signal.SIGINT)
    program.process.communicate(timeout=20)
    assert program.process.returncode != 0
    assert program.left_after(GONE_WITHIN) == []


def test_a_fork_server_that_stops_does_not_keep_the_engine_from_ending(program: Program) -> None:
    """It is stopped, not dead: it can neither take messages nor notice that the engine is gone. What left its task's
    group is not found then.
    """
    (server,) = psutil.Process(program.process.pid).children()
    server.suspend()
    program.process.send_signal(signal.SIGINT)
    program.process.communicate(timeout=30)
    assert program.process.returncode != 0
    assert program.left_after(0.1) == [f"{program.escaped} sleep"]
