"""What a task does with processes works as in a fresh interpreter, and nothing of it outlives the task."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import psutil
import pytest
from programs import processes

import localflyte as flyte

GONE_WITHIN = 5.0  # seconds; it is a fraction of one where nothing else is running


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


def still_there(pids: Iterable[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            found.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    _, alive = psutil.wait_procs(found, timeout=GONE_WITHIN)
    return [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_random_numbers_differ_from_call_to_call() -> None:
    assert len({run(processes.draws) for _ in range(4)}) == 4


def test_a_copy_that_a_task_forks_has_threads_and_logging() -> None:
    assert run(processes.forks) == ["threads work", "alone: True"]


def test_every_thread_of_a_task_can_log() -> None:
    assert run(processes.logs_in_threads) == "processes.thread"


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_inside_a_task(how: str) -> None:
    assert run(processes.pools, how=how) == 6


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_process_pools_work_inside_a_task(how: str) -> None:
    assert run(processes.executes, how=how) == 6


def test_only_the_tasks_own_process_gives_its_result() -> None:
    for _ in range(5):
        assert run(processes.falls_through) == 1


def test_a_forked_copy_cannot_call_tasks_and_is_told_so() -> None:
    assert run(processes.calls_from_a_copy).startswith("A task can be called only from the process")


def test_a_task_begins_with_one_thread() -> None:
    assert run(processes.threads_of_python) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")
def test_processes_that_left_the_tasks_group_end_soon_after_it() -> None:
    assert still_there(run(processes.escapes)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt its orphans")
def test_a_daemon_lives_as_long_as_its_task() -> None:
    assert run(processes.keeps_a_daemon) is True
