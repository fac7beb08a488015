"""``localflyte run``: from a file, a task and its inputs to an exit code; the engine's part is played by a fake."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localflyte.bridges import flyte as bridge
from localflyte.cli import main
from localflyte.errors import ActionAbortedError
from localflyte.errors import RuntimeSystemError
from localflyte.errors import RuntimeUserError
from localflyte.errors import TaskTimeoutError
from localflyte.initialize import image_names
from localflyte.spec.event import Event

PROGRAM = '''
from dataclasses import dataclass
import flyte
import beside

env = flyte.TaskEnvironment("env")

@dataclass
class Config:
    rate: float = 0.5
    steps: int = 1

@env.task
async def main(count: int, names: list[str] = ["a"], config: Config = Config(), check: bool = False) -> int:
    """Do the work.

    In detail.
    """
    return count

@env.task(short_name="the second")
def second() -> None: ...

alias = second
'''


class Fake:
    """Stands where `localflyte.running` is: remembers what it was asked, and ends as the test says."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.task: Any = None
        self.inputs: dict[str, Any] = {}
        self.outputs: tuple[Any, ...] = (7,)
        self.error: BaseException | None = None
        self.starts = True

    def with_runcontext(self, mode: str, sinks: list[Callable[[Event], None]], **options: Any) -> Any:
        self.options = {"mode": mode, **options}

        def run(task: Any, **inputs: Any) -> Any:
            self.task, self.inputs = task, inputs
            if self.starts:
                self.tell(sinks, "run.started", task=task.name, name="calm-owl", pid=1, file="f.py")
            if self.error is not None:
                if self.starts:
                    self.tell(sinks, "run.finished", status="failed", seconds=0.5, error={"code": "X", "message": "no"})
                raise self.error
            self.tell(sinks, "run.finished", status="succeeded", seconds=0.5, error=None)
            outputs = SimpleNamespace(named_outputs={f"o{at}": value for at, value in enumerate(self.outputs)})
            return SimpleNamespace(name="calm-owl", url="file:///page", outputs=lambda: outputs)

        return SimpleNamespace(run=run)

    def tell(self, sinks: list[Callable[[Event], None]], kind: str, **data: Any) -> None:
        for sink in sinks:
            sink(Event(kind, "calm-owl", "", 0.0, data))


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """A folder with a program in it, and a fake engine."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "beside.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    made = Fake()
    monkeypatch.setitem(sys.modules, "localflyte.running", made)  # type: ignore[arg-type]
    was_installed = bridge.installed()
    environ = dict(os.environ)
    yield made
    os.environ.clear()
    os.environ.update(environ)
    if not was_installed:
        bridge.uninstall()
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def test_a_task_is_run_with_its_inputs(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "program.py", "main", "--count", "3", "--config", '{"steps": 2}', "--check"]) == 0
    assert fake.task.name == "env.main"
    assert (fake.inputs["count"], fake.inputs["config"].steps, fake.inputs["config"].rate, fake.inputs["check"]) == (3, 2, 0.5, True)
    assert "names" not in fake.inputs
    assert capsys.readouterr().out.splitlines() == ["Run    calm-owl", "Status succeeded", "Page   file:///page", "o0     7"]


@pytest.mark.parametrize("name", ["second", "alias", "the second", "env.second"])
def test_a_task_is_found_by_variable_short_name_or_full_name(name: str, fake: Fake) -> None:
    assert main(["run", "program.py", name]) == 0
    assert fake.task.name == "env.second"


def test_a_task_without_outputs_prints_none(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.outputs = (None,)
    assert main(["run", "program.py", "second"]) == 0
    assert "o0" not in capsys.readouterr().out


def test_the_file_is_a_module_of_its_own_name_that_is_not_main(fake: Fake) -> None:
    main(["run", "program.py", "second"])
    assert sys.modules["program"].__name__ == "program"
    assert sys.modules["program"].__file__ == os.path.abspath("program.py")


def test_a_file_does_not_replace_a_module_of_the_same_name(fake: Fake) -> None:
    import queue

    os.rename("program.py", "queue.py")
    assert main(["run", "queue.py", "second"]) == 0
    assert sys.modules["queue"] is queue


def test_a_file_in_another_folder_finds_its_neighbours(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    os.rename("program.py", "inner/program.py")
    os.rename("beside.py", "inner/beside.py")
    assert main(["run", "inner/program.py", "second"]) == 0


def test_the_root_dir_is_on_the_path(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    os.rename("beside.py", "src/beside.py")
    assert main(["run", "--root-dir", "src", "program.py", "second"]) == 0


def test_options_reach_the_run(fake: Fake) -> None:
    options = "--name n -p proj -d dom -e A=1 --env B=2=3 --label team=ml --queue q --raw-data-path raw --max-action-concurrency 4"
    assert main(["run", *options.split(), "--overwrite-cache", "--copy-style", "all", "program.py", "second"]) == 0
    assert fake.options == {
        "mode": "local",
        "name": "n",
        "project": "proj",
        "domain": "dom",
        "env_vars": {"A": "1", "B": "2=3"},
        "labels": {"team": "ml"},
        "queue": "q",
        "raw_data_path": "raw",
        "max_action_concurrency": 4,
        "overwrite_cache": True,
        "copy_style": "all",
    }


def test_an_option_of_the_run_and_an_input_may_have_one_name(fake: Fake) -> None:
    text = "import flyte\n@flyte.TaskEnvironment('named').task\ndef task(project: str, name: str = '') -> None: ...\n"
    Path("named.py").write_text(text)
    assert main(["run", "--project", "mine", "--name", "first", "named.py", "task", "--project", "of the task"]) == 0
    assert (fake.options["project"], fake.options["name"]) == ("mine", "first")
    assert fake.inputs == {"project": "of the task"}


def test_images_have_names_and_one_alone_is_the_default(fake: Fake) -> None:
    assert main(["run", "--image", "mine=team/x:1", "--image", "ghcr.io/y:2", "program.py", "second"]) == 0
    assert image_names() == {"mine": "team/x:1", "default": "ghcr.io/y:2"}


def test_what_images_become(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "auto")
    assert main(["run", "--image-policy", "host", "program.py", "second"]) == 0
    assert os.environ["LOCALFLYTE_IMAGE_POLICY"] == "host"


@pytest.mark.parametrize("options", [["--image-policy", "vm"], ["--image", "mine=--privileged"]])
def test_what_is_no_image_or_policy_is_refused(fake: Fake, options: list[str]) -> None:
    assert main(["run", *options, "program.py", "second"]) == 2


def test_options_of_flyte_that_change_nothing_are_accepted(fake: Fake) -> None:
    line = "--local -f --tui --service-account me --no-sync-local-sys-paths --run-project p --task-queue q"
    assert main(["run", *line.split(), "program.py", "second"]) == 0
    assert fake.options == {"mode": "local", "queue": "q"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RuntimeUserError("ValueError", "bad"), 1),
        (RuntimeSystemError("Crash", "it died"), 1),
        (TaskTimeoutError("too slow"), 124),
        (ActionAbortedError("stopped"), 130),
        (KeyboardInterrupt(), 130),
        (KeyError("ours"), 70),
    ],
)
def test_the_exit_code_says_how_it_ended(error: BaseException, code: int, fake: Fake) -> None:
    fake.error = error
    assert main(["run", "program.py", "second"]) == code


def test_a_failed_run_prints_name_and_status(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = RuntimeUserError("ValueError", "bad")
    fake.error.run_name, fake.error.run_url = "calm-owl", "file:///page"  # type: ignore[attr-defined]
    main(["run", "program.py", "second"])
    assert capsys.readouterr().out.splitlines() == ["Run    calm-owl", "Status failed", "Page   file:///page", "Error  ValueError: bad"]


def test_a_failed_run_shows_the_traceback_of_the_task(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = RuntimeUserError("ValueError", "bad")
    fake.error.remote_traceback = "Traceback: in the task"
    main(["run", "--plain", "program.py", "second"])
    assert "Traceback: in the task\n" in capsys.readouterr().err


@pytest.mark.parametrize("error", [TypeError("Type conversion failed"), RuntimeUserError("RunAlreadyExists", "the name is taken")])
def test_what_is_refused_before_the_run_is_a_usage_error(error: Exception, fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error, fake.starts = error, False
    assert main(["run", "program.py", "second"]) == 2
    assert capsys.readouterr().err == f"localflyte: {error}\n"


def test_json_ends_with_the_result(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.outputs = ([1, 2], {"a": None})
    assert main(["run", "--json", "program.py", "main", "--count", "3"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert rows[-1]["kind"] == "result"
    assert (rows[-1]["run"], rows[-1]["status"]) == ("calm-owl", "succeeded")
    assert rows[-1]["outputs"] == {"o0": [1, 2], "o1": {"a": None}}
    assert err == ""


def test_json_tells_of_a_failure_too(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = RuntimeUserError("ValueError", "bad")
    assert main(["run", "--json", "program.py", "second"]) == 1
    row = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (row["status"], row["error"]["code"]) == ("failed", "ValueError")


def test_the_help_of_a_file_lists_its_tasks(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "program.py", "--help"]) == 0
    text = capsys.readouterr().out
    assert "main    Do the work." in text
    assert "second" in text


def test_the_help_of_a_task_lists_its_inputs(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "program.py", "main", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for part in ("localflyte run program.py main", "Do the work.", "--count int [required]", "--names list[str] [default: ['a']]"):
        assert part in text
    assert "In detail" not in text


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["program.py"], "say which task of program.py: main, second, alias"),
        (["program.py", "mian"], "There is no task mian in program.py. Did you mean main?"),
        (["program.py", "--json", "main"], "'--json' stands where the task is expected; options of the run come before the file"),
        (["program.py", "main"], "missing --count (int)"),
        (["program.py", "main", "--count", "many"], "--count: 'many' is not a valid integer"),
        (["program.py", "main", "--cout", "3"], "there is no input '--cout'; did you mean '--count'?"),
        (["program.py", "main", "--count", "3", "--config", '{"rat": 1}'], "--config: there is no field 'rat'; did you mean 'rate'?"),
        (["program.py", "main", "--count", "3", "--json"], "--json is an option of the run: write it before the file"),
        (["empty.py"], "empty.py has no tasks"),
        (["empty.py", "main"], "There is no task main in empty.py. It has no task at all"),
        (["plain.py", "main"], "main of plain.py is no task: decorate it with @env.task"),
    ],
)
def test_what_is_not_understood_is_one_line_and_code_2(args: list[str], line: str, fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.py").write_text("")
    Path("plain.py").write_text("def main(): ...\n")
    assert main(["run", *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1
    assert fake.task is None


def test_a_file_that_raises_shows_its_own_frames_and_is_code_1(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.py").write_text("def f():\n    raise ValueError('no')\nf()\n")
    assert main(["run", "broken.py", "main"]) == 1
    err = capsys.readouterr().err
    assert err.count("  File ") == 2
    assert err.splitlines()[-2:] == ["ValueError: no", "localflyte: broken.py could not be loaded: ValueError"]


def test_what_a_file_says_to_its_user_needs_no_traceback(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("says.py").write_text("import click\nraise click.ClickException('say which model: --model')\n")
    assert main(["run", "says.py", "main"]) == 1
    assert capsys.readouterr().err == "localflyte: says.py could not be loaded: say which model: --model\n"


def test_a_file_that_needs_a_missing_module_says_for_whom(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("needs.py").write_text("import no_such_module\n")
    assert main(["run", "needs.py", "main"]) == 1
    assert f"needs.py could not be loaded: the module 'no_such_module' is not installed for {sys.executable}" in capsys.readouterr().err


def test_a_file_with_a_syntax_error_shows_the_line(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.py").write_text("x = = 1\n")
    assert main(["run", "broken.py", "main"]) == 1
    err = capsys.readouterr().err
    assert "x = = 1" in err
    assert "localflyte/" not in err


def test_a_file_that_ends_the_process_is_told_so(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    Path("leaves.py").write_text("import sys\nsys.exit(3)\n")
    assert main(["run", "leaves.py", "main"]) == 1
    assert "leaves.py ended itself while it was loaded (exit code 3)" in capsys.readouterr().err
