"""``localflyte runs``, ``show`` and ``logs`` over journals on disk."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from localflyte.cli import main
from localflyte.runs.folder import log_name
from localflyte.runs.journal import Journal
from localflyte.spec.event import Event

ERROR = {"kind": "user", "code": "ValueError", "message": "bad value", "traceback": "Traceback:\n  File x\nValueError: bad value"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCALFLYTE_HOME", str(tmp_path))
    return tmp_path


def write_run(
    home: Path, name: str, at: float, *, task: str = "env.main", status: str = "succeeded", error: Any = ERROR, **started: Any
) -> Path:
    folder = home / "runs" / name
    journal = Journal(str(folder))
    failed = status == "failed"

    def tell(kind: str, action: str = "", **data: Any) -> None:
        journal(Event(kind, name, action, at, data))

    tell("run.started", task=task, name=name, pid=1, file="f.py", **started)
    tell("action.queued", "a0", task=task, short_name="main", parent="", group="")
    tell("attempt.started", "a0", attempt=0, pid=1)
    tell("action.queued", "b1x", task="env.child", short_name="child", parent="a0", group="first")
    tell("attempt.started", "b1x", attempt=0, pid=1)
    tell("attempt.ended", "b1x", attempt=0, status="failed", seconds=0.1, error=ERROR)
    tell("action.retrying", "b1x", attempt=1, delay=0)
    tell("attempt.started", "b1x", attempt=1, pid=1)
    tell("attempt.ended", "b1x", attempt=1, status="succeeded", seconds=0.2, error=None)
    tell("action.finished", "b1x", status="succeeded", cached=False, attempts=2, seconds=0.3, error=None)
    tell("action.queued", "b2x", task="env.child", short_name="child", parent="a0", group="")
    tell("action.hit", "b2x", key="k")
    tell("action.finished", "b2x", status="succeeded", cached=True, attempts=0, seconds=0.0, error=None)
    tell("action.finished", "a0", status=status, cached=False, attempts=1, seconds=1.0, error=error if failed else None)
    tell("run.finished", status=status, seconds=1.0, error=error if failed else None)
    journal.flush()
    journal.close()
    logs = folder / "logs"
    logs.mkdir()
    for action, attempt, stream, text in (
        ("a0", 0, "stdout", "hello\n"),
        ("b1x", 0, "stderr", "first\n"),
        ("b1x", 1, "stdout", "second"),
    ):
        (logs / log_name(action, attempt, stream)).write_text(text)
    return folder


@pytest.fixture
def runs(home: Path) -> Path:
    write_run(home, "ra1", 1_700_000_000.0)
    write_run(home, "rb2", 1_700_000_100.0, task="env.other", status="failed")
    write_run(home, "rb3", 1_700_000_050.0)
    return home


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_runs_lists_the_newest_first(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert [line.split()[0] for line in lines(capsys)] == ["rb2", "rb3", "ra1"]


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["--limit", "1"], ["rb2"]),
        (["--task", "env.main"], ["rb3", "ra1"]),
        (["--task", "main", "-n", "1"], ["rb3"]),
        (["--status", "failed"], ["rb2"]),
        (["--status", "FAILED", "--task", "main"], []),
    ],
)
def test_runs_can_be_chosen(args: list[str], names: list[str], runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", *args]) == 0
    assert [line.split()[0] for line in lines(capsys)] == names


def test_a_run_without_labels_has_no_column_of_them(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "-n", "1"]) == 0
    assert capsys.readouterr().out.endswith("env.other  ValueError: bad value\n")


def test_runs_as_json_is_one_object_a_line(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--json", "-n", "1"]) == 0
    (row,) = map(json.loads, lines(capsys))
    assert (row["name"], row["status"], row["error"]) == ("rb2", "failed", "ValueError: bad value")


def test_no_runs_says_how_to_make_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs"]) == 0
    assert "localflyte run FILE TASK" in capsys.readouterr().err


def test_show_draws_the_tree(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "rb2"]) == 0
    text = capsys.readouterr().out
    for line in (
        "rb2  failed  1.0 s  env.other  f.py",
        "main  failed  1.0 s  a0",
        "    ValueError: bad value",
        "  child  succeeded  300 ms  b1x  [first]",
        "      attempt 0: failed 100 ms",
        "      attempt 1: succeeded 200 ms",
        "  child  cached  0 ms  b2x",
        "    File x",
    ):
        assert line in text.splitlines()


def test_show_tells_the_error_of_a_run_whole(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a traceback nothing else says what to do."""
    error = {"code": "OOMKilled", "message": "It went over its limit.\nWhat was seen: 2Mi.\nChange memory."}
    write_run(home, "ra1", 1_700_000_000.0, status="failed", error=error)
    assert main(["show", "ra1"]) == 0
    text = lines(capsys)
    at = text.index("    OOMKilled: It went over its limit.")
    assert text[at + 1 : at + 3] == ["    What was seen: 2Mi.", "    Change memory."]


