"""Runs are found by the beginning of their name, and shown as they are: finished, going on, or lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from localflyte.errors import RunNotFoundError
from localflyte.runs.folder import create_run_folder
from localflyte.runs.history import find_run
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run
from localflyte.runs.journal import Journal
from localflyte.runs.lives import my_life
from localflyte.runs.record import State
from localflyte.spec.event import Event
from tests.observe.streams import Stream
from tests.observe.streams import fan_out


def keep(home: Path, name: str, events: Iterable[Event]) -> Path:
    journal = Journal(create_run_folder(home, name))
    for event in events:
        journal(event)
    journal.close()
    return Path(journal.path)


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_the_newest_run_comes_first(tmp_path: Path) -> None:
    for name, start in (("b", 2000.0), ("c", 3000.0), ("a", 1000.0)):
        stream = Stream(name, start)
        keep(tmp_path, name, [stream.begin(task=f"env.{name}"), stream.finish(seconds=start)])
    runs = list_runs(tmp_path)
    assert [(run.name, run.task, run.started, run.seconds) for run in runs] == [
        ("c", "env.c", 3000.0, 3000.0),
        ("b", "env.b", 2000.0, 2000.0),
        ("a", "env.a", 1000.0, 1000.0),
    ]
    assert [run.name for run in list_runs(tmp_path, limit=1)] == ["c"]


def test_a_run_of_which_much_was_noted_is_listed_like_any(tmp_path: Path) -> None:
    stream = Stream()
    noted = {"labels": {"team": "ml"}, "annotations": {"why": "x" * 1_000_000}}
    keep(tmp_path, "r1", [stream.event("run.started", task="env.main", pid=1, born="", file="main.py", **noted), stream.finish()])
    assert [(run.task, run.labels, run.status) for run in list_runs(tmp_path)] == [("env.main", {"team": "ml"}, State.SUCCEEDED)]


def test_no_home_holds_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []


def test_a_failed_run_is_listed_with_its_error(tmp_path: Path) -> None:
    stream = Stream()
    keep(tmp_path, "r1", [stream.begin(), stream.finish("failed", error={"code": "ValueError", "message": "bad\nmore"})])
    assert [(run.status, run.error) for run in list_runs(tmp_path)] == [(State.FAILED, "ValueError: bad")]


def test_the_last_line_is_found_however_long_it_is(tmp_path: Path) -> None:
    stream = Stream()
    error = {"code": "E", "message": "\x00" * 60_000, "traceback": "\x00" * 60_000}
    path = keep(
        tmp_path, "r1", [stream.begin(), *(stream.queue(f"c{place}") for place in range(2000)), stream.finish("failed", error=error)]
    )
    assert path.stat().st_size > 800_000
    assert list_runs(tmp_path)[0].status is State.FAILED


def test_a_run_of_ten_thousand_is_listed_from_its_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, "r1", fan_out(10_000))
    seen: list[bytes] = []
    monkeypatch.setattr("localflyte.runs.history.parse_event", seen.append)
    list_runs(tmp_path)
    assert sum(map(len, seen)) < 64 * 1024


def test_a_run_of_ten_thousand_is_read_whole(tmp_path: Path) -> None:
    keep(tmp_path, "r1", fan_out(10_000, bad=7))
    run = load_run(tmp_path, "r1")
    assert run.counts() == {"succeeded": 9_994, "failed": 7}
    assert len(run.roots[0].children) == 10_000


def test_a_run_whose_engine_is_gone_is_lost(tmp_path: Path) -> None:
    stream = Stream()
    events = [
        stream.begin(pid=dead_pid()),
        stream.queue("a0"),
        stream.start("a0"),
        *stream.call("c0", parent="a0"),
        stream.queue("c1", parent="a0"),
    ]
    keep(tmp_path, "r1", events)
    run = load_run(tmp_path, "r1")
    assert run.status is State.LOST
    assert [(action.name, action.status) for action in run.actions.values()] == [
        ("a0", State.LOST),
        ("c0", State.SUCCEEDED),
        ("c1", State.LOST),
    ]
    assert run.actions["a0"].attempts[0].status is State.LOST
    assert list_runs(tmp_path)[0].status is State.LOST


def test_a_run_whose_engine_lives_is_running(tmp_path: Path) -> None:
    keep(tmp_path, "r1", [Stream().begin(pid=os.getpid(), born=my_life().born)])
    assert list_runs(tmp_path)[0].status is State.RUNNING
    assert load_run(tmp_path, "r1").status is State.RUNNING


def test_a_run_whose_engine_s_pid_has_passed_to_another_is_lost(tmp_path: Path) -> None:
    keep(tmp_path, "r1", [Stream().begin(pid=os.getpid(), born=f"{my_life().born}0")])
    assert list_runs(tmp_path)[0].status is State.LOST
    assert load_run(tmp_path, "r1").status is State.LOST


def test_what_a_finished_run_left_open_was_aborted(tmp_path: Path) -> None:
    stream = Stream()
    keep(tmp_path, "r1", [stream.begin(), stream.queue("a0"), stream.finish("failed")])
    assert load_run(tmp_path, "r1").actions["a0"].status is State.ABORTED


def test_a_run_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    for name in ("rab1", "rab2", "rcd"):
        keep(tmp_path, name, [Stream().begin()])
    assert find_run(tmp_path, "rc") == "rcd"
    assert find_run(tmp_path, "rab1") == "rab1"


def test_a_whole_name_wins_over_a_longer_one(tmp_path: Path) -> None:
    for name in ("first", "first-2"):
        keep(tmp_path, name, [Stream().begin()])
    assert find_run(tmp_path, "first") == "first"


@pytest.mark.parametrize(
    ("asked", "told"), [("r", "2 runs begin with 'r': rab1, rab2"), ("rba1", "Did you mean rab1"), ("", "no run ''"), ("../x", "no run")]
)
def test_a_run_that_is_not_found_is_told_with_the_near_ones(tmp_path: Path, asked: str, told: str) -> None:
    for name in ("rab1", "rab2"):
        keep(tmp_path, name, [Stream().begin()])
    with pytest.raises(RunNotFoundError, match=told):
        find_run(tmp_path, asked)


def test_without_any_run_the_way_to_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunNotFoundError, match="localflyte run FILE TASK"):
        load_run(tmp_path, "r1")


def test_a_folder_without_a_journal_is_listed_as_lost_and_cannot_be_shown(tmp_path: Path) -> None:
    create_run_folder(tmp_path, "r1")
    assert [(run.name, run.status) for run in list_runs(tmp_path)] == [("r1", State.LOST)]
    with pytest.raises(RunNotFoundError, match="no journal"):
        load_run(tmp_path, "r1")


def test_damaged_lines_are_counted(tmp_path: Path) -> None:
    path = keep(tmp_path, "r1", fan_out(3))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"\xff\xfe\n"
    path.write_bytes(b"".join(lines) + b'{"torn')
    run = load_run(tmp_path, "r1")
    assert run.damaged == 1
    assert run.status is State.SUCCEEDED
    assert len(run.actions) == 4


@pytest.mark.parametrize("place", range(0, 4000, 97))
def test_a_journal_cut_anywhere_can_be_read(tmp_path: Path, place: int) -> None:
    path = keep(tmp_path, "r1", fan_out(8))
    path.write_bytes(path.read_bytes()[:place])
    run = load_run(tmp_path, "r1")
    assert run.damaged == 0
    assert len(list_runs(tmp_path)) == 1


def test_files_are_found_where_they_belong_only(tmp_path: Path) -> None:
    stream = Stream()
    path = keep(
        tmp_path,
        "r1",
        [stream.begin(), stream.queue("a0"), stream.queue("c0"), stream.event("action.report", "c0", path="/etc/passwd"), stream.finish()],
    )
    (path.parent / "logs").mkdir()
    for name in ("a0.0.out.txt", "a0.0.err.txt", "a0.1.out.txt", "other.0.out.txt", "junk"):
        (path.parent / "logs" / name).write_text("")
    (path.parent / "reports").mkdir()
    (path.parent / "reports" / "a0.html").write_text("")
    run = load_run(tmp_path, "r1")
    assert run.actions["a0"].logs == ["logs/a0.0.err.txt", "logs/a0.0.out.txt", "logs/a0.1.out.txt"]
    assert run.actions["a0"].report == "reports/a0.html"
    assert run.actions["c0"].report == ""
