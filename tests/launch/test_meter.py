"""Meters: what a tree holds, measured on real processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from localflyte.launch import meter as module
from localflyte.launch.meter import Meter
from localflyte.launch.meter import Rollup
from localflyte.launch.meter import folder_bytes

MIB = 1 << 20
HOLDS = "import sys, time; b = bytearray({} << 20); b[::4096] = b'x' * len(b[::4096]); print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Callable[[str], psutil.Process]]:
    """Start programs that say when they are ready, and end them."""
    started = []

    def begin(program: str) -> psutil.Process:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return psutil.Process(process.pid)

    yield begin
    for process in started:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.communicate()


def test_what_a_process_holds_is_what_it_took(start: Callable[[str], psutil.Process]) -> None:
    bare = Rollup.of(start(HOLDS.format(0))).anonymous
    meter = Meter(start(HOLDS.format(64)).pid, bare)
    assert abs(meter.held() - 64 * MIB) < 4 * MIB
    assert meter.resident() >= meter.held()


def test_processes_below_count(start: Callable[[str], psutil.Process]) -> None:
    program = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {HOLDS.format(64)!r}]); time.sleep(600)"
    meter = Meter(start(program).pid, 0)
    assert meter.held() < 40 * MIB
    meter.look_around()
    assert len(meter.below) == 1
    assert meter.held() > 64 * MIB
    kept = meter.below[0]
    meter.look_around()
    assert meter.below == [kept]


def test_pages_shared_by_forking_count_once(start: Callable[[str], psutil.Process]) -> None:
    program = HOLDS.format(64).replace("print(", "import os; [os.fork() or time.sleep(600) for _ in range(3)]; print(")
    meter = Meter(start(program).pid, 0)
    meter.look_around()
    assert len(meter.below) == 3
    assert 64 * MIB < meter.held() < 100 * MIB
    assert meter.resident() > 250 * MIB


def test_shared_memory_counts(start: Callable[[str], psutil.Process]) -> None:
    program = "import mmap, time; m = mmap.mmap(-1, 64 << 20); m.write(b'x' * (64 << 20)); print('ready', flush=True); time.sleep(600)"
    assert Meter(start(program).pid, 0).held() > 64 * MIB


def test_cpu_of_the_whole_tree_counts(start: Callable[[str], psutil.Process]) -> None:
    burn = "import time; e = time.process_time() + 0.3\nwhile time.process_time() < e: pass\nprint('ready', flush=True); time.sleep(600)"
    program = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {burn!r}]); time.sleep(600)"
    meter = Meter(start(program).pid, 0)
    meter.look_around()
    assert meter.cpu_seconds() >= 0.3
    assert [process.pid for process in meter.each()] == [meter.root.pid, meter.below[0].pid]


def test_a_process_that_is_gone_holds_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    meter = Meter(process.pid, 0)
    process.kill()
    process.wait()
    meter.look_around()
    assert (meter.resident(), meter.held(), meter.cpu_seconds(), meter.below) == (0, 0, 0.0, [])


def test_systems_without_proc_are_measured_by_psutil(start: Callable[[str], psutil.Process], monkeypatch: pytest.MonkeyPatch) -> None:
    program = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {HOLDS.format(64)!r}]); time.sleep(600)"
    process = start(program)
    monkeypatch.setattr(module, "PROC", "/nowhere")
    meter = Meter(process.pid, 0)
    meter.look_around()
    assert len(meter.below) == 1
    assert meter.held() > 64 * MIB


def test_a_folder_is_measured_in_blocks_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_bytes(os.urandom(100_000))
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 40)
    (tmp_path / "link").symlink_to("/")
    assert 100_000 <= folder_bytes(str(tmp_path)) < 200_000
    assert folder_bytes(str(tmp_path / "missing")) == 0


def test_measuring_takes_no_longer_than_the_process() -> None:
    """Whatever happens to the tree while it is measured is no error."""
    program = "import os, time\nfor _ in range(40):\n    pid = os.fork()\n    if not pid: os._exit(0)\n    os.waitpid(pid, 0)"
    process = subprocess.Popen([sys.executable, "-c", program])
    meter = Meter(process.pid, 0)
    while process.poll() is None:
        meter.look_around()
        meter.resident()
        meter.held()
        time.sleep(0.001)
