"""Pages show a run whole, of any size, and nothing that a task named, printed or raised becomes a part of the page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from localflyte.observe.logs import LogSink
from localflyte.observe.page import PageSink
from localflyte.observe.page import render_index
from localflyte.observe.page import write_index
from localflyte.observe.report import wrap_report
from localflyte.runs.journal import Journal
from localflyte.runs.record import Recorder
from localflyte.runs.record import RunRecord
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

CANARIES = [
    "<script>canary()</script>",
    '"><img src=x onerror=canary()>',
    "'><svg onload=canary()>",
    "</title></style></pre><canary>",
    "javascript:canary()",
    "</iframe><canary>",
    "&lt;canary&gt;",
    "\x00\udc80\u202e\x1b]0;canary\x07",
    "</textarea><style>*{background:url(http://canary)}</style>",
]
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """The elements of a page, and whether each that was opened was closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def attributes(self, name: str) -> list[str]:
        return [value for _, attrs in self.elements if (value := attrs.get(name)) is not None]


def hostile_run(canary: str) -> RunRecord:
    stream = Stream(canary)
    error = {"kind": canary, "code": canary, "message": canary, "traceback": canary}
    recorder = Recorder(canary, f"/tmp/{canary}")
    for event in [
        stream.event("run.started", task=canary, file=canary, pid=1),
        stream.queue("a0", canary, group=canary),
        *stream.call(canary, canary, "a0", error=error),
        *(event for place in range(600) for event in stream.call(f"{canary}{place}", canary, "a0")),
        stream.event("notice", text=canary),
        stream.done("a0", canary, error=error),
        stream.finish(canary, error=error),
    ]:
        recorder(event)
    recorder.record.actions["a0"].logs = [f"logs/{canary}.0.out"]
    recorder.record.actions["a0"].report = f"reports/{canary}.html"
    return recorder.record


@pytest.mark.parametrize("canary", CANARIES)
def test_the_page_has_the_same_elements_whatever_the_names(canary: str) -> None:
    page, plain = Page(render_index(hostile_run(canary))), Page(render_index(hostile_run("plain")))
    assert page.tags == plain.tags
    assert [sorted(attrs) for _, attrs in page.elements] == [sorted(attrs) for _, attrs in plain.elements]
    assert page.attributes("class") == plain.attributes("class")
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert all(href.startswith(("./logs/", "./reports/")) for href in page.attributes("href"))


def test_the_page_runs_nothing_and_fetches_nothing() -> None:
    text = render_index(hostile_run("plain"))
    policy = next(attrs["content"] for _, attrs in Page(text).elements if attrs.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:")
    assert "script" not in Page(text).tags
    assert not re.search(r"https?://|@import|url\(", text)


def test_the_page_is_written_privately_and_can_be_encoded(tmp_path: Path) -> None:
    path = Path(write_index(hostile_run(CANARIES[7]), str(tmp_path)))
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
    for sink in (journal, logs, page):
        sink.close()
    shown = Page((tmp_path / "index.html").read_text("utf-8"))
    text = "\n".join(shown.text)
    assert shown.tags.count("tr") == 4
    assert {"env.main ", "succeeded", "cached", "failed", "Traceback: bad", "the end  of it", "be careful"} <= set(shown.text)
    assert "ValueError: bad" in text
    assert shown.attributes("href") == ["./logs/c0.1.out"]


def write_with_sinks(folder: Path) -> str:
    folder.mkdir()
    journal, page = Journal(str(folder)), PageSink(str(folder))
    for event in [*fan_out(50, bad=1), Stream().finish()]:
        journal(event)
        page(event)
    journal.close()
    page.close()
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
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    sink = PageSink(str(tmp_path / "none"), told.append)
    sink(Stream().finish())
    sink.close()
    assert len(told) == 1


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
    Page(text)
    assert text.count("<tr>") < 6100


def test_an_empty_record_has_a_page() -> None:
    Page(render_index(RunRecord(name="r1")))


@pytest.mark.parametrize("canary", CANARIES)
def test_a_report_stays_in_its_frame(canary: str) -> None:
    page = Page(wrap_report(canary, [(canary, canary), ("two", canary)]))
    assert [tag for tag in page.tags if tag not in ("html", "head", "meta", "title", "style", "body")] == [
        *("h1", "input", "input", "nav", "label", "label", "iframe", "iframe")
    ]
    frames = [attrs for tag, attrs in page.elements if tag == "iframe"]
    assert [frame["sandbox"] for frame in frames] == ["", ""]
    assert all(set(frame) == {"id", "title", "sandbox", "referrerpolicy", "srcdoc"} for frame in frames)


def test_a_report_is_shown_as_it_was_written() -> None:
    body = '<h2 class="x">Ünïcode & more</h2>'
    page = Page(wrap_report("title", [("main", body)]))
    assert body in (page.attributes("srcdoc")[0])
    assert "nav" not in page.tags


def test_a_report_fetches_nothing() -> None:
    assert "default-src 'none'" in wrap_report("t", [("main", "<img src=http://evil>")])


def test_a_report_without_tabs_is_a_page() -> None:
    Page(wrap_report("title", []))
