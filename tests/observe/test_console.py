"""Consoles tell what happened in order, show nothing a terminal obeys, and never hold up, let alone end, a run."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterable

import pytest

from localflyte.observe import pump
from localflyte.observe.console import Console
from localflyte.observe.console import JsonConsole
from localflyte.observe.console import LiveConsole
from localflyte.observe.console import PlainConsole
from localflyte.observe.console import create_console
from localflyte.spec.event import Event
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

ERROR = {"kind": "user", "code": "ValueError", "message": "bad\nmore"}
HOSTILE = "\x1b]0;evil\x07\x1b[2J\n[bold]x[/] </script>\udc80\u202e"


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def told(events: Iterable[Event]) -> list[str]:
    """What a plain console says, without the clock."""
    stream = io.StringIO()
    console = PlainConsole(stream)
    for event in events:
        console(event)
        console.flush()
    console.close()
    return [line[10:] if line[2:3] == ":" else line for line in stream.getvalue().splitlines()]


def test_a_run_line_by_line() -> None:
    stream = Stream("r1")
    events = [
        stream.begin(),
        *stream.call("a0", text=b"hello\nhalf"),
        *stream.hit("c0", "work"),
        *stream.call("d0", "worse", error=ERROR),
        stream.event("action.report", "a0", path="reports/a0.html"),
        stream.event("notice", text="images are recorded only"),
        stream.finish(),
    ]
    assert told(events) == [
        "run r1: env.main of main.py",
        "main | hello",
        "main | half",
        "main  done in 120 ms",
        "work  cached",
        "worse  failed after 120 ms: ValueError: bad",
        "a0  report reports/a0.html",
        "note: images are recorded only",
        "r1 succeeded in 1.5 s; 3 actions: 1 done, 1 cached, 1 failed",
    ]


def test_a_report_is_told_of_once_however_often_it_is_written() -> None:
    """A task that shows how far it is writes its report again and again."""
    stream = Stream("r1")
    reports = [stream.event("action.report", "a0", path="reports/a0.html") for _ in range(3)]
    assert told([stream.queue("a0"), *reports, stream.done("a0")]) == ["main  report reports/a0.html", "main  done in 120 ms"]


def test_a_miss_is_told_where_there_is_a_reason() -> None:
    stream = Stream()
    asked, plain = stream.queue("a0", "work"), stream.queue("b0", "other")
    why = "function helpers.double changed since\nrun calm-owl (2 min ago)"
    events = [asked, stream.event("action.miss", "a0", key="k", parts={}, why=why), plain, stream.event("action.miss", "b0", why="")]
    assert told(events) == ["work  not taken from the cache: function helpers.double changed since run calm-owl (2 min ago)"]


def test_a_live_tree_tells_the_reason_of_a_miss_above_it() -> None:
    stream, terminal = Stream(), Terminal()
    console = LiveConsole(terminal)
    for event in [stream.begin(), stream.queue("a0", "work"), stream.event("action.miss", "a0", why="salt changed")]:
        console(event)
    console.close()
    assert "work  not taken from the cache: salt changed" in terminal.getvalue()


def test_a_live_tree_has_no_tick_for_what_was_ended() -> None:
    stream, terminal = Stream(), Terminal()
    console = LiveConsole(terminal)
    for event in [stream.begin(), stream.queue("a0", "work"), stream.done("a0", "aborted"), stream.finish("aborted")]:
        console(event)
    console.close()
    assert "■" in terminal.getvalue()
    assert "✓" not in terminal.getvalue()


def test_programs_are_told_the_reason_of_a_miss() -> None:
    stream, out = Stream(), io.StringIO()
    console = JsonConsole(out)
    console(stream.event("action.miss", "a0", key="k", parts={"task": "env.work"}, why="salt changed"))
    console.close()
    assert json.loads(out.getvalue())["data"] == {"key": "k", "parts": {"task": "env.work"}, "why": "salt changed"}


def test_the_calls_of_a_fan_out_are_told_apart() -> None:
    stream = Stream()
    events = [stream.queue(f"abcdef{place}", "work") for place in range(2)]
    assert told([*events, stream.log("abcdef0", b"x\n"), stream.done("abcdef1")]) == ["work abcdef | x", "work abcdef  done in 120 ms"]


def test_a_retry_says_why_and_its_output_which_attempt() -> None:
    stream = Stream()
    events = [
        stream.queue("a0"),
        stream.start("a0", attempt=0),
        stream.end("a0", "failed", attempt=0, error=ERROR),
        stream.event("action.retrying", "a0", attempt=0, delay=2.0),
        stream.start("a0", attempt=1),
        stream.log("a0", b"x\n", attempt=1),
    ]
    assert told(events) == ["main  attempt 0 failed, retrying in 2.0 s: ValueError: bad", "main #1 | x"]


def test_a_character_cut_by_a_chunk_is_whole() -> None:
    stream = Stream()
    assert told([stream.queue("a0"), stream.log("a0", "é".encode()[:1]), stream.log("a0", "é\n".encode()[1:])]) == ["main | é"]


def test_a_progress_bar_is_one_line() -> None:
    stream = Stream()
    assert told([stream.queue("a0"), stream.log("a0", b"\r10%\r50%"), stream.log("a0", b"\r100%\r\n")]) == ["main | 100%"]


def test_output_without_line_breaks_comes_in_pieces() -> None:
    stream = Stream()
    lines = told([stream.queue("a0"), stream.log("a0", b"x" * 100_000), stream.finish()])
    assert sum(line.count("x") for line in lines) == 100_000
    assert max(map(len, lines)) < 9000


@pytest.mark.parametrize("kind", ["plain", "live"])
def test_nothing_that_a_terminal_obeys_is_shown(kind: str) -> None:
    stream = Stream(HOSTILE)
    error = {"kind": HOSTILE, "code": HOSTILE, "message": HOSTILE, "traceback": HOSTILE}
    terminal = Terminal()
    console: Console = PlainConsole(terminal) if kind == "plain" else LiveConsole(terminal)
    events = [
        stream.begin(task=HOSTILE),
        stream.queue("a0", HOSTILE, group=HOSTILE),
        stream.queue("a1", HOSTILE),
        stream.start("a0"),
        stream.log("a0", HOSTILE.encode("utf-8", "surrogatepass")),
        stream.end("a0", "failed", error=error),
        stream.event("action.retrying", "a0", attempt=0, delay=0),
        stream.event("action.report", "a0", path=HOSTILE),
        stream.event("notice", text=HOSTILE),
        stream.done("a0", HOSTILE, error=error),
        stream.finish(HOSTILE, error=error),
    ]
    for event in events:
        console(event)
        console.flush()
    console.close()
    shown = terminal.getvalue()
    assert "\x1b]" not in shown
    assert "\x1b[2J" not in shown
    assert "\u202e" not in shown
    assert "[bold]x[/]" in shown
    shown.encode()


def test_a_plain_terminal_keeps_the_colours_of_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    events = [stream.queue("a0"), stream.log("a0", b"\x1b[31mred\n")]
    shown = []
    for no_color in (False, True):
        monkeypatch.delenv("NO_COLOR", raising=False)
        if no_color:
            monkeypatch.setenv("NO_COLOR", "1")
        terminal = Terminal()
        console = PlainConsole(terminal)
        for event in events:
            console(event)
        console.close()
        shown.append(terminal.getvalue())
    assert shown == ["main | \x1b[31mred\x1b[0m\n", "main | red\n"]


def test_a_stream_that_cannot_spell_a_character_gets_its_number() -> None:
    raw = io.BytesIO()
    console = PlainConsole(io.TextIOWrapper(raw, encoding="ascii"))
    stream = Stream()
    console(stream.queue("a0"))
    console(stream.log("a0", "é\n".encode()))
    console.close()
    assert raw.getvalue() == b"main | \\xe9\n"


@pytest.mark.parametrize("kind", [PlainConsole, LiveConsole, JsonConsole])
@pytest.mark.parametrize(("error", "count"), [(OSError("gone"), 1), (ValueError("closed"), 1), (BrokenPipeError(), 0)])
def test_a_stream_that_fails_is_told_once_and_a_closed_pipe_never(
    kind: type[PlainConsole | LiveConsole | JsonConsole], error: Exception, count: int
) -> None:
    class Broken(Terminal):
        def write(self, text: str) -> int:
            raise error

    notices: list[str] = []
    console = kind(Broken(), notices.append)
    for event in fan_out(20):
        console(event)
        console.flush()
    console.close()
    console.close()
    assert len(notices) == count


@pytest.mark.parametrize("kind", [PlainConsole, LiveConsole])
def test_a_stuck_terminal_holds_up_nothing(kind: type[PlainConsole | LiveConsole], monkeypatch: pytest.MonkeyPatch) -> None:
    """A sink that hangs: events are taken all the same, memory stays bounded, and closing gives up."""
    monkeypatch.setattr(pump, "PATIENCE", 0.05)
    go_on = threading.Event()

    class Stuck(Terminal):
        def write(self, text: str) -> int:
            go_on.wait(20)
            raise BrokenPipeError

    console = kind(Stuck())
    stream = Stream()
    console(stream.queue("a0"))
    console.flush()
    chunk = stream.log("a0", b"x" * 65536)
    for _ in range(1000):
        console(chunk)
        console.flush()
    console.close()
    assert len(console._backlog._items) < 40
    go_on.set()
    assert console._pump._thread is not None
    console._pump._thread.join()


def test_what_was_left_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Stream()
    terminal = io.StringIO()
    console = PlainConsole(terminal)
    monkeypatch.setattr(console._pump, "wake", lambda: None)
    console(stream.queue("a0"))
    for _ in range(40):
        console(stream.log("a0", b"x" * 65535 + b"\n"))
    console._write()
    assert "[localflyte] 1.4 MiB of output left out here" in terminal.getvalue()


def test_ten_thousand_calls_are_all_told() -> None:
    lines = told(fan_out(10_000))
    assert len(lines) == 10_003
    assert lines[-1].endswith("10,001 actions: 10,001 done")


def test_a_console_that_saw_nothing_starts_no_thread() -> None:
    before = threading.active_count()
    for kind in (PlainConsole, LiveConsole, JsonConsole):
        console = kind(io.StringIO())
        console.flush()
        console.close()
    assert threading.active_count() == before


def test_the_tree_is_drawn_with_its_failures_and_a_summary() -> None:
    terminal = Terminal()
    console = LiveConsole(terminal)
    for event in fan_out(10_000, bad=2):
        console(event)
    console.close()
    console.close()
    shown = terminal.getvalue()
    assert "10,000/10,000" in shown
    assert "9,998 done, 2 failed" in shown
    assert "ValueError: bad 1" in shown
    assert shown.count("r1 succeeded in 1.5 s; 10,001 actions: 9,999 done, 2 failed") == 1
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")


def test_json_is_one_object_for_each_event() -> None:
    terminal = io.StringIO()
    console = JsonConsole(terminal)
    events = list(fan_out(3))
    for event in events:
        console(event)
        console.flush()
    console.close()
    rows = [json.loads(line) for line in terminal.getvalue().splitlines()]
    assert [(row["kind"], row["action"]) for row in rows] == [(event.kind, event.action) for event in events]


def test_json_shows_output_as_text_with_whole_characters() -> None:
    stream = Stream()
    terminal = io.StringIO()
    console = JsonConsole(terminal)
    for event in (stream.log("a0", b"a\xc3"), stream.log("a0", b"\xa9\xff"), stream.log("a0", b"\xc3"), stream.end("a0")):
        console(event)
    console.close()
    rows = [json.loads(line) for line in terminal.getvalue().splitlines()]
    assert [row["data"].get("text") for row in rows] == ["a", "é\\xff", "", "\\xc3", None]


@pytest.mark.parametrize(
    ("kind", "stream", "term", "made"),
    [
        ("auto", Terminal(), "xterm", LiveConsole),
        ("auto", Terminal(), "dumb", PlainConsole),
        ("auto", io.StringIO(), "xterm", PlainConsole),
        ("auto", io.TextIOWrapper(io.BytesIO(), encoding="ascii"), "xterm", PlainConsole),
        ("plain", Terminal(), "xterm", PlainConsole),
        ("live", Terminal(), "dumb", LiveConsole),
        ("live", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"), "xterm", PlainConsole),
        ("json", Terminal(), "xterm", JsonConsole),
    ],
)
def test_the_console_fits_the_stream(kind: str, stream: io.TextIOBase, term: str, made: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.delenv("CI", raising=False)
    assert type(create_console(kind, stream)) is made  # type: ignore[arg-type]
