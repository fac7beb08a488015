"""The command ``localflyte`` itself: help, version, and every way of being misunderstood."""

from __future__ import annotations

import subprocess
import sys

import pytest

import localflyte
from localflyte.cli import main
from localflyte.cli.app import COMMANDS
from localflyte.cli.app import cli


def test_no_arguments_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Usage: localflyte" in capsys.readouterr().out


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"localflyte {localflyte.__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_under_its_name(name: str) -> None:
    command = cli.get_command(cli.make_context("localflyte", [name], resilient_parsing=True), name)
    assert command is not None
    assert command.name == name


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"Usage: localflyte {name}" in capsys.readouterr().out


def test_the_help_of_run_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", "--help"])
    text = capsys.readouterr().out
    for code in ("0  the run succeeded", "1  the task failed", "2  the command", "70  localflyte", "124  the task", "130  interrupted"):
        assert code in text


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["rnu"], "there is no command 'rnu'; did you mean 'run'?"),
        (["xyzzy"], "there is no command 'xyzzy'; the commands are run, rerun, runs, show, logs"),
        (["serve"], "`serve` needs a Flyte cluster"),
        (["delete", "local-cache"], "`localflyte cache clear` removes the results that are kept here"),
        ([__file__], "is a file: `localflyte run "),
        (["--vresion"], "No such option '--vresion'"),
        (["run"], "say which file and which task: localflyte run FILE TASK"),
        (["run", "no_such_file.py"], "there is no file 'no_such_file.py'"),
        (["run", sys.executable], "is not a Python file"),
        (["run", "no_such_folder/file.py"], "there is no folder 'no_such_folder'"),
        (["run", "--nmae", "x"], "No such option '--nmae'"),
        (["run", "--env", "x", __file__, "main"], "--env takes KEY=VALUE, not 'x'"),
        (["run", "--max-action-concurrency", "many", __file__, "main"], "Invalid value for '--max-action-concurrency'"),
        (["run", "--max-action-concurrency", "-1", __file__, "main"], "Invalid value for '--max-action-concurrency': -1"),
        (["run", "--tracked", __file__, "main"], "--tracked reports to the console of a Flyte cluster"),
        (["run", "deployed-task", "x"], "`deployed-task` runs what a Flyte cluster holds"),
        (["run", "python-script", "x.py"], "`python -m localflyte FILE` runs it here"),
        (["show"], "Missing argument 'RUN'"),
    ],
)
def test_what_is_not_understood_is_one_line_and_code_2(args: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.startswith("localflyte: ")
    assert err.count("\n") == 1


def test_the_nearest_file_is_named(tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(str(tmp_path))
    open("pipeline.py", "w").close()
    assert main(["run", "pipelin.py", "main"]) == 2
    assert "did you mean 'pipeline.py'?" in capsys.readouterr().err


def test_an_error_of_ours_is_one_line_and_code_70(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(cli, "main", fail)
    assert main(["runs"]) == 70
    err = capsys.readouterr().err
    assert err.startswith("localflyte: internal error at test_app.py:")
    assert err.count("\n") == 1


def test_an_error_of_ours_shows_its_traceback_when_asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyError("broken")

    monkeypatch.setattr(cli, "main", fail)
    assert main(["-v", "runs"]) == 70
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_ctrl_c_is_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "main", interrupt)
    assert main(["runs"]) == 130


HEAVY = ("anyio", "asyncio", "diskcache", "localflyte.cli.run", "psutil", "rich", "sqlite3")


def test_help_loads_no_command_and_no_engine() -> None:
    program = f"import sys; from localflyte.cli import main; main(['--help']); print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
