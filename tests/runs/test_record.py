"""A record is put together from any events, in order or not, whole or not."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from localflyte.runs.record import Recorder
from localflyte.runs.record import RunRecord
from localflyte.runs.record import State
from localflyte.spec.event import Event
from tests.observe.streams import Stream
from tests.observe.streams import fan_out

ERROR = {"kind": "user", "code": "ValueError", "message": "bad\nmore", "traceback": "Traceback"}
KINDS = [
    "run.started",
    "run.finished",
    "action.queued",
    "action.hit",
    "attempt.started",
    "attempt.ended",
    "action.retrying",
    "action.stored",
    "action.finished",
    "action.report",
    "notice",
    "new.kind",
]
VALUES = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["a", "b", "succeeded"]) | st.just(ERROR)
DATA = st.dictionaries(
    st.sampled_from(["parent", "trigger", "due", "status", "attempt", "seconds", "error", "pid", "short_name", "path", "cached"]), VALUES
)


def record(events: Iterable[Event]) -> RunRecord:
    recorder = Recorder("r1")
    for event in events:
        recorder(event)
    return recorder.record


def test_a_whole_run() -> None:
    run = record(fan_out(3, bad=1))
    assert (run.task, run.file, run.pid, run.status, run.seconds) == ("env.main", "main.py", 1, State.SUCCEEDED, 1.5)
    assert [(depth, action.name) for depth, action in run.walk()] == [(0, "a0"), (1, "c0"), (1, "c1"), (1, "c2")]
    assert run.counts() == {"succeeded": 3, "failed": 1}


def test_times_are_in_order() -> None:
    action = record(fan_out(1)).actions["c0"]
    assert action.queued is not None
    assert action.started is not None
    assert action.ended is not None
    assert action.queued < action.started < action.ended


def test_a_retry_is_two_attempts() -> None:
    stream = Stream()
    events = [
        stream.queue("a0"),
        stream.start("a0", attempt=0, pid=11),
        stream.end("a0", "failed", attempt=0, error=ERROR),
        stream.event("action.retrying", "a0", attempt=0, delay=0.5),
    ]
    assert record(events).actions["a0"].status is State.QUEUED
    events += [stream.start("a0", attempt=1, pid=12), stream.end("a0", attempt=1), stream.done("a0")]
    action = record(events).actions["a0"]
    assert [(attempt.number, attempt.pid, attempt.status) for attempt in action.attempts] == [
        (0, 11, State.FAILED),
        (1, 12, State.SUCCEEDED),
    ]
    assert action.attempts[0].error is not None
    assert action.status is State.SUCCEEDED


def test_a_hit_is_cached_and_has_no_attempt() -> None:
    run = record(Stream().hit("a0"))
    assert run.actions["a0"].cached
    assert run.actions["a0"].attempts == []
    assert run.counts() == {"cached": 1}


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ERROR, "ValueError: bad"),
        ({"code": "OOM"}, "OOM"),
        ({"message": "x"}, "x"),
        ({}, "failed without a message"),
    ],
)
def test_an_error_in_one_line(error: dict[str, str], line: str) -> None:
    found = record([Stream().done("a0", "failed", error=error)]).actions["a0"].error
    assert found is not None
    assert found.headline == line


@pytest.mark.parametrize("pairs", [[("a", "a")], [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "a")]])
def test_callers_that_call_each_other_are_still_a_tree(pairs: list[tuple[str, str]]) -> None:
    stream = Stream()
    run = record(stream.queue(name, parent=parent) for name, parent in pairs)
    assert len(list(run.walk())) == len(pairs)


def test_ten_thousand_levels_can_be_walked() -> None:
    stream = Stream()
    run = record(stream.queue(f"c{level}", parent=f"c{level - 1}") for level in range(10_000))
    assert max(depth for depth, _ in run.walk()) == 9_999


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["", "a", "b", "c"]), DATA), max_size=20))
def test_any_events_make_a_tree_of_all_actions(rows: list[tuple[str, str, dict[str, object]]]) -> None:
    run = record(Event(kind, "r1", action, float(place), data) for place, (kind, action, data) in enumerate(rows))
    walked = [action.name for _, action in run.walk()]
    assert sorted(walked) == sorted(run.actions)
