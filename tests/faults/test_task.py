"""Whatever a task does to its own process is one failed call, and nothing else in the run notices."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from programs import misbehaving
from programs.misbehaving import env

import localflyte as flyte
from localflyte import errors
from localflyte.engine.thread import close_engine


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


@pytest.mark.parametrize(
    ("how", "kind", "code", "says"),
    [
        ("exit 0", errors.RuntimeUserError, "SystemExit", "sys.exit"),
        ("exit 3", errors.RuntimeUserError, "SystemExit", "sys.exit\\(3\\)"),
        ("exit text", errors.RuntimeUserError, "SystemExit", "because"),
        ("_exit 0", errors.RuntimeUserError, "WorkerExitedError", "exit code 0 and without a reply"),
        ("_exit 7", errors.RuntimeUserError, "WorkerExitedError", "exit code 7"),
        ("atexit", errors.RuntimeUserError, "WorkerExitedError", "exit code 9"),
        ("segv", errors.RuntimeSystemError, "SIGSEGV", "SIGSEGV"),
        ("abort", errors.RuntimeSystemError, "SIGABRT", "SIGABRT"),
        ("kill", errors.RuntimeSystemError, "SIGKILL", "localflyte did not"),
    ],
)
def test_an_end_without_a_reply_is_a_failure(how: str, kind: type[errors.BaseRuntimeError], code: str, says: str) -> None:
    with pytest.raises(kind, match=says) as caught:
        run(misbehaving.ends, how=how)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("plain", "ValueError", "a plain failure"),
        ("unspeakable", "Unspeakable", "cannot be shown"),
        ("huge", "ValueError", "x"),
        ("group", "ExceptionGroup", "several"),
        ("keyboard", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("final", "NonRecoverableError", "never again"),
    ],
)
def test_an_exception_crosses_as_its_code_and_text(kind: str, code: str, says: str) -> None:
    with pytest.raises(errors.RuntimeUserError, match=says) as caught:
        run(misbehaving.raises, kind=kind)
    assert caught.value.code == code
    assert len(str(caught.value)) < 100_000
    assert "misbehaving.py" in caught.value.remote_traceback or kind == "unspeakable"


def test_a_crash_leaves_its_python_stack_in_the_log() -> None:
    with pytest.raises(errors.RuntimeSystemError) as caught:
        run(misbehaving.ends, how="segv")
    folder = Path(caught.value.run_url.removeprefix("file://")).parent  # type: ignore[attr-defined]
    assert "misbehaving.py" in (folder / "logs" / "a0.0.err").read_text()


@pytest.mark.parametrize("how", ["close", "write"])
def test_the_protocol_is_out_of_reach_of_low_descriptors(how: str) -> None:
    assert run(misbehaving.plays_with_descriptors, how=how) == 64


def test_a_wrong_output_names_task_output_and_types() -> None:
    with pytest.raises(errors.RuntimeUserError, match="o0.*expected int, got str") as caught:
        run(misbehaving.returns_wrong)
    assert caught.value.code == "DataValidationError"


def test_the_next_call_sees_nothing_of_what_one_changed() -> None:
    before = run(misbehaving.sees)
    assert run(misbehaving.changes_everything) == 1
    assert run(misbehaving.sees) == before
    assert run(misbehaving.changes_everything) == 1


def test_a_grandchild_is_ended_with_its_task() -> None:
    pid = run(misbehaving.leaves_grandchild)
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_thread_that_the_task_left_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "thread"
    assert run(misbehaving.leaves_thread, path=str(path)) == 1
    assert path.read_text() == "the thread was waited for"


def test_a_flood_of_output_blocks_nothing_and_is_kept_up_to_the_cap(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("LOCALFLYTE_LOG_CAP_BYTES", "100000")
    flyte.with_runcontext(name="flood", sinks=[lambda _: None]).run(misbehaving.floods, megabytes=10)
    for stream in ("out", "err"):
        assert 0 < (home / "runs" / "flood" / "logs" / f"a0.0.{stream}").stat().st_size < 101_000


@pytest.mark.parametrize("which", ["polite", "deaf"])
def test_cancelling_an_await_ends_the_child_process(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
    path = tmp_path / "pid"
    assert run(misbehaving.cancels, path=str(path), which=which) == "cancelled"
    assert not psutil.pid_exists(int(path.read_text()))


def test_a_child_that_its_parent_forgot_is_ended_with_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    assert run(misbehaving.forgets, path=str(path)) == 1
    assert not psutil.pid_exists(int(path.read_text()))


def test_endless_recursion_is_refused_at_the_depth_limit() -> None:
    with pytest.raises(errors.RuntimeUserError, match="max_depth") as caught:
        run(misbehaving.recurses, n=0)
    assert caught.value.code == "DepthLimitError"


def test_a_chain_of_forty_on_one_core_does_not_wait_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CPU", "1")
    monkeypatch.setenv("LOCALFLYTE_DEFAULT_CPU", "1")
    assert run(misbehaving.goes_down, depth=40) == 40


LIMIT = 5_000


@pytest.mark.parametrize(("size", "passes"), [(LIMIT - 4, True), (LIMIT - 3, True), (LIMIT - 2, False)])
def test_outputs_of_exactly_the_limit_pass_and_one_byte_more_does_not(size: int, passes: bool) -> None:
    # msgpack puts three bytes before a text of this length.
    task = misbehaving.big.override(max_inline_io_bytes=LIMIT)
    if passes:
        assert len(run(task, size=size)) == size
        return
    with pytest.raises(errors.InlineIOMaxBytesBreached, match=r"Outputs.*misbehaving\.big.*5,001.*5,000.*'o0'.*File"):
        run(task, size=size)


def test_inputs_over_the_limit_are_refused_with_the_largest_named() -> None:
    task = misbehaving.length.override(max_inline_io_bytes=10)
    with pytest.raises(errors.InlineIOMaxBytesBreached, match=r"Inputs.*misbehaving\.length.*'text'"):
        run(task, text="x" * 20)


def test_a_limit_of_zero_refuses_everything() -> None:
    with pytest.raises(errors.InlineIOMaxBytesBreached):
        run(misbehaving.fine.override(max_inline_io_bytes=0), x=1)


def test_retries_count_attempts_and_tell_the_task_which_it_is(tmp_path: Path) -> None:
    path = tmp_path / "count"
    assert run(misbehaving.third_time.override(retries=2), path=str(path)) == 2
    path.unlink()
    with pytest.raises(errors.RuntimeUserError, match="attempt 1"):
        run(misbehaving.third_time.override(retries=1), path=str(path))


def test_an_unrecoverable_failure_is_not_tried_again() -> None:
    events: list[Any] = []
    with pytest.raises(errors.RuntimeUserError):
        flyte.with_runcontext(sinks=[events.append]).run(misbehaving.raises.override(retries=5), kind="final")
    assert sum(event.kind == "attempt.started" for event in events) == 1


def test_the_run_process_never_runs_task_code() -> None:
    assert run(misbehaving.changes_everything) == 1
    assert misbehaving.MODULE_STATE == []
    assert "LEFT_BEHIND" not in os.environ


def test_a_failing_sink_is_set_aside_and_the_run_goes_on() -> None:
    told: list[str] = []

    def broken(_: Any) -> None:
        raise OSError("no space left")

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    run_ = flyte.with_runcontext(sinks=[broken, listens]).run(misbehaving.fine, x=1)
    assert run_.outputs()[0] == 2
    assert len(told) == 1
    assert "no space left" in told[0]


assert env.tasks  # the module under test is the one that declares them


def test_a_request_larger_than_the_machine_is_cut_and_said_or_refused_when_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    task = misbehaving.fine.override(resources=flyte.Resources(cpu=1000))
    events: list[Any] = []
    assert flyte.with_runcontext(sinks=[events.append]).run(task, x=1).outputs()[0] == 2
    assert [event.data["text"] for event in events if event.kind == "notice"] != []
    close_engine()
    monkeypatch.setenv("LOCALFLYTE_STRICT", "1")
    with pytest.raises(errors.RuntimeUserError, match="asks for 1000 CPUs") as caught:
        run(task, x=1)
    assert caught.value.code == "ResourceLimitError"
