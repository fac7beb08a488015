"""A process is told from every other that has had, or will have, its number."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from localflyte.runs.lives import Life
from localflyte.runs.lives import life_of
from localflyte.runs.lives import my_life


def other(born: str, part: int, value: str) -> str:
    parts = born.split(".")
    parts[part] = value
    return ".".join(parts)


def test_this_process_is_alive() -> None:
    assert life_of(os.getpid()) == my_life()
    assert not my_life().is_over


def test_one_that_ended_is_over_and_so_is_a_zombie() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    life = life_of(child.pid)
    assert life is not None
    assert not life.is_over
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert life.is_over
    child.wait()
    assert life.is_over


def test_another_start_of_the_same_number_is_another_process() -> None:
    assert Life(os.getpid(), f"{my_life().born}0").is_over


@pytest.mark.parametrize("pid", [0, 2**31 - 1])
def test_numbers_that_no_process_has(pid: int) -> None:
    assert life_of(pid) is None
    assert Life(pid, my_life().born).is_over


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_started_before_the_machine_did_is_over_and_what_runs_in_another_container_may_live() -> None:
    me = my_life()
    assert Life(me.pid, other(me.born, 0, "00000000")).is_over
    assert not Life(me.pid, other(me.born, 1, "7")).is_over


def test_it_is_written_and_read_back() -> None:
    me = my_life()
    assert Life.parse(str(me)) == me


@pytest.mark.parametrize("text", ["", "12", "12.", "x.a.b.c", "-1.a.b.c", "12.a.b", "1234567890123.a.b.c"])
def test_what_is_no_life_is_refused(text: str) -> None:
    assert Life.parse(text) is None
