"""The three bounds of a timeout, and retries beside them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from programs import limits

import localflyte as flyte
from localflyte.errors import DeadlineExceededError
from localflyte.errors import MaxRuntimeExceededError
from localflyte.errors import TaskTimeoutError
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.3")


def attempts() -> list[str]:
    home = os.environ["LOCALFLYTE_HOME"]
    record = load_run(home, next(iter(list_runs(home))).name)
    return [attempt.status.value for attempt in record.roots[0].attempts]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_an_attempt_that_ran_too_long_takes_a_retry_and_the_numbers_are_true(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    with pytest.raises(MaxRuntimeExceededError):
        flyte.run(limits.times_out_each_time, str(notes))
    assert notes.read_text().splitlines() == ["0 0", "1 1", "2 2"]
    assert attempts() == ["timed_out", "timed_out", "timed_out"]


def test_the_runtime_starts_anew_with_each_attempt() -> None:
    assert flyte.run(limits.in_time_at_last).outputs() == (1,)
    assert attempts() == ["timed_out", "succeeded"]


def test_a_deadline_ends_retries() -> None:
    with pytest.raises(DeadlineExceededError, match=r"within its deadline of 1\.5 s, all attempts and waits together"):
        flyte.run(limits.fails_until_the_deadline)
    assert 1 < len(attempts()) < 100


def test_a_deadline_ends_what_the_task_called(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(DeadlineExceededError):
        flyte.run(limits.calls_until_the_deadline, str(note))
    assert gone(int(note.read_text()))


def test_the_run_is_timed_out() -> None:
    with pytest.raises(TaskTimeoutError):
        flyte.run(limits.holds_the_gil)
    home = os.environ["LOCALFLYTE_HOME"]
    assert next(iter(list_runs(home))).status.value == "timed_out"


def test_time_in_the_queue_is_bounded_apart() -> None:
    assert flyte.run(limits.sees_its_child_wait_too_long).outputs() == ("MaxQueuedTimeExceededError",)


def test_a_task_may_clean_up_before_it_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "30")
    note = tmp_path / "note"
    with pytest.raises(MaxRuntimeExceededError):
        flyte.run(limits.cleans_up.override(timeout=1), str(note))
    assert note.read_text() == "cleaned up"
