"""Many calls: each gets its own result, and when they are done the engine has what it had before."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from programs import wide

import localflyte as flyte
from localflyte.launch.machine import usable_cores

WIDE = 10_000 if os.environ.get("LOCALFLYTE_TEST_FAULTS") == "all" else 3_000  # the benchmarks make ten thousand, too
AGAIN = 1_000  # wide is the second, so that what the engine keeps of a call is a thousand of something
SETTLED_WITHIN = 5.0  # seconds
MORE = (
    AGAIN // 2
)  # of objects, and of blocks of memory, that there may be after the second; a process that did much else has pages to spare


def run(task: Any, **inputs: Any) -> Any:
    return flyte.with_runcontext(sinks=[lambda _: None]).run(task, **inputs).outputs()[0]


def counts() -> dict[str, int]:
    gc.collect()
    me = psutil.Process()
    return {"descriptors": me.num_fds(), "threads": threading.active_count(), "children": len(me.children())}


@contextmanager
def level(spare: int = 2) -> Iterator[None]:
    """After the block the engine has no more of anything than after its first call.

    :param spare: how many children more may wait for a call than when it began, with three descriptors each
    """
    run(wide.leaf, x=1)  # not in a fixture: pytest changes a variable after those, and other variables are another server
    before = counts()
    yield
    most = {**before, "descriptors": before["descriptors"] + 3 * spare}
    give_up = time.monotonic() + SETTLED_WITHIN
    while (now := counts()) and any(now[name] > most[name] for name in most) and time.monotonic() < give_up:
        time.sleep(0.01)  # the last children are still ending
    assert all(now[name] <= most[name] for name in most), (now, most)


def test_five_hundred_nested_calls_one_after_another() -> None:
    with level():
        assert run(wide.one_by_one, n=500) == sum(range(500))


def test_five_hundred_nested_calls_two_deep() -> None:
    with level():
        assert run(wide.nests, n=250) == sum(range(250))


def test_a_fan_out_keeps_nothing() -> None:
    with level():
        assert run(wide.fans_out, n=WIDE) == sum(range(WIDE))
        gc.collect()
        objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
        assert run(wide.fans_out, n=AGAIN) == sum(range(AGAIN))
        gc.collect()
        more = len(gc.get_objects()) - objects, sys.getallocatedblocks() - blocks
        assert max(more) < MORE, more


def test_threads_of_a_task_call_side_by_side() -> None:
    with level():
        assert run(wide.from_threads, n=100) == sum(range(100))


def test_a_loop_and_threads_of_one_task_call_side_by_side() -> None:
    with level():
        assert run(wide.from_loop_and_threads, n=30) == 4 * sum(range(30))


def test_calls_that_are_cancelled_leave_nothing() -> None:
    with level(spare=round(usable_cores() / 0.25)):
        assert run(wide.first_of_many, n=30) == 7


@pytest.mark.skipif(sys.platform != "linux", reason="lists /proc/self/fd")
def test_a_task_has_no_descriptors_but_its_own() -> None:
    """Three streams, the link, the lifeline, the loop's none, and the one that lists them."""
    assert run(wide.descriptors) == 6
