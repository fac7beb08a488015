"""Nothing that a task writes can move the cursor, set the title, or reach the clipboard of the terminal that shows it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.observe.text import bare
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import further_lines
from localflyte.observe.text import one_line
from localflyte.observe.text import printable
from localflyte.observe.text import size

ALLOWED = re.compile(r"\x1b\[[0-9;:]*m|[^\x00-\x08\x0b-\x1f\x7f-\x9f\x1b]|\n|\t")


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"plain", "plain"),
        (b"a\tb\nc", "a\tb\nc"),
        (b"a\r\nb", "a\nb"),
        (b"10%\r20%\r", "10%\n20%\n"),
        (b"\x1b]0;title\x07x", "x"),
        (b"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        (b"\x1b]52;c;ZXZpbA==\x07x", "x"),
        (b"\x1bP1$r\x1b\\x", "x"),
        (b"\x1b_apc\x1b\\x", "x"),
        (b"\x1b^pm\x1b\\x", "x"),
        (b"\x1bXsos\x1b\\x", "x"),
        (b"\x1b[2J\x1b[1;1Hx", "x"),
        (b"\x1b[?1049hx", "x"),
        (b"\x1b[>4;2mx", "x"),
        (b"\x1b[6nx", "x"),
        (b"\x1bcx", "x"),
        (b"\x1b(0x", "x"),
        (b"\x07\x08\x00x", "x"),
        (b"\x1b]0;never ended", "0;never ended"),
        (b"\x1b", ""),
        (b"\x1b[", ""),
        ("\x9b2Jx".encode(), "x"),
        ("\x9d0;title\x9cx".encode(), "x"),
        ("\x90dcs\x9cx".encode(), "x"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("\u202egnp.exe".encode(), "\\u202egnp.exe"),
        ("é😀".encode(), "é😀"),
    ],
)
def test_only_text_is_left(data: bytes, shown: str) -> None:
    assert printable(data) == shown


def test_colours_stay_and_end_with_their_line() -> None:
    assert printable(b"\x1b[1;31mred\x1b[38;2;1;2;3mx\nnext") == "\x1b[1;31mred\x1b[38;2;1;2;3mx\x1b[0m\nnext"


def test_an_8_bit_colour_is_spelled_out() -> None:
    assert printable("\x9b31mred".encode()) == "\x1b[31mred\x1b[0m"


@given(st.binary(max_size=60) | st.text(st.sampled_from("\x1b\x9b\x9d\x90[]0;8m\x07\\\n\rxP^_ ?"), max_size=30).map(str.encode))
def test_no_bytes_pass_that_a_terminal_obeys(data: bytes) -> None:
    assert ALLOWED.sub("", printable(data)) == ""
    assert "\x1b" not in bare(data)


@given(st.text(max_size=40))
def test_one_line_is_one_line_and_can_be_encoded(text: str) -> None:
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()


def test_long_text_is_cut() -> None:
    assert one_line("x" * 100, 10) == "x" * 9 + "…"


@pytest.mark.parametrize("introducer", ["\x1b]", "\x1b[", "\x9d", "\x9b", "\x1bP", "\x1b(", "\x1b[0;"])
def test_text_made_of_introducers_takes_linear_time(introducer: str) -> None:
    """No pattern starts over inside of another one's match: a hostile log must not take minutes."""
    assert len(printable(introducer * 200_000)) <= 2 * 200_000


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (-1.0, "0 ms"),
        (0.0123, "12 ms"),
        (0.9999, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1m 00s"),
        (3599.6, "1h 00m"),
        (7300, "2h 01m"),
    ],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize("at", [float("inf"), float("nan"), 1e300, -1e300])
def test_no_time_is_too_odd(at: float) -> None:
    assert "?" in clock(at)
    assert "?" in clock(at, with_date=True)


@pytest.mark.parametrize(("count", "shown"), [(5, "5 bytes"), (2048, "2.0 KiB"), (64 * 1024**2, "64.0 MiB"), (3 * 1024**3, "3.0 GiB")])
def test_sizes(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("message", "traceback", "lines"),
    [
        ("one line", "", []),
        ("", "", []),
        ("what\nit was seen  \n\n  - so\n", "", ["it was seen", "", "  - so"]),
        ("what\nit was seen", "Traceback:\n  File x\nError: what\nit was seen", []),
        ("'NAME'\nDeclare it", "Traceback:\nKeyError: 'NAME'", ["Declare it"]),
        ("what\n\x1b]0;title\x07\x1b[31mred", "", ["red"]),
        ("\n".join("abcd"), "", ["b", "c", "... 1 more lines"]),
    ],
)
def test_further_lines_are_those_that_nothing_else_shows(message: str, traceback: str, lines: list[str]) -> None:
    assert further_lines(message, traceback, 2 if message.startswith("a") else 40) == lines
