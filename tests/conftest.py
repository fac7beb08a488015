"""What every test has: a home of its own for localflyte, and a guard that nothing it started is left behind."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import canary as canaries
import psutil
import pytest
from engines import ENGINES
from engines import started_engine

END_WITHIN = 5.0  # seconds that a process may take to end after the test that started it


def pytest_configure(config: pytest.Config) -> None:
    """Point localflyte at a temporary home, before any module of a test is imported, and for every process that a test starts."""
    for name in [
        name for name in os.environ if name.startswith("LOCALFLYTE_") and not name.startswith(("LOCALFLYTE_TEST_", "LOCALFLYTE_BENCH_"))
    ]:
        del os.environ[name]
    # Whoever starts them in the background or by nohup has signals ignored that programs of tests inherit, and wait for.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    home = tempfile.mkdtemp(prefix="localflyte-tests-")
    os.environ["LOCALFLYTE_HOME"] = home
    # Programs of tests declare images as programs do. Those that are about them say so; the others need no engine and no network.
    os.environ["LOCALFLYTE_IMAGE_POLICY"] = "host"
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))


#: What the kernel kills for want of memory it counts for the whole machine, and a process that is killed at that moment may have been
#: one of those. So tests that have it kill, and tests that say why something was killed, never run at the same time; nor do those that
#: count the containers of the engine.
KERNEL = (
    "tests/containers/",
    "tests/engine/test_examples_of_limits",
    "tests/engine/test_limits",
    "tests/engine/test_reuse",
    "tests/extras/test_container",
    "tests/faults/test_engine",
    "tests/faults/test_signals",
    "tests/faults/test_task",
    "tests/faults/test_workers",
    "tests/images/test_with_engine",
    "tests/launch/test_wall",
    "tests/launch/test_watch",
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Say which tests go to one process of several: those of a file, and those about what the kernel counts."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "kernel" if path.startswith(KERNEL) else path

    return Scheduling(config, log)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that no other test has used."""
    folder = tmp_path / "localflyte-home"
    monkeypatch.setenv("LOCALFLYTE_HOME", str(folder))
    return folder


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each container engine that was started for the tests, as tests/images/engine_under_test.sh does."""
    started_engine(request.param)
    return str(request.param)


@pytest.fixture
def canary() -> str:
    """The value of a secret that must be nowhere when the test is over; see no_secret_left."""
    return canaries.use()


@pytest.fixture(scope="session", autouse=True)
def no_secret_left_at_all() -> Iterator[None]:
    """Fail the session that leaves a secret in the home that its tests share."""
    yield
    if canaries.is_used():
        assert not canaries.traces_of_canary(Path(os.environ["LOCALFLYTE_HOME"]))


@pytest.fixture(autouse=True)
def no_secret_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test that leaves a secret in a file of its own folder, its home included, or in the memory that files can lie in."""
    yield
    if "canary" in request.fixturenames:
        folder = request.node.funcargs.get("tmp_path")
        assert not canaries.traces_of_canary(*([folder] if folder else []), *Path("/dev/shm").glob("localflyte-secrets-*"))


@pytest.fixture(autouse=True)
def no_process_left(no_secret_left: None) -> Iterator[None]:
    """Fail the test that leaves a child process, or a grandchild, alive. It ends the engine; secrets are looked for after that."""
    before = _below(os.getpid())
    yield
    thread = sys.modules.get("localflyte.engine.thread")
    if thread is not None:
        thread.close_engine()  # its fork servers stay warm for the next run, and a test has none
    started = list(_processes(_below(os.getpid()) - before))
    _, alive = psutil.wait_procs(started, timeout=END_WITHIN)
    left = [f"{child.pid} {_command(child)}" for child in alive]
    for child in alive:
        child.kill()
    assert not left, f"left running: {left}"


def _processes(pids: set[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            yield psutil.Process(pid)


def _below(pid: int) -> set[int]:
    """The processes below one, as the kernel lists them. psutil reads all of the machine's to find them, at every test."""
    if not os.path.exists("/proc/self/task"):
        return {child.pid for child in psutil.Process(pid).children(recursive=True)}
    found: set[int] = set()
    for listing in glob.glob(f"/proc/{pid}/task/*/children"):
        with contextlib.suppress(OSError), open(listing) as file:
            for child in map(int, file.read().split()):
                found |= {child} | _below(child)
    return found


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[:200]
    except psutil.Error:
        return "(already gone)"
