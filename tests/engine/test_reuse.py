"""The tasks of a reusable environment run in processes that are kept: what stays, what does not, and what happens when one ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from programs import reuse

import localflyte as flyte
from localflyte import errors
from localflyte.engine.thread import close_engine

ROOT = Path(__file__).resolve().parents[2]
GONE_WITHIN = 5.0  # seconds


def run(task: Any, *args: Any, **inputs: Any) -> Any:
    return flyte.run(task, *args, **inputs).outputs()[0]


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something holds, now or in a moment."""
    give_up = time.monotonic() + GONE_WITHIN
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.01)
    return True


def gone(*pids: int) -> bool:
    """Whether these processes end, now or soon."""
    return soon(lambda: not any(map(is_running, pids)))


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def replicas_there() -> set[int]:
    """The processes below this one that are replicas: only those keep that file open."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        folder = f"/proc/{child.pid}/fd"
        with contextlib.suppress(OSError):
            if any(os.readlink(f"{folder}/{fd}").endswith("/clear_refs") for fd in os.listdir(folder)):
                found.add(child.pid)
    return found


# -- what stays -----------------------------------------------------------------------------------------------------


def test_the_state_of_a_module_stays_from_call_to_call_and_from_run_to_run() -> None:
    assert run(reuse.sees_its_calls, n=3) == [1, 2, 3]
    assert run(reuse.count) == 4


def test_sync_and_async_tasks_of_an_environment_share_its_replicas() -> None:
    assert [run(reuse.count), run(reuse.count_async), run(reuse.count), run(reuse.count_async)] == [1, 2, 3, 4]


def test_without_reuse_each_call_is_alone() -> None:
    task = reuse.count.override(reusable="off")
    assert [run(task), run(task)] == [1, 1]


def test_async_tasks_have_one_loop_for_the_life_of_the_replica() -> None:
    assert run(reuse.loop_id) == run(reuse.loop_id)


def test_what_a_task_leaves_on_the_loop_goes_on() -> None:
    assert run(reuse.leaves_a_task_running) == 1
    assert run(reuse.what_it_did_meanwhile) > 1


def test_the_pool_of_a_run_is_its_own() -> None:
    assert run(reuse.count_twice_in_run) == [1, 2]
    assert run(reuse.count_twice_in_run) == [1, 2]


def test_a_pool_of_a_run_ends_with_it() -> None:
    assert gone(run(reuse.pid_in_run))


def test_variables_that_a_task_sets_stay() -> None:
    run(reuse.changes)
    assert run(reuse.sees_changes) == "here"


def test_each_call_has_its_own_name_and_attempt() -> None:
    first, second = run(reuse.asks_for_variables)
    assert first[0] == first[1] != second[0] == second[1]
    assert first[2] == "0"


def test_as_many_replicas_as_declared_are_kept_warm() -> None:
    pid = run(reuse.pid_of_warm)
    assert soon(lambda: len(replicas_there()) == 2)
    assert pid in replicas_there()


def test_a_replica_serves_only_those_with_the_same_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for value in ("12345678", "1234567890", "1234567890"):
        monkeypatch.setenv("REUSE_TOKEN", value)
        found.append(run(reuse.tells_the_length))
    assert [length for length, _ in found] == [8, 10, 10]
    assert found[0][1] != found[1][1] == found[2][1]


# -- several at once ------------------------------------------------------------------------------------------------


def test_with_a_concurrency_tasks_meet_in_one_process_on_one_loop() -> None:
    places = run(reuse.gathers, of=4)
    assert len(places) == 4
    assert len({tuple(place) for place in places}) == 1


def test_each_of_them_knows_who_it_is() -> None:
    found = run(reuse.asks_who, of=4)
    assert len({who[0] for who in found}) == 4
    for number, (before, in_thread, after, own, traced, attempt, report) in enumerate(found):
        assert before == in_thread == after == traced
        assert own == str(number)
        assert attempt == "0"
        assert f"<p>{number}</p>" in report
        assert report.count("<p>") == 1


def test_each_of_them_has_a_report_of_its_own_in_the_runs_folder() -> None:
    result = flyte.run(reuse.asks_who, of=3)
    folder = Path(result.url.removeprefix("file://")).parent
    pages = {path.stem: path.read_text() for path in (folder / "reports").glob("*.html")}
    assert set(pages) == {who[0] for who in result.outputs()[0]}
    assert all(page.count("<p>") == 1 for page in pages.values())


def test_attempts_are_counted_for_each() -> None:
    assert run(reuse.retries_some, of=4) == [[0, 0], [1, 1], [2, 0], [3, 1]]


# -- calls of their own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [reuse.nests, reuse.nests_async])
def test_tasks_that_call_tasks_of_their_own_environment_never_wait_for_themselves(task: Any) -> None:
    assert run(task, depth=6) == 6


def test_what_waits_on_the_loop_makes_room_in_the_same_process() -> None:
    assert len(run(reuse.nests_in_crowd, depth=4)) == 1


def test_a_fan_out_within_the_environment_ends() -> None:
    assert run(reuse.squares, numbers=list(range(20))) == [number * number for number in range(20)]


def test_replicas_beyond_the_most_end_when_nobody_waits_any_more() -> None:
    run(reuse.nests, depth=4)
    kept = run(reuse.pid)
    assert soon(lambda: replicas_there() == {kept}), replicas_there()


def test_a_call_that_a_task_left_behind_ends_with_it() -> None:
    assert run(reuse.leaves_a_call_behind) == 1
    assert run(reuse.how_that_call_ended) == "TaskEndedError"


# -- ends -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", [reuse.ends, reuse.ends_async])
@pytest.mark.parametrize(
    ("how", "code"),
    [("raise", "ValueError"), ("wrong", "DataValidationError"), ("keyboard", "KeyboardInterrupt")],
)
def test_a_failure_leaves_the_replica_as_it_is(task: Any, how: str, code: str) -> None:
    before = run(reuse.pid)
    with pytest.raises(errors.RuntimeUserError) as caught:
        run(task, how=how)
    assert caught.value.code == code
    assert run(reuse.pid) == before


@pytest.mark.parametrize(
    ("task", "how", "code"),
    [
        (reuse.ends, "exit", "SystemExit"),
        (reuse.ends, "_exit", "WorkerExitedError"),
        (reuse.ends, "segv", "SIGSEGV"),
        (reuse.ends_async, "exit", "SystemExit"),
        (reuse.ends_async, "exit in a task of its own", "SystemExit"),
        (reuse.ends_async, "_exit", "WorkerExitedError"),
    ],
)
def test_a_task_that_ends_its_process_fails_and_the_replica_is_replaced(task: Any, how: str, code: str) -> None:
    before = run(reuse.pid)
    with pytest.raises(errors.BaseRuntimeError) as caught:
        run(task, how=how)
    assert caught.value.code == code
    assert run(reuse.pid) != before
    assert run(reuse.count) == 1


def test_after_sys_exit_the_others_of_its_process_finish() -> None:
    assert run(reuse.together, how="exit") == ["SystemExit", "1"]


def test_a_crash_takes_all_that_run_in_the_process() -> None:
    assert run(reuse.together.override(), how="_exit") == ["WorkerExitedError", "WorkerExitedError"]


def test_a_replica_that_was_killed_from_outside_is_replaced() -> None:
    before = run(reuse.pid)
    os.kill(before, 9)
    assert gone(before)
    assert run(reuse.pid) != before


def test_a_timeout_ends_the_replica_of_one_task() -> None:
    before = run(reuse.pid)
    with pytest.raises(errors.TaskTimeoutError):
        run(reuse.sleeps.override(timeout=1), seconds=1000.0)
    assert gone(before)
    assert run(reuse.pid) != before


def test_a_timeout_of_one_of_several_ends_only_that() -> None:
    assert run(reuse.one_is_too_slow, of=3) == ["MaxRuntimeExceededError", "1", "2"]


def test_one_that_cannot_be_asked_is_killed_and_the_others_are_told_whose_fault_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.3")
    monkeypatch.setenv("LOCALFLYTE_SYSTEM_RETRIES", "0")
    assert run(reuse.one_hangs, of=3)[1:] == ["ReplicaLostError", "ReplicaLostError"]


def test_a_call_that_is_given_up_ends_its_replica() -> None:
    assert run(reuse.gives_up) == [1, 1]


def test_one_of_several_that_is_given_up_leaves_the_others() -> None:
    assert run(reuse.gives_up_in_crowd) == [1, 2]


# -- what a request leaves behind -----------------------------------------------------------------------------------


def test_processes_that_nothing_holds_end_with_the_call() -> None:
    assert gone(*run(reuse.drops_processes))


def test_processes_that_something_holds_stay_and_end_with_the_replica() -> None:
    pid = run(reuse.keeps_a_process)
    run(reuse.count)
    assert psutil.Process(pid).is_running()
    close_engine()
    assert gone(pid)


def test_a_pool_of_processes_stays() -> None:
    assert run(reuse.keeps_a_pool) == run(reuse.keeps_a_pool)


def test_exit_handlers_run_when_the_replica_ends(tmp_path: Path) -> None:
    note = tmp_path / "note"
    run(reuse.at_exit, note=str(note))
    assert not note.exists()
    close_engine()
    assert note.read_text() == "exit handlers have run"


def test_threads_are_joined_when_the_replica_ends(tmp_path: Path) -> None:
    note = tmp_path / "note"
    run(reuse.leaves_a_thread, note=str(note))
    close_engine()
    assert note.read_text() == "the thread has ended"


def test_what_is_printed_is_in_the_log_of_the_call_that_printed_it() -> None:
    for text in ("first", "second"):
        result = flyte.run(reuse.prints, text=text)
        folder = Path(result.url.removeprefix("file://")).parent
        assert (folder / "logs" / "a0.0.out.txt").read_text() == f"{text}\n"


# -- the engine's end -----------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path: Path, home: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """A program whose replica is at work, with a process of its own."""
    note = tmp_path / "note"
    code = f"from programs import reuse; import localflyte; localflyte.run(reuse.hangs_forever, note={str(note)!r})"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "LOCALFLYTE_GRACE_SECONDS": "0.3"}
    with subprocess.Popen([sys.executable, "-c", code], env=environ, start_new_session=True) as process:
        give_up = time.monotonic() + 20
        while not note.exists() or not note.read_text():
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.01)
        yield process, [int(word) for word in note.read_text().split()]
        process.kill()


@pytest.mark.parametrize("number", [9, 15, 2])
def test_however_the_engine_ends_no_replica_is_left(program: tuple[subprocess.Popen[bytes], list[int]], number: int) -> None:
    process, pids = program
    process.send_signal(number)
    assert gone(*pids)


# -- overriding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resources", "env_vars", "secrets"])
def test_what_replicas_are_started_with_cannot_be_overridden(name: str) -> None:
    value: Any = {"resources": flyte.Resources(cpu=1), "env_vars": {}, "secrets": "key"}[name]
    with pytest.raises(ValueError, match=f"Cannot override {name} when reusable is set"):
        reuse.count.override(**{name: value})


def test_without_reuse_they_can() -> None:
    task = reuse.sees_changes.override(reusable="off", env_vars={"LEFT_BY_A_TASK": "given"})
    assert run(task) == "given"


def test_a_policy_of_a_call_has_a_pool_of_its_own() -> None:
    other = reuse.count.override(reusable=flyte.ReusePolicy(replicas=1, idle_ttl=60))
    assert [run(reuse.count), run(other), run(other), run(reuse.count)] == [1, 1, 2, 2]
