"""The fork server that is started early: one, taken by whoever needs just that one, and gone when nobody does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localflyte.launch import start
from localflyte.launch.environ import start_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    yield
    start.end_early()


@pytest.fixture
def servers() -> Callable[[], int]:
    before = {child.pid for child in psutil.Process().children()}
    return lambda: len({child.pid for child in psutil.Process().children()} - before)


def test_it_is_one_however_often_it_is_asked_for(servers: Callable[[], int]) -> None:
    start.start_early(sys.executable)
    start.start_early(sys.executable)
    assert servers() == 1


def test_it_is_one_for_all_threads_that_ask_at_once(servers: Callable[[], int]) -> None:
    together = threading.Barrier(8)

    def ask() -> None:
        together.wait()
        start.start_early(sys.executable)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert servers() == 1


def test_it_is_taken_once_and_by_none_with_other_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    start.start_early(sys.executable)
    env = start_environment(os.environ)
    assert start.take_early(sys.executable, {**env, "LD_LIBRARY_PATH": "/elsewhere"}) is None
    assert start.take_early("/another/python", env) is None
    taken = start.take_early(sys.executable, env)
    assert taken is not None
    assert start.take_early(sys.executable, env) is None
    taken.control.close()
    for fd in (taken.stdout, taken.stderr, taken.lifeline):
        os.close(fd)
    taken.process.wait()


def test_a_forked_copy_of_this_process_has_none(servers: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    start.start_early(sys.executable)
    with monkeypatch.context() as forked:
        forked.setattr(os, "getpid", lambda: -1)
        assert start.take_early(sys.executable, start_environment(os.environ)) is None
        start.end_early()
    assert servers() == 1


def test_nothing_of_one_that_was_not_taken_is_left(servers: Callable[[], int]) -> None:
    descriptors = psutil.Process().num_fds()
    start.start_early(sys.executable)
    start.end_early()
    start.end_early()
    assert servers() == 0
    assert psutil.Process().num_fds() == descriptors


def test_a_system_that_starts_no_process_is_told_of_by_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(start, "start_interpreter", refuse)
    start.start_early(sys.executable)
    assert start.take_early(sys.executable, start_environment(os.environ)) is None


PROGRAM = """
import os
import localflyte as flyte
import psutil

env = flyte.TaskEnvironment("program")

@env.task
def parent() -> int:
    return os.getppid()

if __name__ == "__main__":
    flyte.run(parent)
    for _ in range(2):
        (server,) = psutil.Process().children()
        assert flyte.run(parent).outputs()[0] == server.pid
"""


def test_the_first_run_of_a_program_takes_it(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0


LEAVES = "import sys\nfrom localflyte.launch.start import start_early\nstart_early(sys.executable)\nsys.exit(7)"
RUNS = f"{PROGRAM.partition('    for')[0]}    assert not psutil.Process().children()\n    sys.exit(7)"


@pytest.mark.parametrize(
    ("program", "variables"),
    [(LEAVES, {}), (RUNS, {"LOCALFLYTE_ISOLATION": "inline"})],
    ids=["a program that ends before it runs anything", "one whose tasks have no processes"],
)
def test_it_is_in_nobodys_way(program: str, variables: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program.replace("import psutil\n", "import psutil, sys\n"))
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    command = [sys.executable, "-X", "dev", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert "ResourceWarning" not in done.stderr
