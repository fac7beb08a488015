"""A throttled tree gets its share of the CPU over time, and a short burst before that."""

from __future__ import annotations

import pytest

from localflyte.launch.throttle import BURST
from localflyte.launch.throttle import LONGEST_PAUSE
from localflyte.launch.throttle import Throttle

TICK = 0.05


class Tree:
    """A process tree that uses all the CPU it can, on as many cores as it has threads, whenever it is not stopped."""

    def __init__(self, share: float, threads: float = 1.0) -> None:
        self.running = True
        self.changes: list[str] = []
        self.used = 0.0
        self.now = 100.0
        self.threads = threads
        self.throttle = Throttle(share, lambda: self.turn("stop"), lambda: self.turn("go"))

    def turn(self, what: str) -> None:
        self.changes.append(what)
        self.running = what == "go"

    def live(self, seconds: float, step: float = TICK) -> None:
        for _ in range(round(seconds / step)):
            self.throttle.tick(self.now, self.used)
            self.now += step
            self.used += step * self.threads * self.running


@pytest.mark.parametrize(("share", "threads"), [(0.1, 1), (0.25, 1), (0.5, 1), (0.9, 1), (0.5, 4), (1.5, 2), (3.5, 8)])
def test_a_busy_tree_gets_its_share(share: float, threads: float) -> None:
    tree = Tree(share, threads)
    tree.live(60)
    assert tree.used == pytest.approx(60 * share, rel=0.02, abs=BURST * max(share, 1) + TICK * threads)


def test_a_tree_within_its_share_is_never_stopped() -> None:
    tree = Tree(1.0, threads=0.9)
    tree.live(60)
    assert tree.changes == []


def test_a_short_burst_is_let_through() -> None:
    tree = Tree(0.1)
    tree.live(BURST)
    assert tree.changes == []


def test_idle_time_saves_up_no_more_than_a_burst() -> None:
    tree = Tree(0.5, threads=0.0)
    tree.live(60)
    tree.threads = 1.0
    tree.live(1)
    assert tree.used <= 0.5 + BURST + 2 * TICK


def test_each_change_is_told_once() -> None:
    tree = Tree(0.25)
    tree.live(10)
    assert tree.changes[:4] == ["stop", "go", "stop", "go"]
    assert all(one != two for one, two in zip(tree.changes, tree.changes[1:], strict=False))


def test_a_look_that_comes_late_does_not_freeze_the_tree() -> None:
    tree = Tree(0.1, threads=8)
    tree.throttle.tick(tree.now, 0.0)
    tree.now, tree.used = tree.now + 60, 480.0
    tree.live(LONGEST_PAUSE + 2 * TICK)
    assert tree.changes[:2] == ["stop", "go"]


def test_seconds_that_vanish_with_a_process_are_no_credit() -> None:
    tree = Tree(0.5)
    tree.throttle.tick(0.0, 10.0)
    tree.throttle.tick(TICK, 0.0)
    tree.throttle.tick(2 * TICK, BURST + 3 * TICK)
    assert tree.changes == ["stop"]


def test_closing_lets_a_stopped_tree_go_on_for_good() -> None:
    tree = Tree(0.1)
    tree.live(1)
    assert not tree.running
    tree.throttle.close()
    assert tree.running
    tree.live(10)
    assert tree.running


def test_closing_a_running_tree_says_nothing() -> None:
    tree = Tree(1.0)
    tree.throttle.close()
    assert tree.changes == []
