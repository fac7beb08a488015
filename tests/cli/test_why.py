"""Why a call is a hit or a miss, told of a call as it would be made, of a task, and of an action of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from programs import cached

import localflyte as flyte
from localflyte.cli.app import run_command_line
from localflyte.io import File
from localflyte.store.blobs import Blobs
from localflyte.store.index import Index
from localflyte.store.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import flyte
import toy
from helpers import LIMIT, double

env = flyte.TaskEnvironment("env", cache="auto")
plain = flyte.TaskEnvironment("plain")

@env.task
def work(x: int, y: int = 1) -> int:
    return toy.same(min(double(x) + y, LIMIT))

@env.task
def fail(x: int) -> int:
    raise ValueError("no")

@plain.task
def main(x: int = 2) -> int:
    return work(x)
"""
HELPERS = """
LIMIT = 100

def double(x: int) -> int:
    return 2 * x
"""
METADATA = "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project, and a package that it uses, as if that were installed."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "helpers.py").write_text(HELPERS)
    installed = tmp_path / "site-packages"
    (installed / "toy-1.0.dist-info").mkdir(parents=True)
    (installed / "toy-1.0.dist-info" / "METADATA").write_text(METADATA)
    (installed / "toy.py").write_text("def same(x):\n    return x\n")
    return tmp_path


