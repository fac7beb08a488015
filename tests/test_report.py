"""flyte.report: the page that a task writes about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from localflyte import report
from localflyte.api import context
from localflyte.api.port import set_port
from tests.observe.hostile import Parsed


class FakePort:
    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append((kind, data))


@pytest.fixture
def port(tmp_path: Path) -> Iterator[FakePort]:
    """This process as if it ran the action a3 of a run whose folder is tmp_path."""
    fake = FakePort()
    set_port(fake)  # type: ignore[arg-type]
    context.enter({"run": "r", "action": "a3", "run_base_dir": str(tmp_path)})
    yield fake
    context.activate(None)
    set_port(None)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "reports" / "a3.html"


class TestWriting:
    def test_log_adds_to_the_main_tab(self, port: FakePort) -> None:
        report.log("<p>one</p>")
        report.log("<p>two</p>")
        assert report.current_report().get_tab("main").content == ["<p>one</p>", "<p>two</p>"]

    def test_replace_leaves_nothing_of_what_was_there(self, port: FakePort) -> None:
        report.log("<p>old</p>")
        report.replace("<p>new</p>")
        assert report.get_tab("main").content == ["<p>new</p>"]

    def test_a_tab_is_made_when_first_named(self, port: FakePort) -> None:
        tab = report.get_tab("Table")
        tab.log("<b>1</b>")
        tab.log("<b>2</b>")
        assert report.current_report().tabs["Table"] is report.get_tab("Table", create_if_missing=False) is tab
        assert tab.get_html() == "<b>1</b>\n<b>2</b>"
        tab.replace("<b>3</b>")
        assert tab.get_html() == "<b>3</b>"

    def test_a_tab_that_must_be_there_and_is_not(self) -> None:
        with pytest.raises(ValueError, match="Tab other does not exist. There are: main."):
            report.get_tab("other", create_if_missing=False)

    @pytest.mark.parametrize("written", [(), ("main",), ("Table",)])
    def test_what_counts_as_content(self, written: tuple[str, ...]) -> None:
        """A tab alone is none, be it the one that is always there or one that was asked for."""
        own = report.Report("own")
        own.get_tab("Table")
        for name in written:
            own.get_tab(name).log("<p></p>")
        assert own.has_content() is bool(written)

    def test_the_next_action_has_a_report_of_its_own(self, port: FakePort, tmp_path: Path) -> None:
        report.log("of a3")
        context.enter({"run": "r", "action": "a4", "run_base_dir": str(tmp_path)})
        assert not report.current_report().has_content()

    def test_outside_a_task_nothing_is_kept(self) -> None:
        report.log("lost", do_flush=True)
        report.replace("lost", do_flush=True)
        report.flush()
        assert report.current_report().name == "dummy"
        assert not report.current_report().has_content()


class TestFlushing:
    def test_flush_writes_the_page_and_tells_where(self, port: FakePort, page: Path) -> None:
        report.log("<p>one</p>")
        report.log("<p>two</p>", do_flush=True)
        assert "<p>one</p>\n<p>two</p>" in page.read_text()
        assert port.told == [("report", {"path": str(page)})]

    def test_nothing_is_written_before(self, port: FakePort, page: Path) -> None:
        report.log("<p>one</p>")
        report.replace("<p>two</p>")
        assert port.told == []
        assert not page.exists()

    def test_awaited_forms(self, port: FakePort, page: Path) -> None:
        async def main() -> None:
            await report.log.aio("<p>old</p>", do_flush=True)
            await report.replace.aio("<p>new</p>")
            await report.flush.aio()

        asyncio.run(main())
        assert "<p>new</p>" in page.read_text()
        assert "<p>old</p>" not in page.read_text()

    def test_each_flush_shows_how_far_it_is(self, port: FakePort, page: Path) -> None:
        shown = []
        for step in range(3):
            report.log(f"<p>step {step}</p>", do_flush=True)
            shown.append(page.read_text().count("<p>step "))
        report.replace("<p>step 3, the last</p>", do_flush=True)
        shown.append(page.read_text().count("<p>step "))
        assert shown == [1, 2, 3, 1]

    def test_the_end_writes_only_what_has_content(self, port: FakePort) -> None:
        report.flush_at_end()
        assert port.told == []
        report.get_tab("Table").log("<table></table>")
        report.flush_at_end()
        assert len(port.told) == 1

    def test_the_page_is_nobody_elses_and_leaves_no_drafts(self, port: FakePort, page: Path) -> None:
        report.log("x", do_flush=True)
        report.log("y", do_flush=True)
        assert page.stat().st_mode & 0o777 == 0o600
        assert list(page.parent.iterdir()) == [page]

    def test_threads_that_flush_at_once(self, port: FakePort, page: Path) -> None:
        """Each writes a draft of its own; one for all would be torn, or gone when the second of them puts it in its place."""
        report.log("<p>whole</p>")
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(report.flush) for _ in range(200)]:
                done.result()
        assert "<p>whole</p>" in page.read_text()
        assert list(page.parent.iterdir()) == [page]

    def test_what_cannot_be_encoded_does_not_stop_it(self, port: FakePort, page: Path) -> None:
        report.get_tab("a\udc80").log("b\udc80")
        report.flush()
        assert "b?" in page.read_text()


class TestPage:
    def test_tabs_keep_their_order_and_an_empty_main_is_hidden(self, port: FakePort) -> None:
        report.get_tab("B & C").log("b")
        report.get_tab("A").log("a")
        page = report.current_report().get_final_report()
        assert page.index("B &amp; C</label>") < page.index("A</label>")
        assert "main</label>" not in page

    def test_a_tab_that_was_asked_for_is_shown_without_content(self, port: FakePort) -> None:
        report.get_tab("A")
        report.log("x")
        page = report.current_report().get_final_report()
        assert page.index("main</label>") < page.index("A</label>")

    def test_the_page_says_whose_it_is(self, tmp_path: Path, port: FakePort, page: Path) -> None:
        context.enter({"run": "r7", "action": "a3", "task": {"name": "env.<main>"}, "run_base_dir": str(tmp_path)})
        report.log("x", do_flush=True)
        assert "<h1>env.&lt;main&gt;</h1>" in page.read_text()
        assert "Report of action a3 in run r7" in page.read_text()

    def test_a_report_without_a_task_has_its_name(self) -> None:
        assert "<h1>mine</h1>" in report.Report("mine").get_final_report()

    def test_dollar_signs_in_content_stay(self, port: FakePort) -> None:
        report.log("<p>$5 $BODY_HTML</p>")
        assert "$5 $BODY_HTML" in report.current_report().get_final_report()

    def test_a_template_is_filled_and_shown_like_a_tab(self, tmp_path: Path) -> None:
        (tmp_path / "page.html").write_text("<ul>$NAV_HTML</ul><b>$BODY_HTML</b> costs $5")
        own = report.Report("own", template_path=tmp_path / "page.html")
        own.get_tab("main").log("<i>x</i>")
        own.get_tab("<two>").log("y")
        (body,) = Parsed(own.get_final_report()).attributes("srcdoc")
        assert body.endswith("<b><div><i>x</i></div><div>y</div></b> costs $5</body></html>")
        assert ">&lt;two&gt;</li></ul>" in body


class TestTimeline:
    def test_rows_come_one_below_the_other_in_their_tab(self, port: FakePort) -> None:
        line = report.Timeline("Steps")
        line.heading("Start <now>")
        line.row(icon="&#9881;", label="load <x>", meta="<3 ms>", detail="<i>all of it</i>")
        heading, row = report.get_tab("Steps").content
        assert "Start &lt;now&gt;</h3>" in heading
        assert "&#9881; <b>load &lt;x&gt;</b>" in row
        assert "&lt;3 ms&gt;</small> <i>all of it</i></div>" in row

    def test_an_error_is_text_and_a_long_one_folds(self, port: FakePort) -> None:
        report.Timeline().row(label="load", error="<b>" + "x" * 297)
        (row,) = report.get_tab("main").content
        assert "&lt;b&gt;xxx" in row
        assert "... (+100)</summary>" in row

    def test_rows_have_only_what_they_are_given(self, port: FakePort) -> None:
        report.Timeline().row(label="load")
        (row,) = report.get_tab("main").content
        assert row.endswith(">• <b>load</b></div>")

    def test_outside_a_task_it_is_silent(self) -> None:
        line = report.Timeline()
        line.heading("Run")
        line.row(label="load", error="failed")


class TestAbbreviate:
    @pytest.mark.parametrize(
        ("value", "shown"), [(None, ""), ("hi", "hi"), (42, "42"), ("<script>", "&lt;script&gt;"), ("x" * 300, "x" * 300)]
    )
    def test_what_is_short_is_shown_as_text(self, value: Any, shown: str) -> None:
        assert report.abbreviate(value) == shown

    def test_what_is_long_folds_and_is_there_whole(self) -> None:
        shown = report.abbreviate("<" * 350, limit=300)
        assert shown.startswith("<details")
        assert "... (+50)</summary>" in shown
        assert shown.count("&lt;") == 300 + 350

    def test_what_is_very_long_is_cut_and_says_by_how_much(self) -> None:
        shown = report.abbreviate("é" * 60_000)
        assert shown.count("é") == 300 + 20_000
        assert "40,000 more characters are left out" in shown


@pytest.mark.parametrize(
    ("start", "end", "shown"),
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:01.5Z", "1500 ms"),
        ("2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00Z", "3600000 ms"),
        ("", "2024-01-01T00:00:01Z", ""),
        (None, None, ""),
        ("yesterday", "today", ""),
        ("2024-01-01T00:00:00", "2024-01-01T00:00:01Z", ""),
    ],
)
def test_durations(start: Any, end: Any, shown: str) -> None:
    assert report.duration_ms(start, end) == shown
