"""Output is kept as it came, in files of its own, up to a cap that is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import psutil
import pytest

from localflyte.observe.logs import OPEN_FILES
from localflyte.observe.logs import LogSink
from localflyte.observe.logs import log_lines
from localflyte.observe.logs import read_logs
from localflyte.observe.logs import tail
from tests.observe.streams import Stream
from tests.observe.streams import fan_out


def test_each_stream_of_each_attempt_has_a_file(tmp_path: Path) -> None:
    sink, stream = LogSink(str(tmp_path)), Stream()
    sink(stream.log("a0", b"one ", attempt=0))
    sink(stream.log("a0", b"two\n", attempt=0))
    sink(stream.log("a0", b"bad\n", "stderr", attempt=0))
    sink(stream.log("a0", b"again\xff", attempt=1))
    sink.close()
    files = {path.name: path.read_bytes() for path in (tmp_path / "logs").iterdir()}
    assert files == {"a0.0.out.txt": b"one two\n", "a0.0.err.txt": b"bad\n", "a0.1.out.txt": b"again\xff"}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "logs").iterdir()} == {0o600}


def test_a_silent_run_makes_no_folder(tmp_path: Path) -> None:
    sink = LogSink(str(tmp_path))
    for event in fan_out(3):
        sink(event)
    sink.flush()
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_flushed_is_in_the_file(tmp_path: Path) -> None:
    sink, stream = LogSink(str(tmp_path)), Stream()
    sink(stream.log("a0", b"text"))
    sink.flush()
    assert (tmp_path / "logs" / "a0.1.out.txt").read_bytes() == b"text"
    sink.close()


@pytest.mark.parametrize("chunks", [[b"x" * 150], [b"x" * 100, b"y"], [b"x" * 60, b"x" * 60], [b"x"] * 300])
def test_a_flood_is_cut_at_the_cap_with_one_line(tmp_path: Path, chunks: list[bytes]) -> None:
    sink, stream = LogSink(str(tmp_path), cap=100), Stream()
    for chunk in chunks * 3:
        sink(stream.log("a0", chunk))
        sink.flush()
    sink.close()
    data = (tmp_path / "logs" / "a0.1.out.txt").read_bytes()
    assert data.startswith(b"x" * 100 + b"\n[localflyte] more than 100 bytes")
    assert data.count(b"[localflyte]") == 1
    assert data.endswith(b"was not kept\n")


def test_exactly_the_cap_is_not_cut(tmp_path: Path) -> None:
    sink, stream = LogSink(str(tmp_path), cap=100), Stream()
    sink(stream.log("a0", b"x" * 100))
    sink.close()
    assert (tmp_path / "logs" / "a0.1.out.txt").read_bytes() == b"x" * 100


def test_the_cap_holds_when_output_comes_after_the_end(tmp_path: Path) -> None:
    sink, stream = LogSink(str(tmp_path), cap=100), Stream()
    for _ in range(3):
        sink(stream.log("a0", b"x" * 80))
        sink(stream.end("a0"))
    sink.close()
    data = (tmp_path / "logs" / "a0.1.out.txt").read_bytes()
    assert data.startswith(b"x" * 100 + b"\n[localflyte]")
    assert data.count(b"[localflyte]") == 1


def test_a_gigabyte_is_taken_in_flat_memory(tmp_path: Path) -> None:
    sink, stream = LogSink(str(tmp_path), cap=1024 * 1024), Stream()
    chunk = stream.log("a0", bytes(1024 * 1024))
    before = psutil.Process().memory_info().rss
    for _ in range(1024):
        sink(chunk)
    assert psutil.Process().memory_info().rss - before < 32 * 1024 * 1024
    sink.close()
    assert (tmp_path / "logs" / "a0.1.out.txt").stat().st_size < 1024 * 1024 + 200


def test_a_fan_out_keeps_few_files_open(tmp_path: Path) -> None:
    sink, stream = LogSink(str(tmp_path)), Stream()
    before = psutil.Process().num_fds()
    for turn in range(2):
        for place in range(200):
            sink(stream.log(f"c{place}", b"turn %d\n" % turn))
        sink.flush()
        assert psutil.Process().num_fds() - before <= OPEN_FILES
    sink.close()
    assert psutil.Process().num_fds() == before
    assert {path.read_bytes() for path in (tmp_path / "logs").iterdir()} == {b"turn 0\nturn 1\n"}


def test_the_end_of_an_attempt_closes_its_files(tmp_path: Path) -> None:
    sink = LogSink(str(tmp_path))
    before = psutil.Process().num_fds()
    for event in Stream().call("a0", text=b"x"):
        sink(event)
    assert psutil.Process().num_fds() == before
    assert (tmp_path / "logs" / "a0.1.out.txt").read_bytes() == b"x"


def test_a_full_disk_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    sink, stream = LogSink(str(tmp_path), told.append), Stream()

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        sink(stream.log("a0", b"x"))
        sink.flush()
    sink.close()
    assert len(told) == 1
    assert "No space left" in told[0]


@pytest.mark.parametrize("action", ["../escape", "/abs", "", "a/b", ".."])
def test_no_action_writes_outside(tmp_path: Path, action: str) -> None:
    sink = LogSink(str(tmp_path / "run"))
    sink(Stream().log(action, b"x"))
    sink.close()
    assert list(tmp_path.rglob("*")) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "target").write_bytes(b"mine")
    (tmp_path / "logs" / "a0.1.out.txt").symlink_to(tmp_path / "target")
    told: list[str] = []
    sink = LogSink(str(tmp_path), told.append)
    sink(Stream().log("a0", b"x"))
    sink.close()
    assert (tmp_path / "target").read_bytes() == b"mine"
    assert len(told) == 1


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    sink, stream = LogSink(str(tmp_path)), Stream()
    for attempt in (0, 1):
        sink(stream.log("a0", b"out %d\n" % attempt, attempt=attempt))
        sink(stream.log("a0", b"err \x1b]0;x\x07%d\n" % attempt, "stderr", attempt=attempt))
    sink(stream.log("a00", b"".join(b"line %d\n" % place for place in range(5000))))
    sink.close()
    return str(tmp_path)


def test_logs_are_read_attempt_by_attempt(run_dir: str) -> None:
    assert [(text.attempt, text.stream, text.data) for text in read_logs(run_dir, "a0")] == [
        (0, "stdout", b"out 0\n"),
        (0, "stderr", b"err \x1b]0;x\x070\n"),
        (1, "stdout", b"out 1\n"),
        (1, "stderr", b"err \x1b]0;x\x071\n"),
    ]
    assert [text.attempt for text in read_logs(run_dir, "a0", attempt=1)] == [1, 1]
    assert len(read_logs(run_dir)) == 5
    assert read_logs(run_dir, "none") == []
    assert read_logs(run_dir + "/none") == []


def test_lines_are_safe_to_print(run_dir: str) -> None:
    assert log_lines(run_dir, "a0", 0) == ["out 0", "err 0"]


def test_the_tail_is_of_the_last_attempt(run_dir: str) -> None:
    assert tail(run_dir, "a0") == "out 1\nerr 1"
    assert tail(run_dir, "a00", lines=2) == "line 4998\nline 4999"
    assert tail(run_dir, "none") == ""