def command(project: Path, *args: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(project / "site-packages")])
    environ = {**os.environ, "PYTHONPATH": path, "LOCALFLYTE_HOME": str(project / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    called = [sys.executable, "-m", "localflyte", *args]
    return subprocess.run(called, cwd=project, env=environ, text=True, capture_output=True, timeout=60, check=False)


def run(project: Path, *args: str) -> str:
    done = command(project, "run", *args)
    assert done.returncode == 0, done.stderr
    return done.stderr


def why(project: Path, *args: str, code: int = 1) -> list[str]:
    done = command(project, "cache", "why", *args)
    assert done.returncode == code, done.stderr
    return done.stdout.splitlines()


def answer(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, list[str]]:
    capsys.readouterr()
    code = run_command_line(["cache", "why", *args])
    out, err = capsys.readouterr()
    return code, (out or err).splitlines()


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


def change_the_package(project: Path) -> None:
    edit(project / "site-packages" / "toy-1.0.dist-info" / "METADATA", "1.0", "2.0")
    (project / "site-packages" / "toy-1.0.dist-info").rename(project / "site-packages" / "toy-2.0.dist-info")


CHANGES: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "helper": (lambda project: edit(project / "helpers.py", "2 * x", "x + x"), ["function helpers.double changed"]),
    "constant": (lambda project: edit(project / "helpers.py", "100", "99"), ["LIMIT"]),
    "package": (change_the_package, ["package toy changed (2.0, was 1.0)"]),
    "salt": (lambda project: edit(project / "program.py", '"auto"', 'flyte.Cache("auto", salt="s")'), ["salt is new"]),
    "default": (lambda project: edit(project / "program.py", "y: int = 1", "y: int = 3"), ["input y differs (3, was 1)"]),
    "parameter": (
        lambda project: edit(project / "program.py", "y: int = 1", "y: int = 1, z: int = 0"),
        ["input z is new (0)", "the interface changed", "default z of program.work is new"],
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_one_change_is_named_by_the_run_and_afterwards(project: Path, name: str) -> None:
    run(project, "--name", "first", "program.py", "main")
    change, told = CHANGES[name]
    change(project)
    before = why(project, "program.py", "work", "--x", "2")
    said = run(project, "--name", "second", "--explain", "program.py", "main")
    reason = next(line for line in said.splitlines() if "not taken from the cache: " in line)
    after = why(project, "second", "work")
    for text in told:
        assert text in reason
        assert any(text in line for line in before)
        assert any(text in line for line in after)
    assert "run first" in reason
    assert any("nearest entry: computed by run first, action " in line for line in after)


def test_another_input_is_named_with_its_values(project: Path) -> None:
    run(project, "--name", "first", "program.py", "main")
    assert why(project, "program.py", "work", "--x", "2", code=0)[0] == "env.work: hit"
    assert why(project, "program.py", "work", "--x", "3")[:2] == ["env.work: miss", "  input x differs (3, was 2)"]
    assert "input x differs (3, was 2) from the entry of run first" in run(project, "--explain", "program.py", "main", "--x", "3")


def test_values_are_shown_as_the_task_knows_them(project: Path) -> None:
    (project / "typed.py").write_text(
        "from dataclasses import dataclass\nfrom datetime import datetime\nimport flyte\n"
        'env = flyte.TaskEnvironment("env", cache="auto")\n'
        "@dataclass\nclass Point:\n    x: int\n"
        "@env.task\ndef work(point: Point, when: datetime) -> int:\n    return point.x\n"
    )
    run(project, "typed.py", "work", "--point", '{"x": 1}', "--when", "2024-01-01T00:00:00Z")
    told = why(project, "typed.py", "work", "--point", '{"x": 2}', "--when", "2024-01-02T00:00:00Z")
    assert told[1] == "  input point differs (Point(x=2), was Point(x=1))"
    assert "datetime.datetime(2024, 1, 2, 0, 0" in told[2]


def test_what_lies_at_an_address_is_not_looked_at_and_that_is_said(project: Path) -> None:
    (project / "reads.py").write_text(
        "import flyte\nfrom flyte.io import File\n"
        'env = flyte.TaskEnvironment("env", cache=flyte.Cache("auto", ignored_inputs=("tag",)))\n'
        '@env.task\ndef work(file: File, tag: str = "") -> int:\n    return 1\n'
    )
    told = why(project, "reads.py", "work", "--file", "https://example.com/x")
    assert told == [
        "env.work: miss, nothing is stored",
        "  note: input file counts by its address: what lies there is not looked at",
        "  note: ignored, as the task says: tag",
    ]


def test_what_another_place_has_is_a_hit_too(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(project, "program.py", "main")
    assert command(project, "cache", "export", str(tmp_path / "tier")).returncode == 0
    assert command(project, "cache", "clear", "--task", "env.work").returncode == 0
    assert why(project, "program.py", "work", "--x", "2")[0].startswith("env.work: miss")
    monkeypatch.setenv("LOCALFLYTE_CACHE_TIER", str(tmp_path / "tier"))
    assert why(project, "program.py", "work", "--x", "2", code=0)[0] == f"env.work: hit, from {tmp_path / 'tier'}"


def test_inputs_that_are_not_given_are_not_compared_and_that_is_said(project: Path) -> None:
    run(project, "program.py", "main")
    told = why(project, "program.py", "work")
    assert told[0] == "env.work: open, 1 of 1 entries differ in nothing else than the inputs that were not given"
    assert told[-1] == "  note: not given, and not compared: --x"
    assert why(project, "program.py", "work", "--y", "2")[1] == "  input y differs (2, was 1)"


def test_a_task_alone_is_asked_why_it_was_computed_again(project: Path) -> None:
    run(project, "--name", "first", "program.py", "main")
    edit(project / "helpers.py", "2 * x", "x + x")
    run(project, "--name", "second", "program.py", "main")
    told = why(project, "work", code=0)
    assert told[0].startswith("env.work: stored, 2 entries of 2 runs; the latest, by run second, action ")
    assert told[1] == "  function helpers.double changed"
    assert told[2].startswith("  that is: computed by run first, action ")


def test_programs_read_json(project: Path) -> None:
    run(project, "--name", "first", "program.py", "main")
    row = json.loads(why(project, "--json", "program.py", "work", "--x", "3")[0])
    assert (row["subject"], row["verdict"], row["entry"]["run"]) == ("env.work", "miss", "first")
    assert row["differences"] == [{"component": "input x", "before": "2", "after": "3", "text": "input x differs (3, was 2)"}]
    assert json.loads(why(project, "env.work", "--json", code=0)[0])["verdict"] == "stored"


def test_a_failure_is_not_stored_and_that_is_said(project: Path) -> None:
    command(project, "run", "--name", "first", "program.py", "fail", "--x", "1")
    told = why(project, "first", "a0")
    assert told[0] == "env.fail (action a0 of run first): miss, nothing is stored for task env.fail"
    assert told[-1] == "  note: its result is not stored: failed"


def test_before_anything_is_stored_no_store_is_made(project: Path) -> None:
    assert why(project, "program.py", "work", "--x", "1") == ["env.work: miss, nothing is stored"]
    assert why(project, "env.work") == ["env.work: miss, nothing is stored"]
    assert not (project / "home").exists()


def test_a_task_without_a_cache_says_so(project: Path) -> None:
    assert why(project, "program.py", "main") == ['plain.main: not cached, its cache is off (cache="disable" is the default)']
    run(project, "--name", "first", "program.py", "main")
    assert why(project, "first", "main")[0].startswith("plain.main (action a0 of run first): not cached, its cache is off")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("program.py",), "say which task of program.py: work, fail, main"),
        (("program.py", "wrk"), "wrk"),
        (("program.py", "work", "--z", "1"), "there is no input '--z'"),
        (("program.py", "work", "--x", "one"), "--x: "),
    ],
)
def test_what_a_file_does_not_have_is_one_line(project: Path, args: tuple[str, ...], line: str) -> None:
    done = command(project, "cache", "why", *args)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("test_whi.py", "work"), "did you mean 'test_why.py'?"),
        (("nosuchrun", "a0"), "There is no run 'nosuchrun'"),
        (("env.work", "a0", "--x", "1"), "inputs follow a file and a task"),
        ((), "say what to explain"),
    ],
)
def test_what_is_not_understood_is_one_line(
    args: tuple[str, ...], line: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(Path(__file__).parent)
    code, told = answer(capsys, *args)
    assert (code, len(told)) == (2, 1)
    assert line in told[0]
    assert not home.exists()


def test_a_file_that_cannot_be_loaded_is_no_miss(project: Path) -> None:
    (project / "broken.py").write_text("raise RuntimeError('broken')")
    done = command(project, "cache", "why", "broken.py", "work")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == "localflyte: broken.py could not be loaded: RuntimeError"


# -- of runs of this process --------------------------------------------------------------------------------------------


@pytest.fixture
def marks(tmp_path: Path, home: Path) -> str:
    (tmp_path / "marks").write_text("")
    return str(tmp_path / "marks")


def go(task: Any, name: str, options: dict[str, Any] | None = None, **inputs: Any) -> None:
    flyte.with_runcontext(name=name, sinks=[lambda _event: None], **options or {}).run(task, **inputs)


def test_a_hit_says_where_it_came_from(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", x=1, marks=marks)
    go(cached.double, "second", x=1, marks=marks)
    code, told = answer(capsys, "last", "a0")
    assert code == 0
    assert told[0] == "cached.double (action a0 of run second): hit"
    assert told[1].startswith("  computed by run first, action a0, ")


def test_a_hit_whose_entry_was_replaced_says_so(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    for name, options in (("first", {}), ("second", {}), ("third", {"overwrite_cache": True})):
        go(cached.double, name, options, x=1, marks=marks)
    code, told = answer(capsys, "second", "a0")
    assert code == 0
    assert told[0].endswith("hit, computed by run first, action a0")
    assert told[1] == "  note: the entry was replaced since, by run third"


def test_a_hit_whose_entry_was_removed_says_so(marks: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", x=1, marks=marks)
    go(cached.double, "second", x=1, marks=marks)
    index = Index(Layout(str(home)).index)
    index.delete([row for row in index.rows() if row.tag])
    index.close()
    assert answer(capsys, "second", "a0")[1][1] == "  note: the entry is not in the store any more"


def test_a_run_that_was_asked_for_reasons_is_believed(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", x=1, marks=marks)
    go(cached.double, "second", {"overwrite_cache": True, "explain": True}, x=1, marks=marks)
    assert answer(capsys, "second", "a0")[1] == ["cached.double (action a0 of run second): miss, the run looks nothing up"]
    go(cached.double, "third", {"explain": True}, x=2, marks=marks)
    assert answer(capsys, "third", "a0")[1][:2] == ["cached.double (action a0 of run third): miss", "  input x differs (2, was 1)"]


def test_a_run_without_a_cache_says_so(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", {"disable_run_cache": True}, x=1, marks=marks)
    code, told = answer(capsys, "first", "a0")
    assert code == 1
    assert "or that of the run (disable_run_cache)" in told[0]


def test_a_miss_is_compared_with_what_was_there_then(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(("first", "second", "third")):
        go(cached.double, name, x=number, marks=marks)
    code, told = answer(capsys, "second", "double")
    assert code == 1
    assert told[1] == "  input x differs (1, was 0)"
    assert "run first" in told[2]
    assert answer(capsys, "first", "a0")[1][0].endswith(
        "no entry of the task from before it is there; one with its key would have been replaced"
    )


def test_what_the_run_said_of_the_cache_is_repeated(marks: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "input"
    path.write_text("some")
    go(cached.changes_its_input, "first", file=File(path=str(path)), marks=marks)
    _, told = answer(capsys, "first", "a0")
    assert any(line.startswith("  note: the result of action a0 is not stored: a file among its inputs changed") for line in told)


def test_several_calls_of_a_task_are_told_apart(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", x=1, marks=marks)
    code, told = answer(capsys, "first")
    assert code == 2
    assert "'first' is a run; say which action of it: a0 (double)" in told[0]


def test_a_task_is_found_by_its_last_name(marks: str, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", x=1, marks=marks)
    code, told = answer(capsys, "double")
    assert code == 0
    assert told[0] == "cached.double: stored, 1 entry of 1 run"
    assert answer(capsys, "cached.doubel")[1] == [
        "cached.doubel: miss, nothing is stored for a task of that name; did you mean 'cached.double'?"
    ]


def test_a_store_that_cannot_be_used_is_one_line(marks: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    go(cached.double, "first", x=1, marks=marks)
    folder = Path(Layout(str(home)).index)
    folder.chmod(0o777)
    code, told = answer(capsys, "cached.double")
    assert (code, len(told)) == (8, 1)
    assert "chmod" in told[0]


def test_an_entry_whose_blob_is_gone_is_a_miss(project: Path) -> None:
    (project / "large.py").write_text(
        'import flyte\nenv = flyte.TaskEnvironment("env", cache="auto")\n'
        "@env.task\ndef work(size: int) -> bytes:\n    return b'x' * size\n"
    )
    run(project, "large.py", "work", "--size", "100000")
    assert why(project, "large.py", "work", "--size", "100000", code=0)[0] == "env.work: hit"
    blobs = Blobs(Layout(str(project / "home")).blobs)
    for path in Path(Layout(str(project / "home")).blobs).glob("??/*"):
        assert blobs.path(path.name) == str(path)
        path.unlink()
    assert "is missing: it is computed again" in why(project, "large.py", "work", "--size", "100000")[0]
