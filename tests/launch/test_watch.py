"""The sampler: what it does at which look, on a real process and an unreal clock."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from localflyte.launch.meter import Meter
from localflyte.launch.watch import Guard
from localflyte.launch.watch import Limits
from localflyte.launch.watch import Watch

MIB = 1 << 20


class FakeWall:
    """A wall that has killed as often as it is told."""

    def __init__(self, kills: int = 0, *, holds_cpu: bool = False) -> None:
        self.kills = kills
        self.holds_cpu = holds_cpu
        self.closed = False

    def oom_kills(self) -> int:
        return 0 if self.closed else self.kills

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def pid() -> Iterator[int]:
    """A process that holds little and waits."""
    process = subprocess.Popen([sys.executable, "-c", "import time; print('ready', flush=True); time.sleep(600)"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.communicate()


def guard(pid: int, wall: Any = None, **limits: Any) -> tuple[Guard, list[str]]:
    killed: list[str] = []
    return Guard(pid, Limits(**limits), 0, lambda: killed.append("killed"), lambda processes, memory, done: done(wall)), killed


def test_below_the_limit_nothing_happens_and_the_peak_is_kept(pid: int) -> None:
    held, killed = guard(pid, memory=500 * MIB)
    held.look(1.0)
    assert (held.breach, killed) == (None, [])
    assert 0 < held.peak < 500 * MIB


def test_over_the_limit_it_is_killed_once_and_told(pid: int) -> None:
    held, killed = guard(pid, memory=1 * MIB)
    held.look(1.0)
    held.look(1.1)
    assert killed == ["killed"]
    assert held.breach is not None
    assert (held.breach.what, held.breach.limit, held.breach.by) == ("memory", MIB, "sampler")
    assert held.breach.samples[-1][1] == held.breach.peak > MIB


def test_what_the_kernel_killed_is_ended_as_a_whole(pid: int) -> None:
    wall = FakeWall()
    held, killed = guard(pid, wall, memory=500 * MIB)
    held.look(1.0)
    wall.kills = 1
    held.look(1.1)
    assert killed == ["killed"]
    assert held.breach is not None
    assert held.breach.by == "kernel"


def test_the_wall_is_asked_before_it_is_taken_down(pid: int) -> None:
    wall = FakeWall()
    held, _ = guard(pid, wall, memory=500 * MIB)
    held.look(1.0)
    wall.kills = 1
    held.close()
    breach = held.verdict()
    assert wall.closed
    assert breach is not None
    assert (breach.by, breach.peak) == ("kernel", 500 * MIB)


def test_a_tree_that_is_calm_is_looked_at_half_as_often(pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    held, _ = guard(pid, memory=500 * MIB)
    seen: list[int] = []
    measure = Meter.resident
    monkeypatch.setattr(Meter, "resident", lambda meter: seen.append(1) or measure(meter))
    for number in range(10):
        held.look(number / 20)
    assert len(seen) == 10
    for number in range(10, 30):
        held.look(number / 20)
    assert len(seen) == 20


def test_a_share_of_the_cpu_is_throttled_unless_the_wall_holds_it(pid: int) -> None:
    held, _ = guard(pid, FakeWall(holds_cpu=True), cpu=0.5)
    held.look(1.0)
    assert held._throttle is None
    held, _ = guard(pid, FakeWall(), cpu=0.5)
    held.look(1.0)
    assert held._throttle is not None
    held.loosen()
    assert held._throttle is None


def test_a_process_that_has_ended_is_no_matter() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    held, killed = guard(process.pid, memory=MIB, cpu=0.5)
    held.look(1.0)
    held.close()
    assert (held.breach, killed) == (None, [])


def test_the_sampler_stops_when_there_is_nothing_to_look_at(pid: int) -> None:
    async def watch() -> tuple[list[str], bool, bool]:
        watch = Watch(0.01)
        held, killed = guard(pid, memory=1 * MIB)
        watch.add(held)
        while not killed:
            await asyncio.sleep(0.01)
        ticking = watch._timer is not None
        watch.remove(held)
        watch.remove(held)
        await asyncio.sleep(0.05)
        return killed, ticking, watch._timer is None

    assert asyncio.run(watch()) == (["killed"], True, True)


def test_closing_lets_every_guard_go(pid: int) -> None:
    async def watch() -> bool:
        wall = FakeWall()
        watch = Watch(0.01)
        held, _ = guard(pid, wall, memory=500 * MIB)
        watch.add(held)
        held.look(1.0)
        watch.close()
        return wall.closed and watch._timer is None

    assert asyncio.run(watch())


def test_a_wall_that_is_ready_too_late_is_taken_down(pid: int) -> None:
    wall, ready = FakeWall(), []
    held = Guard(pid, Limits(memory=500 * MIB, cpu=0.5), 0, list, lambda processes, memory, done: ready.append(done))
    held.look(1.0)
    held.close()
    ready[0](wall)
    assert wall.closed


def test_a_task_that_was_asked_to_end_is_not_throttled_any_more(pid: int) -> None:
    ready: list[Any] = []
    held = Guard(pid, Limits(cpu=0.5), 0, list, lambda processes, memory, done: ready.append(done))
    held.look(1.0)
    held.loosen()
    ready[0](None)
    assert held._throttle is None
