"""flyte.report: the page that a task writes about itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from localflyte import report
from localflyte.api import context
from localflyte.api.port import set_port


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


def test_flush_writes_the_page_and_tells_where(port: FakePort, tmp_path: Path) -> None:
    report.log("<p>one</p>")
    report.log("<p>two</p>", do_flush=True)
    page = tmp_path / "reports" / "a3.html"
    assert "<p>one</p>\n<p>two</p>" in page.read_text()
    assert port.told == [("report", {"path": str(page)})]


def test_awaited_forms(port: FakePort, tmp_path: Path) -> None:
    async def main() -> None:
        await report.log.aio("<p>old</p>")
        await report.replace.aio("<p>new</p>")
        await report.flush.aio()

    asyncio.run(main())
    text = (tmp_path / "reports" / "a3.html").read_text()
    assert "<p>new</p>" in text
    assert "<p>old</p>" not in text


def test_end_writes_only_what_has_content(port: FakePort) -> None:
    report.flush_at_end()
    assert port.told == []
    report.get_tab("Table").log("<table></table>")
    report.flush_at_end()
    assert len(port.told) == 1


def test_tabs_keep_their_order_and_an_empty_main_is_hidden(port: FakePort) -> None:
    report.get_tab("B & C").log("b")
    report.get_tab("A").log("a")
    page = report.current_report().get_final_report()
    assert page.index("B &amp; C</li>") < page.index("A</li>")
    assert "main</li>" not in page


def test_missing_tab() -> None:
    with pytest.raises(ValueError, match="Tab other does not exist"):
        report.get_tab("other", create_if_missing=False)


def test_next_action_has_a_report_of_its_own(port: FakePort, tmp_path: Path) -> None:
    report.log("of a3")
    context.enter({"run": "r", "action": "a4", "run_base_dir": str(tmp_path)})
    assert not report.current_report().has_content()


def test_outside_a_task_nothing_is_kept(tmp_path: Path) -> None:
    report.log("lost", do_flush=True)
    assert report.current_report().name == "dummy"
    assert not report.current_report().has_content()


def test_dollar_signs_in_content_stay(port: FakePort) -> None:
    report.log("<p>$5 $BODY_HTML</p>")
    assert "$5 $BODY_HTML" in report.current_report().get_final_report()


def test_own_template(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<b>$BODY_HTML</b>")
    own = report.Report("own", template_path=tmp_path / "page.html")
    own.get_tab("main").log("x")
    assert own.get_final_report() == "<b><div>x</div></b>"


def test_timeline(port: FakePort) -> None:
    line = report.Timeline("Steps")
    line.heading("Start <now>")
    line.row(label="load", meta="3 ms", error="x" * 300)
    html = report.get_tab("Steps").get_html()
    assert "Start &lt;now&gt;" in html
    assert "(+100)" in html


def test_durations() -> None:
    assert report.duration_ms("2024-01-01T00:00:00Z", "2024-01-01T00:00:01.5Z") == "1500 ms"
    assert report.duration_ms(None, "2024-01-01T00:00:00Z") == ""
