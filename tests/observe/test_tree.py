"""Runs as text: everything of a small one, the sums and the failures of a large one, nothing a terminal obeys."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from localflyte.observe.tree import format_run
from localflyte.observe.tree import format_runs
from localflyte.runs.history import RunSummary
from localflyte.runs.record import Recorder
from localflyte.runs.record import RunRecord
from localflyte.runs.record import State
from localflyte.spec.event import Event
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

HOSTILE = "\x1b]0;evil\x07\x1b[2J\nx\udc80\u202e"


def record(events: Iterable[Event]) -> RunRecord:
    recorder = Recorder("r1")
    for event in events:
        recorder(event)
    return recorder.record


def test_a_small_run_is_shown_whole() -> None:
    lines = format_run(record(fan_out(3, bad=1))).splitlines()
    assert lines[0] == "r1  env.main of main.py"
    assert lines[1].startswith("succeeded in 1.5 s, started 20")
    assert lines[2:] == [
        "4 actions: 3 succeeded, 1 failed",
        "",
        "✓  main  a0  120 ms",
        "├─ ✗  work  c0  failed  120 ms  ValueError: bad 0",
        "├─ ✓  work  c1  120 ms",
        "└─ ✓  work  c2  120 ms",
        "",
        "work c0  ValueError: bad 0",
        "  Traceback: ...",
    ]


def test_ten_thousand_calls_are_a_few_lines() -> None:
    text = format_run(record(fan_out(10_000, bad=12)))
    assert len(text.splitlines()) < 40
    assert "work × 9,990" in text
    assert "9,988 succeeded, 2 failed" in text


@pytest.mark.parametrize("shape", ["chain", "comb"])
def test_any_shape_has_a_bounded_tree(shape: str) -> None:
    stream = Stream()
    names = [(f"c{place}", f"task{place}", f"c{place - 1}" if shape == "chain" or place % 2 else f"c{place - 2}") for place in range(5000)]
    text = format_run(record(stream.queue(*name) for name in names))
    assert len(text) < 1_000_000
    assert "not shown" in text


def test_a_run_that_failed_before_any_action_says_why() -> None:
    error = {"code": "ModuleLoadError", "message": "no such module", "traceback": "Traceback: x"}
    assert "ModuleLoadError: no such module" in format_run(record([Stream().finish("failed", error=error)]))


@pytest.mark.parametrize("colours", [False, True])
def test_nothing_that_a_terminal_obeys_is_shown(colours: bool) -> None:
    stream = Stream(HOSTILE)
    error = {"kind": HOSTILE, "code": HOSTILE, "message": HOSTILE, "traceback": HOSTILE}
    run = record(
        [
            stream.begin(task=HOSTILE),
            stream.queue("a0", HOSTILE, group=HOSTILE),
            *stream.call(HOSTILE, HOSTILE, "a0", error=error),
            stream.event("notice", text=HOSTILE),
            stream.done("a0", HOSTILE, error=error),
            stream.finish(HOSTILE, error=error),
        ]
    )
    run.damaged = 2
    text = format_run(run, colours)
    assert "\x1b]" not in text
    assert "\x1b[2J" not in text
    assert "\u202e" not in text
    assert ("\x1b[" in text) is colours
    text.encode()
    assert "2 lines of the journal are damaged" in text


def test_runs_are_a_table() -> None:
    runs = [
        RunSummary(name="r1", path="", task="env.main", status=State.SUCCEEDED, started=0.0, seconds=1.5, error=""),
        RunSummary(name="first-run", path="", task=HOSTILE, status=State.TIMED_OUT, started=0.0, seconds=None, error=HOSTILE),
    ]
    lines = format_runs(runs).splitlines()
    assert [line.split()[0] for line in lines] == ["RUN", "r1", "first-run"]
    assert "timed out" in lines[2]
    assert "\x1b" not in "".join(lines)
    assert "\x1b[31m" in format_runs(runs, colours=True)


def test_without_runs_the_way_to_one_is_told() -> None:
    assert "localflyte run FILE TASK" in format_runs([])
