"""Counts are exact, and what is held grows with the program and never with the width of a fan-out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from localflyte.observe.tally import MOST_DEPTH
from localflyte.observe.tally import MOST_ROWS
from localflyte.observe.tally import RECENT
from localflyte.observe.tally import Counts
from localflyte.observe.tally import Row
from localflyte.observe.tally import Tally
from localflyte.observe.view import view
from localflyte.spec.event import Event
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

ERROR = {"code": "ValueError", "message": "bad\nmore"}


def tally(events: Iterable[Event]) -> Tally:
    counted = Tally()
    for event in events:
        counted(event)
    return counted


def rows(top: Row) -> list[Row]:
    return [row for below in top.below.values() for row in (below, *rows(below))]


def test_ten_thousand_calls_are_one_row() -> None:
    counted = tally(fan_out(10_000, bad=7))
    work = counted.top.below["main", ""].below["work", ""]
    assert work.counts == Counts(done=9_993, failed=7)
    assert counted.all == Counts(done=9_994, failed=7)
    assert len(work.failures) == 5
    assert counted.calls == counted.running == {}
    assert len(counted._recent) == RECENT


def test_each_state_is_counted_on_the_way() -> None:
    stream = Stream()
    counted = tally([stream.queue("a0"), stream.queue("c0", "work", "a0"), stream.queue("c1", "work", "a0"), stream.start("c0")])
    counts = counted.top.below["main", ""].below["work", ""].counts
    assert counts == Counts(queued=1, running=1)
    counted(stream.event("action.retrying", "c0", attempt=0, delay=1))
    assert counts == Counts(queued=2, retries=1)
    counted(stream.start("c0", attempt=1))
    counted(stream.done("c0", "aborted"))
    counted(stream.event("action.hit", "c1"))
    counted(stream.done("c1", cached=True))
    assert counts == Counts(cached=1, aborted=1, retries=1)
    assert counts.describe() == "1 cached, 1 aborted, 1 retried"


def test_a_task_that_calls_itself_is_one_row() -> None:
    stream = Stream()
    events = [stream.queue(f"c{level}", ("even", "odd")[level % 2], f"c{level - 1}") for level in range(500)]
    assert [(row.label, row.counts.queued) for row in rows(tally(events).top)] == [("even", 250), ("odd", 250)]


def test_no_program_makes_rows_without_end() -> None:
    stream = Stream()
    wide = [stream.queue(f"w{place}", f"task{place}") for place in range(500)]
    deep = [stream.queue(f"d{level}", f"deep{level}", f"d{level - 1}") for level in range(500)]
    made = rows(tally([*wide, *deep]).top)
    assert len(made) <= 3 * (MOST_ROWS + 1)
    assert max(row.depth for row in made) <= MOST_DEPTH
    assert sum(row.counts.queued for row in made) == 1000


def test_groups_are_told_apart() -> None:
    stream = Stream()
    counted = tally([stream.queue("a0"), *(stream.queue(f"c{place}", "work", "a0", group=f"g{place % 2}") for place in range(4))])
    assert [(row.label, row.counts.total) for row in rows(counted.top)] == [("main", 1), ("work (g0)", 2), ("work (g1)", 2)]


def test_late_output_still_has_a_name() -> None:
    stream = Stream()
    counted = tally(stream.call("a0"))
    call = counted(stream.log("a0", b"late"))
    assert call is not None
    assert call.label == "main"


@pytest.mark.parametrize(
    ("events", "line"),
    [
        (fan_out(2), "r1 succeeded in 1.5 s; 3 actions: 3 done"),
        ([*Stream().hit("a0"), Stream().finish("timed_out", 61)], " timed out in 1m 01s; 1 action: 1 cached"),
        ([Stream().finish()], " succeeded in 1.5 s; 0 actions: none"),
    ],
)
def test_the_summary_is_one_line(events: Iterable[Event], line: str) -> None:
    assert tally(events).summary() == line


def test_events_of_unknown_actions_are_no_harm() -> None:
    stream = Stream()
    events = [
        stream.start("x"),
        stream.end("x"),
        stream.done("x"),
        stream.log("x", b""),
        stream.event("action.retrying", "x"),
        stream.event("?"),
    ]
    assert tally(events).all == Counts()


def test_a_fan_out_of_ten_thousand_fits_on_one_screen() -> None:
    stream = Stream()
    events = [stream.queue("a0"), stream.start("a0"), *(stream.queue(f"c{place}", "work", "a0") for place in range(10_000))]
    events += [stream.start(f"c{place}") for place in range(1000)]
    seen = view(tally(events), events[-1].at + 60, height=24)
    assert [glimpse.kind for glimpse in seen] == ["row", "row", "running", "running", "running"]
    assert seen[1].guide == "└─ "


@pytest.mark.parametrize("height", [3, 5, 24])
def test_any_program_fits_on_any_screen(height: int) -> None:
    stream = Stream()
    events = []
    for place in range(200):
        events += stream.call(f"c{place}", f"task{place % 40}", f"c{place - 7}", error=ERROR if place % 3 else None)
        events += [stream.queue(f"r{place}", f"more{place % 40}", f"c{place}"), stream.start(f"r{place}")]
    assert len(view(tally(events), events[-1].at + 60, height)) <= height


def test_failures_are_named_below_their_row() -> None:
    seen = view(tally(fan_out(3, bad=1)), 0.0, height=24)
    assert [(glimpse.kind, glimpse.label) for glimpse in seen][2:] == [("failed", "c0  ValueError: bad 0")]
