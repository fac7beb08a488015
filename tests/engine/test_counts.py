"""Counting many things takes little memory, and no two things for one."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from localflyte.engine.counts import WIDTH
from localflyte.engine.counts import Counts
from localflyte.engine.counts import _contains

MANY = 100_000


@given(st.lists(st.integers(0, 30)))
def test_each_thing_is_counted_for_itself(things: list[int]) -> None:
    counts = Counts()
    for index, thing in enumerate(things):
        assert counts.count((thing, "x")) == things[: index + 1].count(thing)


def test_a_hash_that_begins_in_the_middle_of_another_is_not_that_one() -> None:
    first, second = bytes(range(WIDTH)), bytes(range(WIDTH, 2 * WIDTH))
    seen = bytearray(first + second)
    assert _contains(seen, first)
    assert _contains(seen, second)
    assert not _contains(seen, bytes(range(3, 3 + WIDTH)))


def test_a_hundred_thousand_things_take_a_megabyte() -> None:
    counts = Counts()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(MANY):
            assert counts.count(("task", f"{number:064x}", "")) == 1
        assert tracemalloc.get_traced_memory()[0] - before < 12 * MANY
    finally:
        tracemalloc.stop()
    assert counts.count(("task", f"{7:064x}", "")) == 2