def test_show_ends_with_the_addresses_of_its_pages(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = runs / "runs" / "rb2"
    (folder / "index.html").touch()
    (folder / "reports").mkdir()
    for name in ("a0.html", "b1x.html", "other.html"):
        (folder / "reports" / name).touch()
    assert main(["show", "rb2"]) == 0
    assert lines(capsys)[-4:] == [
        "",
        f"page: {(folder / 'index.html').as_uri()}",
        f"report of main a0: {(folder / 'reports' / 'a0.html').as_uri()}",
        f"report of child b1x: {(folder / 'reports' / 'b1x.html').as_uri()}",
    ]


def test_show_names_a_few_of_many_reports(runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.cli.history.MOST_REPORTS", 1)
    folder = runs / "runs" / "rb2" / "reports"
    folder.mkdir()
    for name in ("a0.html", "b1x.html"):
        (folder / name).touch()
    assert main(["show", "rb2"]) == 0
    assert lines(capsys)[-2:] == [f"report of main a0: {(folder / 'a0.html').as_uri()}", f"and 1 more reports in {folder}"]


def test_show_as_json_has_each_action_once(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "ra1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["status"] == "succeeded"
    assert record["actions"]["a0"]["children"] == ["b1x", "b2x"]
    assert [attempt["status"] for attempt in record["actions"]["b1x"]["attempts"]] == ["failed", "succeeded"]


def test_what_a_trigger_started_says_so(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the listing, where they can be chosen, in the tree of the run, and as JSON."""
    write_run(runs, "rc4", 1_700_000_020.0, trigger="nightly", due=1_700_000_015.0)
    assert main(["runs", "--trigger", "nightly", "-n", "1"]) == 0
    (line,) = lines(capsys)
    assert line.startswith("rc4 ")
    assert line.endswith("env.main (trigger nightly)")
    assert main(["show", "rc4"]) == 0
    due = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(1_700_000_015.0))
    assert f"  started by trigger nightly, due {due}" in lines(capsys)
    assert main(["runs", "--json", "--trigger", "nightly"]) == 0
    assert json.loads(capsys.readouterr().out)["trigger"] == "nightly"
    assert main(["runs", "--trigger", "weekly"]) == 0
    assert capsys.readouterr().err == "No runs.\n"


def test_runs_are_found_by_their_labels(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a value or by the key alone; all that are asked for have to be there. The tree shows annotations too."""
    write_run(runs, "rc4", 1_700_000_020.0, labels={"team": "ml", "stage": "a=b"}, annotations={"why": "a\ntest"})
    write_run(runs, "rc5", 1_700_000_030.0, labels={"team": "web"})
    for asked, found in (("team", ["rc5", "rc4"]), ("team=ml", ["rc4"]), ("stage=a=b", ["rc4"]), ("tea", []), ("team=", [])):
        assert main(["runs", "--json", "--label", asked]) == 0
        assert [json.loads(line)["name"] for line in lines(capsys)] == found
    assert main(["runs", "--label", "team=ml", "--label", "stage"]) == 0
    (line,) = lines(capsys)
    assert line.endswith("env.main  team=ml stage=a=b")
    assert main(["show", "rc4"]) == 0
    told = lines(capsys)
    assert "  labels team=ml stage=a=b" in told
    assert "  annotations why=a test" in told


@pytest.mark.parametrize(("name", "shown"), [("ra", "ra1"), ("last", "rb2"), ("rb3", "rb3")])
def test_a_run_is_found_by_its_beginning_or_as_the_last(name: str, shown: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", name]) == 0
    assert lines(capsys)[0].split()[0] == shown


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["show", "rb"], "2 runs begin with 'rb'"),
        (["show", "rx9"], "There is no run 'rx9'"),
        (["logs", "rb2", "chlid"], "has no action 'chlid'; did you mean 'child'?"),
        (["logs", "rb2", "b"], "2 actions of rb2 begin with 'b'"),
        (["logs", "rb2", "--stream", "both"], "Invalid value for '--stream'"),
        (["runs", "--status", "faild"], "there is no status 'faild'; did you mean 'failed'?"),
    ],
)
def test_what_is_not_there_is_one_line(args: list[str], line: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1


def test_logs_of_a_run_say_whose_they_are(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "last"]) == 0
    assert lines(capsys) == [
        "==> main a0, attempt 0, stdout <==",
        "hello",
        "==> child b1x, attempt 0, stderr <==",
        "first",
        "==> child b1x, attempt 1, stdout <==",
        "second",
    ]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["a0"], "hello\n"),
        (["main"], "hello\n"),
        (["b1", "--attempt", "0"], "first\n"),
        (["env.child", "--stream", "out"], "second\n"),
        (["b2x"], ""),
    ],
)
def test_logs_of_one_action_are_its_text(args: list[str], text: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "last", *args]) == 0
    assert capsys.readouterr().out == text


def test_what_a_task_printed_cannot_take_over_the_terminal(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "runs" / "rb2" / "logs" / log_name("a0", 0, "stdout")).write_text("\x1b]0;title\x07\x1b[2Jhello\n")
    assert main(["logs", "rb2", "a0"]) == 0
    assert capsys.readouterr().out == "hello\n"
