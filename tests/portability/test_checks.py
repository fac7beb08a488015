"""What is found of whole programs: nothing where nothing is wrong, each thing once, and what a run tells of it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import unportable

import localflyte as flyte
from localflyte import initialize
from localflyte.api.task import TaskTemplate
from localflyte.bridges import flyte as flyte_bridge
from localflyte.cli import main
from localflyte.engine.thread import close_engine
from localflyte.errors import RuntimeUserError
from localflyte.portability import checks
from localflyte.portability.checks import check_run
from localflyte.portability.checks import check_tasks
from localflyte.portability.environments import deployed_with

TASK = "@env.task\ndef task(x: int = 1) -> int: return "
TESTS = Path(__file__).resolve().parent.parent
#: What the programs of the other tests do that breaks in a pod: they declare no images, and one has a table in a dataclass.
KNOWN = {"frames": {"package"}, "handled": {"field"}}
LOOK = """
import importlib, os, sys
from localflyte.bridges import flyte
from localflyte.api.task import TaskTemplate
from localflyte.portability.checks import check_tasks
flyte.install()
module = importlib.import_module("programs." + sys.argv[1])
tasks = [each for each in vars(module).values() if isinstance(each, TaskTemplate)]
print(*(f"{each.kind} {str(each)!r}" for each in check_tasks(tasks, None, root=os.getcwd())), sep="\\n")
"""


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The project is that of the tests, whatever an earlier one has said."""
    monkeypatch.setattr(initialize, "_config", None)
    monkeypatch.chdir(TESTS)


@pytest.mark.parametrize("name", sorted(path.stem for path in (TESTS / "programs").glob("*.py") if path.stem != "dying"))
def test_programs_that_run_anywhere_yield_nothing(name: str) -> None:
    """Neither a crash nor a false alarm in any program of the other tests, in a process that has done nothing else with it."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS.parent), str(TESTS)))}
    done = subprocess.run([sys.executable, "-c", LOOK, name], cwd=TESTS, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kinds = {line.partition(" ")[0] for line in done.stdout.splitlines() if line}
    assert kinds <= KNOWN.get(name, set()), done.stdout


def test_the_example_yields_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = TESTS.parent / "examples"
    monkeypatch.syspath_prepend(str(examples))
    flyte_bridge.install()
    try:
        report = importlib.import_module("stdlib_report")
        assert check_tasks([report.main], None, root=str(examples)) == []
    finally:
        flyte_bridge.uninstall()


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ("TaskEnvironment('other')", ["other"]),
        ("TaskEnvironment('other'); env.add_dependency(other)", []),
        ("TaskEnvironment('other'); env.add_dependency(TaskEnvironment('between', depends_on=[other]))", []),
        ("env", []),
    ],
)
def test_environments_that_would_not_be_there_are_found(look: Any, other: str, names: list[str]) -> None:
    main = f"other = {other}\n@other.task\ndef child(x: int) -> int: return x\n" + TASK + "child(x)"
    found = look(main, kind="environment")
    assert [each.subject for each in found] == names
    assert all(each.where.endswith("main.py:2") and "depends_on=[...] in environment 'env'" in str(each) for each in found)


def test_environments_that_depend_on_one_another_are_deployed_together() -> None:
    first, second = flyte.TaskEnvironment("first"), flyte.TaskEnvironment("second")
    first.add_dependency(second)
    second.add_dependency(first)
    assert deployed_with(first) == {"first", "second"}


def test_what_several_tasks_share_is_said_once(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "1")
    main = "import os\ndef helper(): return len(os.environ['MINE'])\n@env.task\ndef child() -> int: return helper()\n"
    assert len(look(main + TASK + "child() + helper()")) == 1


def test_a_task_that_is_no_function_is_passed_over() -> None:
    assert check_run(TaskTemplate(name="made.elsewhere"), (), {}, root="/") == []


def notices(task: Any, **options: Any) -> list[str]:
    told: list[Any] = []
    try:
        flyte.with_runcontext(sinks=[told.append], **options).run(task)
    except RuntimeUserError:
        assert task is unportable.raises
    kinds = [event.kind for event in told if event.run == told[0].run]
    said = [event.data["text"] for event in told if event.kind == "notice" and "strict-remote" in event.data["text"]]
    assert not said or kinds[-len(said) - 1 :] == ["notice"] * len(said) + ["run.finished"]
    return said


@pytest.mark.parametrize("task", [unportable.reads, unportable.raises])
def test_a_run_says_it_at_its_end_however_it_ends(home: Path, monkeypatch: pytest.MonkeyPatch, task: Any) -> None:
    monkeypatch.setenv("UNPORTABLE", "1")
    (said,) = notices(task, strict_remote=True)
    assert said.startswith("strict-remote: ")
    assert "reads the variable UNPORTABLE" in said
    assert notices(task) == []


def test_the_setting_holds_where_the_run_says_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPORTABLE", "1")
    monkeypatch.setenv("LOCALFLYTE_STRICT_REMOTE", "1")
    try:
        assert len(notices(unportable.reads)) == 1
        assert notices(unportable.reads, strict_remote=False) == []
        assert notices(unportable.reads, env_vars={"UNPORTABLE": "2"}) == []  # said for the run
    finally:
        close_engine()


def test_a_run_that_a_task_starts_does_not_say_it_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNPORTABLE", "1")
    assert len(notices(unportable.caller, strict_remote=True)) == 1


def test_what_only_looks_ends_no_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(checks, "scope_of", fail)
    assert notices(unportable.reads, strict_remote=True) == ["strict-remote: the program could not be looked at: RuntimeError: a fault"]


def test_the_command_line_has_a_flag(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("UNPORTABLE", "1")
    assert main(["run", "--plain", "--strict-remote", unportable.__file__, "reads"]) == 0
    assert capfd.readouterr().err.count("reads the variable UNPORTABLE") == 1
