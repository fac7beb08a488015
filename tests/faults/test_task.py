"""Rows 1 to 16: whatever a task does to its own process is one failed call, and nothing else in the run notices."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from faults.outside import wait_until
from programs import misbehaving

import localflyte as flyte
from localflyte import errors
from localflyte.engine.thread import close_engine


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


class Watch:
    """A sink that keeps events; with `at`, it acts on one, on the engine's own thread, so that nothing happens in between."""

    never_blocks = True

    def __init__(self, **at: Any) -> None:
        self.events: list[Any] = []
        self._at = at

    def __call__(self, event: Any) -> None:
        self.events.append(event)
        act = self._at.get(event.kind.replace(".", "_"))
        if act is not None:
            act(event)

    def count(self, kind: str) -> int:
        return sum(event.kind == kind for event in self.events)


# -- 1: it raises --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("plain", "ValueError", "a plain failure"),
        ("unspeakable", "Unspeakable", "cannot be shown"),
        ("unpicklable", "Unpicklable", "holds a lock"),
        ("huge", "ValueError", "x"),
        ("group", "ExceptionGroup", "several"),
        ("keyboard", "KeyboardInterrupt", "KeyboardInterrupt"),
        ("cancelled", "CancelledError", None),
        ("generator", "GeneratorExit", None),
        ("chained", "KeyError", "second"),
        ("final", "NonRecoverableError", "never again"),
    ],
)
def test_row_01_an_exception_crosses_as_its_code_and_text(kind: str, code: str, says: str | None) -> None:
    with pytest.raises(errors.RuntimeUserError, match=says) as caught:
        run(misbehaving.raises, kind=kind)
    assert caught.value.code == code
    assert len(str(caught.value)) < 100_000
    assert "misbehaving.py" in caught.value.remote_traceback or kind == "unspeakable"
    assert kind != "chained" or "first" in caught.value.remote_traceback


def test_row_01_a_failure_is_tried_again_as_often_as_said_and_knows_which_attempt_it_is(tmp_path: Path) -> None:
    path = tmp_path / "count"
    assert run(misbehaving.third_time.override(retries=2), path=str(path)) == 2
    path.unlink()
    with pytest.raises(errors.RuntimeUserError, match="attempt 1"):
        run(misbehaving.third_time.override(retries=1), path=str(path))


def test_row_01_an_unrecoverable_failure_is_not_tried_again() -> None:
    watch = Watch()
    with pytest.raises(errors.RuntimeUserError):
        flyte.with_runcontext(sinks=[watch]).run(misbehaving.raises.override(retries=5), kind="final")
    assert watch.count("attempt.started") == 1


# -- 2, 3: it ends its process, and calls that a success -----------------------------------------------------------------


@pytest.mark.parametrize(("how", "says"), [("exit 3", r"sys.exit\(3\)"), ("exit text", "because")])
def test_row_02_leaving_the_interpreter_is_a_failure_of_the_task(how: str, says: str) -> None:
    with pytest.raises(errors.RuntimeUserError, match=says) as caught:
        run(misbehaving.ends, how=how)
    assert caught.value.code == "SystemExit"


@pytest.mark.parametrize(("how", "says"), [("_exit 7", "exit code 7"), ("atexit", "exit code 9")])
def test_row_03_an_end_without_a_reply_is_a_failure_and_tells_its_exit_code(how: str, says: str) -> None:
    with pytest.raises(errors.RuntimeUserError, match=says) as caught:
        run(misbehaving.ends, how=how)
    assert caught.value.code == "WorkerExitedError"


# -- 5: somebody else ends it --------------------------------------------------------------------------------------------


