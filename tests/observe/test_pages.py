"""Pages show a run whole, of any size, and nothing that a task named, printed or raised becomes a part of the page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localflyte.observe.logs import LogSink
from localflyte.observe.page import PageSink
from localflyte.observe.page import render_index
from localflyte.observe.page import write_index
from localflyte.runs.journal import Journal
from localflyte.runs.record import Recorder
from localflyte.runs.record import RunRecord
from tests.observe.hostile import CANARIES
from tests.observe.hostile import Parsed
from tests.observe.hostile import hostile_run
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

UNENCODABLE = "\x00\udc80\u202e"


@pytest.mark.parametrize("canary", CANARIES)
def test_the_page_has_the_same_elements_whatever_the_names(canary: str) -> None:
    page, plain = Parsed(render_index(hostile_run(canary))), Parsed(render_index(hostile_run("plain")))
    assert page.shape == plain.shape
    assert page.attributes("class") == plain.attributes("class")
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert all(href.startswith(("./logs/", "./reports/")) for href in page.attributes("href"))


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    text = render_index(hostile_run("plain"))
    assert Parsed(text).policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "script" not in Parsed(text).policy
    assert "script" not in Parsed(text).tags
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_page_is_written_privately_and_can_be_encoded(tmp_path: Path) -> None:
    path = Path(write_index(hostile_run(UNENCODABLE), str(tmp_path)))
    assert path == tmp_path / "index.html"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("utf-8").endswith("</html>\n")


def test_a_small_run_has_a_row_for_each_call(tmp_path: Path) -> None:
    journal, logs, page = Journal(str(tmp_path)), LogSink(str(tmp_path)), PageSink(str(tmp_path))
    stream = Stream()
    error = {"kind": "user", "code": "ValueError", "message": "bad", "traceback": "Traceback: bad"}
    events = [
        stream.begin(),
        stream.queue("a0"),
        stream.start("a0"),
        *stream.call("c0", "work", "a0", error=error, text=b"the end \x1b]0;x\x07 of it\n"),
        *stream.hit("c1", "other", "a0"),
        stream.end("a0"),
        stream.done("a0"),
        stream.event("notice", text="be careful"),
        stream.finish(),
    ]
    for event in events:
        journal(event)
        logs(event)
        page(event)
    journal.close()
    logs.close()
    assert page.finish() == ""
    shown = Parsed((tmp_path / "index.html").read_text("utf-8"))
    text = "\n".join(shown.text)
    assert shown.tags.count("tr") == 4
    assert {"env.main ", "succeeded", "cached", "failed", "Traceback: bad", "the end  of it", "be careful"} <= set(shown.text)
    assert "ValueError: bad" in text
    assert shown.attributes("href") == ["./logs/c0.1.out.txt"]


def test_logs_of_several_attempts_are_told_apart() -> None:
    stream, recorder = Stream(), Recorder("r1")
    for event in [
        stream.queue("a0"),
        stream.start("a0", 0),
        stream.end("a0", "failed", 0),
        stream.start("a0", 1),
        stream.end("a0"),
        stream.done("a0"),
    ]:
        recorder(event)
    recorder.record.actions["a0"].logs = ["logs/a0.0.err.txt", "logs/a0.1.out.txt"]
    page = Parsed(render_index(recorder.record))
    assert [text for text in page.text if text in ("err 0", "out 1", " 2 attempts", "2 attempts")] == ["2 attempts", "err 0", "out 1"]


def write_with_sinks(folder: Path) -> str:
    folder.mkdir()
    journal, page = Journal(str(folder)), PageSink(str(folder))
    for event in [*fan_out(50, bad=1), Stream().finish()]:
        journal(event)
        page(event)
    journal.close()
    page.finish()
    return (folder / "index.html").read_text("utf-8")


def test_the_page_of_a_large_run_is_written_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a run of a hundred thousand calls takes a hundred megabytes, which the engine would not give back."""
    expected = write_with_sinks(tmp_path / "small")
    monkeypatch.setattr("localflyte.observe.page.MOST_ACTIONS", 10)
    monkeypatch.setattr("localflyte.observe.page.write_page", lambda _: pytest.fail("written here"))
    assert without_names(write_with_sinks(tmp_path / "large")) == without_names(expected)


def without_names(page: str) -> str:
    return re.sub(r"small|large", "", page)


def test_a_page_that_no_other_process_can_write_is_written_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.observe.page.MOST_ACTIONS", 10)
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    assert "</html>" in write_with_sinks(tmp_path / "run")


def test_a_run_without_an_end_has_no_page(tmp_path: Path) -> None:
    sink = PageSink(str(tmp_path))
    sink(Stream().begin())
    assert sink.finish() == ""
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    sink = PageSink(str(tmp_path / "none"))
    sink(Stream().finish())
    assert "cannot be written" in sink.finish()
    assert sink.finish() == ""


def test_reports_are_linked_above_the_table_and_the_many_are_counted() -> None:
    recorder = Recorder("r1")
    for event in fan_out(600):
        recorder(event)
    for action in recorder.record.actions.values():
        action.report = f"reports/{action.name}.html"
    page = Parsed(render_index(recorder.record))
    links = [href for href in page.attributes("href") if href.startswith("./reports/")]
    assert links[:2] == ["./reports/a0.html", "./reports/c0.html"]
    assert "and 551 more" in page.text


def test_a_run_without_reports_does_not_speak_of_them() -> None:
    recorder = Recorder("r1")
    for event in fan_out(1):
        recorder(event)
    assert "Reports" not in render_index(recorder.record)


@pytest.mark.parametrize("width", [501, 10_000])
def test_a_wide_fan_out_is_summed_up_and_its_failures_are_not(width: int) -> None:
    recorder = Recorder("r1")
    for event in fan_out(width, bad=3):
        recorder(event)
    text = render_index(recorder.record)
    assert len(text) < 20_000
    assert f"× {width - 3:,}" in text
    assert text.count("bad 1") >= 2


def test_a_run_of_ten_thousand_anyhow_has_a_bounded_page() -> None:
    stream, recorder = Stream(), Recorder("r1")
    recorder(stream.queue("a0"))
    for place in range(10_000):
        for event in stream.call(f"c{place}", f"task{place}", f"c{place - 1}" if place % 3 else "a0"):
            recorder(event)
    text = render_index(recorder.record)
    Parsed(text)
    assert text.count("<tr>") < 6100


def test_an_empty_record_has_a_page() -> None:
    Parsed(render_index(RunRecord(name="r1")))
