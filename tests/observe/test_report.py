"""A report is one page on which nothing of it can act outside its frame; what it may do inside is what its scripts need."""

from __future__ import annotations

import pytest

from localflyte.observe.disguises import disguises
from localflyte.observe.report import framed
from localflyte.observe.report import render_report
from tests.observe.hostile import CANARIES
from tests.observe.hostile import Parsed


def frames(page: Parsed) -> list[dict[str, str | None]]:
    return [attrs for tag, attrs in page.elements if tag == "iframe"]


@pytest.mark.parametrize("canary", CANARIES)
def test_a_report_stays_in_its_frame(canary: str) -> None:
    page = Parsed(render_report(canary, canary, [(canary, canary), ("two", canary)]))
    assert page.shape == Parsed(render_report("plain", "plain", [("plain", "plain"), ("two", "plain")])).shape
    assert [set(frame) for frame in frames(page)] == [{"id", "title", "sandbox", "referrerpolicy", "srcdoc"}] * 2
    assert all("allow-same-origin" not in (frame["sandbox"] or "") for frame in frames(page))


@pytest.mark.parametrize("body", ['<h2 class="x">Ünïcode & more</h2>', "&amp; &quot; &lt;b&gt;", "<a title='\"'>x</a>"])
def test_a_report_is_shown_as_it_was_written(body: str) -> None:
    assert body in Parsed(render_report("title", "", [("main", body)])).attributes("srcdoc")[0]


def test_what_utf8_or_html_cannot_hold_is_replaced() -> None:
    render_report("title", "", [("main", "\udc80")]).encode()
    assert "a\N{REPLACEMENT CHARACTER}b" in render_report("title", "", [("main", "a\x00b")])


@pytest.mark.parametrize(
    "body", ["<table><tr><td>1", "<a href='https://x.test/'>on the one hand</a>", "<p>Scripts are not run. online</p>", ""]
)
def test_a_report_without_scripts_has_a_page_that_allows_none(body: str) -> None:
    page = Parsed(render_report("t", "", [("main", body)]))
    assert page.policy.startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    assert "script-src" not in page.policy
    assert frames(page)[0]["sandbox"] == ""


@pytest.mark.parametrize("body", ["<SCRIPT>x()</SCRIPT>", "<svg/onload=x()>", '<b title="a"onclick = "x()">', "<a href=JavaScript:x()>"])
def test_a_report_with_scripts_may_run_them_in_its_frame_and_reach_nothing(body: str) -> None:
    page = Parsed(render_report("t", "", [("table", "<p>"), ("chart", body)]))
    assert [frame["sandbox"] for frame in frames(page)] == ["", "allow-scripts"]
    policy = dict(directive.split(" ", 1) for directive in page.policy.split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["script-src"] == "'unsafe-inline' 'unsafe-eval'"
    assert policy["connect-src"] == policy["img-src"] == "data: blob:"
    assert "http" not in page.policy


def test_libraries_are_loaded_from_where_they_are_kept_and_the_report_says() -> None:
    """Charts that load their library cannot do without; no other address may be asked, and no data can go to these."""
    body = '<script src="https://cdn.plot.ly/plotly.js"></script><script src="https://elsewhere.test/x.js"></script>'
    policy = Parsed(render_report("t", "", [("chart", body)])).policy
    assert "script-src 'unsafe-inline' 'unsafe-eval' https://cdn.plot.ly;" in policy
    assert policy.count("https://cdn.plot.ly") == policy.count("https://") == 3
    assert "connect-src data: blob:" in policy


def test_a_name_alone_opens_no_address() -> None:
    assert "https" not in Parsed(render_report("t", "", [("main", "<p>cdn.plot.ly</p>")])).policy


def test_a_single_tab_needs_no_tabs() -> None:
    page = Parsed(render_report("title", "", [("main", "x")]))
    assert "nav" not in page.tags
    assert [("hidden" in attrs, "checked" in attrs) for tag, attrs in page.elements if tag == "input"] == [(True, True)]


def test_the_first_of_several_tabs_is_shown() -> None:
    page = Parsed(render_report("title", "", [("a", ""), ("", ""), ("a", "")]))
    assert [("hidden" in attrs, "checked" in attrs) for tag, attrs in page.elements if tag == "input"] == [
        (False, True),
        *[(False, False)] * 2,
    ]
    assert [text for text in page.text if text in ("a", "(no name)")] == ["a", "(no name)", "a"]


def test_a_report_without_tabs_is_a_page() -> None:
    assert "Nothing was written into this report." in Parsed(render_report("title", "", [])).text


@pytest.mark.parametrize("value", ['sword"fish&chips', "sword<fish>&'chips'"])
def test_a_secret_is_known_as_it_stands_in_a_report(value: str) -> None:
    forms = disguises(value)
    assert framed(value).encode() in forms
    assert framed(value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")).encode() in forms