def test_row_05_a_process_killed_from_outside_is_started_again_at_nobodys_expense() -> None:
    killed: list[int] = []

    def kill(event: Any) -> None:
        if not killed:
            killed.append(event.data["pid"])
            psutil.Process(event.data["pid"]).kill()

    watch = Watch(attempt_started=kill)
    assert flyte.with_runcontext(sinks=[watch]).run(misbehaving.fine, x=1).outputs()[0] == 2
    ended = [event.data for event in watch.events if event.kind == "attempt.ended"]
    assert [data["status"] for data in ended] == ["failed", "succeeded"]
    assert ended[0]["error"]["code"] == "SIGKILL"


def test_row_05_one_that_is_killed_each_time_fails_as_the_systems_fault() -> None:
    watch = Watch(attempt_started=lambda event: psutil.Process(event.data["pid"]).kill())
    with pytest.raises(errors.RuntimeSystemError, match="localflyte did not") as caught:
        flyte.with_runcontext(sinks=[watch]).run(misbehaving.fine, x=1)
    assert caught.value.code == "SIGKILL"
    assert watch.count("attempt.started") == 2


# -- 9, 10: what it leaves behind ----------------------------------------------------------------------------------------


def test_row_09_a_grandchild_that_holds_the_streams_holds_nothing_up_and_ends_with_its_task() -> None:
    pid = run(misbehaving.leaves_grandchild)
    assert wait_until(lambda: _is_over(pid))


