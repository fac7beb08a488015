"""Whole runs of tasks that a plugin makes: every step of it runs in the task's own process, and fails as the task does."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from programs import plugin

import localflyte as flyte
from localflyte import errors


@pytest.fixture(autouse=True)
def own_home(home: Path) -> Path:
    return home


def run(task: Any, *args: Any) -> Any:
    return flyte.run(task, *args).outputs()[0]


def steps_and_pid(told: list[str]) -> tuple[list[str], str]:
    """:return: the steps in their order, and the one process that they ran in"""
    steps = [line.split(" ") for line in told if line.split(" ")[-1].isdigit()]
    (pid,) = {step[1] for step in steps}
    return [step[0] for step in steps], pid


@pytest.mark.parametrize("task", [plugin.works, plugin.works_sync], ids=["async", "sync"])
def test_the_steps_run_in_the_tasks_process(task: Any) -> None:
    told = run(task, 1)
    steps, pid = steps_and_pid(told)
    assert steps == ["pre", "function"]
    assert int(pid) != os.getpid()
    assert plugin.SEEN == []


@pytest.mark.parametrize("task", [plugin.works, plugin.works_sync], ids=["async", "sync"])
def test_what_pre_gives_is_found_in_the_context(task: Any) -> None:
    *_, data, after = run(task, 1)
    assert data == "{'gives': 'given', 'inputs': {'x': 1}}"
    assert after == "post sees given"


@pytest.mark.parametrize("task", [plugin.executed, plugin.executed_sync], ids=["async", "sync"])
def test_execute_runs_in_the_tasks_process(task: Any) -> None:
    told = run(task, 1)
    steps, pid = steps_and_pid(told)
    assert (steps, told[-1]) == (["execute", "function"], "executed")
    assert int(pid) != os.getpid()


def test_nested_calls_run_theirs() -> None:
    works, works_sync, overridden = run(plugin.parent, 1)
    assert [told[-1] for told in (works, works_sync, overridden)] == ["post sees given", "post sees given", "post sees overridden"]
    assert len({steps_and_pid(told)[1] for told in (works, works_sync, overridden)}) == 3


def test_an_override_of_a_plain_task() -> None:
    """Its module has a lock: the function must come from the module, not from a pickle."""
    told = run(plugin.base.override(plugin_config=plugin.Steps(gives="other")), 1)
    assert (steps_and_pid(told)[0], told[-1]) == (["pre", "function"], "post sees other")


@pytest.mark.parametrize(
    ("task", "step"),
    [
        (plugin.works.override(plugin_config=plugin.Steps(fails="pre")), "pre"),
        (plugin.works.override(plugin_config=plugin.Steps(fails="post")), "post"),
        (plugin.works_sync.override(plugin_config=plugin.Steps(fails="pre")), "pre"),
        (plugin.works_sync.override(plugin_config=plugin.Steps(fails="post")), "post"),
        (plugin.base.override(plugin_config=plugin.Own(fails="execute")), "execute"),
    ],
    ids=["pre", "post", "pre of a sync task", "post of a sync task", "execute"],
)
def test_a_step_that_fails_fails_the_task(task: Any, step: str) -> None:
    with pytest.raises(errors.RuntimeUserError, match=f"{step} fails") as raised:
        run(task, 1)
    assert raised.value.code == "KeyError"
    assert f"in {step}\n" in str(raised.value.remote_traceback)
    assert "localflyte/api" not in str(raised.value.remote_traceback)


def test_a_step_that_fails_is_tried_again() -> None:
    attempts: list[Any] = []

    def listens(event: Any) -> None:
        if event.kind == "attempt.started":
            attempts.append(event.data["attempt"])

    task = plugin.base.override(plugin_config=plugin.Steps(fails="pre"))
    with pytest.raises(errors.RuntimeUserError):
        flyte.with_runcontext(sinks=[listens]).run(task, 1)
    assert attempts == [0, 1]


def test_a_task_that_is_no_function() -> None:
    assert run(plugin.shout, "a", 3) == "AAA"
    assert run(plugin.calls_shout, "b") == "BBB"


def test_one_without_execute_fails_and_says_so() -> None:
    with pytest.raises(errors.RuntimeUserError, match=r"task silent: Silent does not define execute\(\)"):
        flyte.run(plugin.silent)
