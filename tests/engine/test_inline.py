"""With isolation = inline the very same pipeline has tasks run in threads of this process, for debuggers and monkeypatching."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import inlined
from terminals import type_into

import localflyte as flyte
from localflyte import errors
from localflyte.cli import main
from localflyte.engine.thread import close_engine
from localflyte.worker import raised


@pytest.fixture(autouse=True)
def inline(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LOCALFLYTE_ISOLATION", "inline")
    yield
    close_engine()


def out(task: Any, *args: Any) -> Any:
    return flyte.run(task, *args).outputs()[0]


def test_a_task_runs_in_another_thread_of_this_process() -> None:
    pid, thread, variable, value, action = flyte.run(inlined.where).outputs()
    assert (pid, variable, value, action) == (os.getpid(), "set", 2, "a0")
    assert thread != threading.get_ident()
    assert "INLINED" not in os.environ
    assert "ACTION_NAME" not in os.environ


def test_what_is_patched_here_is_what_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inlined, "helper", lambda: 40)
    monkeypatch.setattr(inlined, "VALUE", 2)
    assert flyte.run(inlined.where).outputs()[3] == 42


def test_tasks_call_tasks() -> None:
    assert out(inlined.parent, 20) == [2 * x for x in range(20)]
    assert out(inlined.sync_parent, 5) == list(range(5))


def test_what_a_task_raises_is_its_own_failure_and_is_tried_again() -> None:
    assert out(inlined.flaky) == 2
    with pytest.raises(errors.RuntimeUserError, match="not yet") as caught:
        flyte.run(inlined.flaky.override(retries=flyte.RetryStrategy(count=1)))
    assert caught.value.code == "ValueError"


@pytest.mark.parametrize("task", [inlined.sleeps, inlined.spins])
def test_a_timeout_ends_what_is_python(task: Any) -> None:
    with pytest.raises(errors.TaskTimeoutError):
        flyte.run(task)


def test_values_cross_the_border_as_ever() -> None:
    with pytest.raises(TypeError, match="x"):
        flyte.run(inlined.child, "text")


def test_results_are_cached_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert out(inlined.cached, 3) == 3
    events: list[Any] = []
    flyte.with_runcontext(sinks=[events.append]).run(inlined.cached, 3)
    assert [event.kind for event in events if event.kind.startswith("action.")] == ["action.queued", "action.hit", "action.finished"]


def test_limits_are_off_and_that_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLINED_SECRET", "0123456789")
    told: list[str] = []
    sink = lambda event: told.append(event.data["text"]) if event.kind == "notice" else None  # noqa: E731
    assert flyte.with_runcontext(sinks=[sink]).run(inlined.secret).outputs()[0] == 10
    assert [text.partition(":")[0] for text in told] == ["inline"]


def test_reuse_means_nothing_here() -> None:
    assert out(inlined.reused) == os.getpid()


def test_outside_of_tasks_nothing_has_changed() -> None:
    out(inlined.where)
    assert not flyte.ctx()
    assert inlined.sync_child(2) == [0, 1]


def test_the_command_line_has_a_flag(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOCALFLYTE_ISOLATION", "process")
    assert main(["run", "--inline", inlined.__file__, "where"]) == 0
    assert str(os.getpid()) in capfd.readouterr().out


@pytest.mark.parametrize("task", [inlined.fails, inlined.calls_what_fails])
def test_a_debugger_finds_the_frames_of_the_task_in_the_error(task: Any) -> None:
    """`pdb.post_mortem()` goes to the innermost frame, whose variables are there to be looked at."""
    with pytest.raises(errors.RuntimeUserError) as caught:
        flyte.run(task)
    trace = caught.tb
    while trace.tb_next is not None:
        trace = trace.tb_next
    assert (trace.tb_frame.f_code.co_name, trace.tb_frame.f_locals["beside"]) == ("divides", 42)


def test_what_was_raised_is_not_kept_for_ever() -> None:
    for number in range(raised.MOST + 1):
        raised.keep_raised(f"traceback {number}", ValueError(str(number)))
    assert len(raised._raised) == raised.MOST
    assert "traceback 0" not in raised._raised


def test_a_breakpoint_gets_the_terminal(home: Path) -> None:
    shown, status = type_into(home, "stops", [], [b"!y = 7\n", b"c\n"], program="inlined.py")
    assert re.search(r"^o0 +7", shown, re.MULTILINE), shown
    assert status == 0
