"""What is flushed is kept, what is torn is skipped, and a journal that cannot be written stops no run."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.runs.journal import Journal
from localflyte.runs.journal import encode_event
from localflyte.runs.journal import parse_event
from localflyte.runs.journal import read_journal
from localflyte.spec.event import Event
from localflyte.spec.outcome import ErrorInfo
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

HOSTILE = ["\x00", "\n{}\n", "\udc80", "</script>", "\x1b]0;x\x07", '"', "\u2028", "\U0001f600"]
TEXT = st.text(max_size=10)
JSON = st.none() | st.booleans() | st.integers() | TEXT | st.lists(TEXT, max_size=3) | st.dictionaries(TEXT, TEXT, max_size=3)


def test_every_event_comes_back_as_it_was(tmp_path: Path) -> None:
    events = list(fan_out(20, bad=2))
    journal = Journal(str(tmp_path))
    for event in events:
        journal(event)
    journal.close()
    assert read_journal(str(tmp_path)) == (events, 0)


def test_output_of_tasks_is_left_out(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    journal(Stream().log("a0", b"text"))
    journal.close()
    assert read_journal(str(tmp_path)).events == []


def test_the_journal_is_private(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path / "run"))
    journal.close()
    assert os.stat(journal.path).st_mode & 0o777 == 0o600
    assert os.stat(tmp_path / "run").st_mode & 0o777 == 0o700


def test_a_killed_engine_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from localflyte.runs.journal import Journal\n"
        "from localflyte.spec.event import Event\n"
        "journal = Journal(sys.argv[1])\n"
        "for number in range(1000): journal(Event('notice', 'r1', '', 1.0, {'text': str(number)}))\n"
        "journal.flush()\n"
        "journal(Event('notice', 'r1', '', 1.0, {'text': 'unflushed'}))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -signal.SIGKILL
    assert len(read_journal(str(tmp_path)).events) == 1000


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_torn_last_line_is_no_damage(tmp_path: Path, cut: int) -> None:
    stream = Stream()
    lines = [encode_event(stream.begin()), encode_event(stream.queue("a0"))]
    (tmp_path / "journal.jsonl").write_text(lines[0] + "\n" + lines[1][:-cut])
    events, damaged = read_journal(str(tmp_path))
    assert [event.kind for event in events] == ["run.started"]
    assert damaged == 0


def test_a_journal_goes_on_behind_a_torn_line(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"kind":"run.sta')
    journal = Journal(str(tmp_path))
    journal(Stream().finish())
    journal.close()
    events, damaged = read_journal(str(tmp_path))
    assert [event.kind for event in events] == ["run.finished"]
    assert damaged == 1


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"[]",
        b"null",
        b"{}",
        b'{"kind":1,"run":"r","action":"","at":1,"data":{}}',
        b'{"kind":"notice","run":"r","action":"","at":1,"data":[]}',
        b'{"kind":"notice","run":"r","action":"","at":NaN,"data":{}}',
        b'{"kind":"notice","run":"r","action":"","at":1e999,"data":{}}',
        b'{"kind":"notice","run":"r","action":"","at":"x","data":{}}',
        b'{"kind":"notice","run":"r","action":"","at":1' + b"0" * 4000 + b',"data":{}}',
        b'{"kind":"notice","run":"r","action":"","at":' + b"1" * 5000 + b',"data":{}}',
        b"[" * 100_000,
        b"\xff\xfe",
        b"\x00" * 100,
    ],
    ids=lambda line: line[:24].decode("latin-1"),
)
def test_damaged_lines_are_skipped_and_counted(tmp_path: Path, line: bytes) -> None:
    whole = encode_event(Stream().begin()).encode()
    (tmp_path / "journal.jsonl").write_bytes(whole + b"\n" + line + b"\n" + whole + b"\n")
    events, damaged = read_journal(str(tmp_path))
    assert len(events) == 2
    assert damaged == 1


@given(st.binary(max_size=200))
def test_no_line_of_bytes_breaks_the_reader(line: bytes) -> None:
    parse_event(line)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_data_of_every_shape_comes_back(data: dict[str, object]) -> None:
    data.pop("error", None)
    event = Event("notice", "r1", "", 1.5, data)
    line = encode_event(event)
    assert line.isascii()
    assert "\n" not in line
    assert parse_event(line.encode()) == event


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_one_line(text: str) -> None:
    event = Event("notice", text, text, 1.0, {text: text, "text": text})
    assert parse_event(encode_event(event).encode()) == event


@pytest.mark.parametrize("value", [b"\xff", {1}, object(), float("nan"), ErrorInfo("user", "E", "m")])
def test_what_json_does_not_know_is_written_somehow(value: object) -> None:
    event = parse_event(encode_event(Event("notice", "r1", "", 1.0, {"value": value})).encode())
    assert event is not None
    assert event.kind == "notice"


def test_a_knot_in_the_data_still_leaves_the_event() -> None:
    knot: dict[str, object] = {}
    knot["knot"] = knot
    assert parse_event(encode_event(Event("notice", "r1", "", 1.0, knot)).encode()) == Event("notice", "r1", "", 1.0, {})


@pytest.mark.parametrize("error", [{"message": "x" * 10**7, "traceback": "y" * 10**7}, ErrorInfo("user", "E", "x" * 10**7)])
def test_an_error_of_many_megabytes_is_cut(error: object) -> None:
    line = encode_event(Event("action.finished", "r1", "a0", 1.0, {"error": error}))
    assert len(line) < 200_000
    assert "\n...\n" in json.loads(line)["data"]["error"]["message"]


def test_a_full_disk_is_told_once_and_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    journal = Journal(str(tmp_path), told.append)
    stream = Stream()
    journal(stream.begin())
    journal.flush()

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for _ in range(3):
            journal(stream.queue("a0"))
            journal.flush()
    journal(stream.finish())
    journal.close()
    assert len(told) == 1
    assert "No space left on device" in told[0]
    assert journal.path in told[0]
    assert journal.failed
    assert [event.kind for event in read_journal(str(tmp_path)).events] == ["run.started"]


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(str(tmp_path))
    events = list(fan_out(5))
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
        for event in events:
            journal(event)
        journal.close()
    assert read_journal(str(tmp_path)).events == events


def test_a_folder_that_cannot_be_made_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    journal = Journal(str(tmp_path / "file" / "run"), told.append)
    journal(Stream().begin())
    journal.flush()
    journal.close()
    assert len(told) == 1
    assert "goes on" in told[0]


def test_a_link_in_the_place_of_the_journal_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "journal.jsonl").symlink_to(tmp_path / "target")
    told: list[str] = []
    journal = Journal(str(tmp_path), told.append)
    journal(Stream().begin())
    journal.close()
    assert (tmp_path / "target").read_text() == "mine"
    assert len(told) == 1


def test_a_long_turn_of_the_loop_is_written_in_between(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path))
    stream = Stream()
    for _ in range(10):
        journal(stream.event("notice", text="x" * 50_000))
    assert len(read_journal(str(tmp_path)).events) >= 5
    journal.close()
