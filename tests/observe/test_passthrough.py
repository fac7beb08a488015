"""What tasks print comes out of the script: in whole lines, and to the last byte."""

from __future__ import annotations

import pytest

from localflyte.observe.passthrough import LONGEST_LINE
from localflyte.observe.passthrough import Passthrough
from localflyte.spec.event import Event


def log(action: str, data: bytes, stream: str = "stdout") -> Event:
    return Event("log", "r1", action, 0.0, {"attempt": 0, "stream": stream, "data": data})


def test_lines_of_tasks_that_print_at_once_stay_whole(capfd: pytest.CaptureFixture[str]) -> None:
    sink = Passthrough()
    for event in (log("a", b"one "), log("b", b"two\nth"), log("a", b"more\n"), log("b", b"ree\n")):
        sink(event)
    assert capfd.readouterr().out == "two\none more\nthree\n"


def test_what_has_no_line_feed_comes_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    sink = Passthrough()
    sink(log("a", b"unfinished"))
    assert capfd.readouterr().out == ""
    sink.close()
    assert capfd.readouterr().out == "unfinished"


def test_a_line_without_end_is_not_kept_back_for_ever(capfd: pytest.CaptureFixture[str]) -> None:
    Passthrough()(log("a", b"x" * (LONGEST_LINE + 1)))
    assert len(capfd.readouterr().out) == LONGEST_LINE + 1


def test_streams_and_notices_go_where_they_belong(capfd: pytest.CaptureFixture[str]) -> None:
    sink = Passthrough()
    sink(log("a", b"wrong\n", "stderr"))
    sink(Event("notice", "r1", "", 0.0, {"text": "mind this"}))
    sink(Event("run.finished", "r1", "", 0.0, {"status": "succeeded"}))
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "wrong\nlocalflyte: mind this\n")


def test_a_closed_stream_hurts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    gone = io.TextIOWrapper(io.BytesIO())
    gone.close()
    monkeypatch.setattr("sys.stdout", gone)
    Passthrough()(log("a", b"nobody hears\n"))