def _is_over(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_row_09_cores_come_back_only_when_nothing_of_the_task_runs_any_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With one core, the next task begins when the first has ended with all it left in its group."""
    monkeypatch.setenv("LOCALFLYTE_CPU", "1")
    monkeypatch.setenv("LOCALFLYTE_DEFAULT_CPU", "1")
    assert run(misbehaving.leaves_and_looks, path=str(tmp_path / "pid")) is False


def test_row_09_a_thread_that_the_task_left_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "thread"
    assert run(misbehaving.leaves_thread, path=str(path)) == 1
    assert path.read_text() == "the thread was waited for"


# -- 11: it floods -------------------------------------------------------------------------------------------------------


def test_row_11_a_flood_blocks_nothing_costs_the_engine_no_memory_and_is_kept_up_to_the_cap(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("LOCALFLYTE_LOG_CAP_BYTES", "100000")
    me = psutil.Process()
    assert flyte.with_runcontext(name="first", sinks=[lambda _: None]).run(misbehaving.floods, megabytes=1)
    before = me.memory_info().rss
    flyte.with_runcontext(name="flood", sinks=[lambda _: None]).run(misbehaving.floods, megabytes=200)
    assert me.memory_info().rss - before < 32 << 20
    for stream in ("out", "err"):
        log = home / "runs" / "flood" / "logs" / f"a0.0.{stream}.txt"
        assert 0 < log.stat().st_size < 101_000
        assert b"localflyte" in log.read_bytes()[-300:]


# -- 13, 14: what it takes and gives -------------------------------------------------------------------------------------


def test_row_13_a_wrong_output_names_task_output_and_types() -> None:
    with pytest.raises(errors.RuntimeUserError, match="o0.*expected int, got str") as caught:
        run(misbehaving.returns_wrong)
    assert caught.value.code == "DataValidationError"


LIMIT = 5_000


@pytest.mark.parametrize(("size", "passes"), [(LIMIT - 4, True), (LIMIT - 3, True), (LIMIT - 2, False)])
def test_row_14_outputs_of_exactly_the_limit_pass_and_one_byte_more_does_not(size: int, passes: bool) -> None:
    # msgpack puts three bytes before a text of this length.
    task = misbehaving.big.override(max_inline_io_bytes=LIMIT)
    if passes:
        assert len(run(task, size=size)) == size
        return
    with pytest.raises(errors.InlineIOMaxBytesBreached, match=r"Outputs.*misbehaving\.big.*5,001.*5,000.*'o0'.*File"):
        run(task, size=size)


@pytest.mark.parametrize(("size", "passes"), [(LIMIT - 4, True), (LIMIT - 3, True), (LIMIT - 2, False)])
def test_row_14_inputs_of_exactly_the_limit_pass_and_one_byte_more_does_not(size: int, passes: bool) -> None:
    task = misbehaving.length.override(max_inline_io_bytes=LIMIT)
    if passes:
        assert run(task, text="x" * size) == size
        return
    with pytest.raises(errors.InlineIOMaxBytesBreached, match=r"Inputs.*misbehaving\.length.*5,001.*5,000.*'text'.*File"):
        run(task, text="x" * size)


def test_row_14_a_limit_of_zero_refuses_everything() -> None:
    with pytest.raises(errors.InlineIOMaxBytesBreached):
        run(misbehaving.fine.override(max_inline_io_bytes=0), x=1)


# -- 15: its code is not there -------------------------------------------------------------------------------------------

MODULE = """
import localflyte as flyte
from localflyte.api.port import in_worker

env = flyte.TaskEnvironment("changing")

@env.task(retries=3)
def task() -> int:
    return 1
"""


@pytest.mark.parametrize(
    ("then", "code", "says"),
    [
        ("import no_such_module\n", "ModuleNotFoundError", "no_such_module"),
        ("def (\n", "SyntaxError", "syntax"),
        ("raise ValueError('only in a worker')\n", "ValueError", "only in a worker"),
    ],
)
def test_row_15_code_that_a_worker_cannot_load_fails_with_its_own_error_and_is_not_tried_again(
    then: str, code: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load(tmp_path, monkeypatch)
    (tmp_path / "changing.py").write_text(MODULE + then)
    watch = Watch()
    with pytest.raises(errors.RuntimeUserError, match=says) as caught:
        flyte.with_runcontext(sinks=[watch]).run(task)
    assert caught.value.code == code
    assert watch.count("attempt.started") == 1


def test_row_15_a_task_that_the_workers_module_lacks_is_named_with_where_it_was_sought_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = load(tmp_path, monkeypatch)
    path = tmp_path / "changing.py"
    path.write_text(MODULE.replace("def task", "def renamed"))
    watch = Watch()
    with pytest.raises(errors.BaseRuntimeError) as caught:
        flyte.with_runcontext(sinks=[watch]).run(task)
    assert caught.value.code == "TaskNotFoundError"
    for part in ("changing.task", "'changing'", str(path), "changing.renamed"):
        assert part in str(caught.value)
    assert watch.count("attempt.started") == 1


def load(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """:return: a task of a module that lies in the folder, to be changed before a worker sees it"""
    import importlib
    import sys

    (folder / "changing.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "changing", raising=False)
    importlib.invalidate_caches()
    return importlib.import_module("changing").task


# -- 16: it changes what belongs to the process --------------------------------------------------------------------------


def test_row_16_the_next_call_sees_nothing_of_what_one_changed() -> None:
    before = run(misbehaving.sees)
    assert run(misbehaving.changes_everything) == 1
    assert run(misbehaving.sees) == before
    assert run(misbehaving.changes_everything) == 1


def test_row_16_the_callers_process_never_runs_task_code() -> None:
    before = misbehaving.surroundings()
    assert run(misbehaving.changes_everything) == 1
    assert misbehaving.MODULE_STATE == []
    assert misbehaving.surroundings() == before
    assert "LEFT_BEHIND" not in os.environ


def test_a_request_larger_than_the_machine_is_cut_and_said_or_refused_when_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    task = misbehaving.fine.override(resources=flyte.Resources(cpu=1000))
    watch = Watch()
    assert flyte.with_runcontext(sinks=[watch]).run(task, x=1).outputs()[0] == 2
    assert watch.count("notice") == 1
    close_engine()
    monkeypatch.setenv("LOCALFLYTE_STRICT", "1")
    with pytest.raises(errors.RuntimeUserError, match="asks for 1000 CPUs") as caught:
        run(task, x=1)
    assert caught.value.code == "ResourceLimitError"
