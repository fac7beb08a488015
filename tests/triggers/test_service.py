"""The service starts what is due when it is due, over a clock that the test moves, whatever happens to its runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

import pytest
from triggers.moved import MovedClock

from localflyte.api.environment import TaskEnvironment
from localflyte.spec.trigger import Cron
from localflyte.spec.trigger import FixedRate
from localflyte.spec.trigger import OnArtifact
from localflyte.spec.trigger import Trigger
from localflyte.triggers.declared import Declared
from localflyte.triggers.declared import declared_of
from localflyte.triggers.service import Service

START = "2026-03-01T12:00:10"


def declare(*triggers: Trigger) -> tuple[Declared, ...]:
    @TaskEnvironment("env").task(triggers=triggers)
    def work() -> None: ...

    return declared_of(work, datetime(2026, 1, 1, tzinfo=UTC))


class Served:
    """A service, what it started, and what it said."""

    def __init__(self, clock: MovedClock | None = None, *, until: str = "", **options: Any) -> None:
        self.clock = clock or MovedClock(START)
        self.started: list[str] = []
        self.said: list[str] = []
        self.ended: list[str] = []
        #: what a run waits for, and what it raises
        self.hold: asyncio.Event | None = None
        self.error: Callable[[str], BaseException | None] = lambda name: None
        last = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
        self.service = Service(self.start, clock=self.clock, say=self.said.append, until=last, **options)

    async def start(self, declared: Declared, due: datetime) -> None:
        self.started.append(f"{declared.name} {due:%d %H:%M:%S}")
        try:
            if self.hold is not None:
                await self.hold.wait()
            if (error := self.error(declared.name)) is not None:
                raise error
        finally:
            self.ended.append(declared.name)

    def serve(self, *triggers: Trigger, **options: Any) -> Served:
        asyncio.run(self.service.serve(declare(*triggers), **options))
        return self


def test_each_is_started_when_it_is_due() -> None:
    served = Served(until="2026-03-01T12:04:00").serve(
        Trigger("minutely", Cron("* * * * *")), Trigger("rate", FixedRate(2)), Trigger("daily", Cron("@daily"))
    )
    assert served.started == [
        "minutely 01 12:01:00", "minutely 01 12:02:00", "rate 01 12:02:10", "minutely 01 12:03:00", "minutely 01 12:04:00",
    ]  # fmt: skip
    assert served.said[0] == "trigger minutely of env.work is due 2026-03-01 12:01:00 UTC"


def test_what_is_due_together_is_started_together() -> None:
    served = Served(until="2026-03-02T00:00:00").serve(Trigger("a", Cron("0 0 * * *")), Trigger("b", Cron("@daily")))
    assert served.started == ["a 02 00:00:00", "b 02 00:00:00"]
    assert served.clock.slept == 1


def test_once_is_one_run_of_each() -> None:
    served = Served(once=True).serve(Trigger("minutely", Cron("* * * * *")), Trigger("daily", Cron("@daily")))
    assert served.started == ["minutely 01 12:01:00", "daily 02 00:00:00"]


def test_now_does_not_wait() -> None:
    """What follows no clock has its run as well, since somebody says so."""
    served = Served().serve(Trigger("daily", Cron("@daily")), Trigger("by-hand"), at_once=True)
    assert served.started == ["daily 01 12:00:10", "by-hand 01 12:00:10"]


def test_what_follows_no_clock_is_not_waited_for() -> None:
    assert Served().serve(Trigger("model", OnArtifact("m")), Trigger("by-hand")).started == []


def test_clocks_of_zones() -> None:
    """New York puts its clock on from 02:00 to 03:00 on 8 March and back on 1 November: skipped once, and run twice."""
    trigger = Trigger("early", Cron("30 2 * * *", "America/New_York"))
    served = Served(MovedClock("2026-03-07T00:00:00"), until="2026-03-09T23:00:00").serve(trigger)
    assert served.started == ["early 07 07:30:00", "early 09 06:30:00"]
    late = Trigger("late", Cron("30 1 * * *", "America/New_York"))
    served = Served(MovedClock("2026-11-01T00:00:00"), until="2026-11-01T23:00:00").serve(late)
    assert served.started == ["late 01 05:30:00", "late 01 06:30:00"]
    assert [text.partition(" is due ")[2] for text in served.said] == ["2026-11-01 01:30:00 EDT", "2026-11-01 01:30:00 EST"]


def test_times_that_were_slept_through_are_one_run() -> None:
    """The machine sleeps for two hours and five minutes: the last time that went by is run, and it is said how many did not."""
    clock = MovedClock(START, asleep=[timedelta(hours=2, minutes=5)])
    served = Served(clock, until="2026-03-01T14:40:00").serve(Trigger("often", Cron("*/30 * * * *")))
    assert served.started == ["often 01 14:30:00"]
    (said,) = served.said
    assert said.startswith("trigger often of env.work is due 2026-03-01 14:30:00 UTC; that was 5m 00s ago; 4 times before it, ")
    assert said.endswith(", from 2026-03-01 12:30:00 UTC on, went by and will not be run")


def test_one_that_is_only_late_is_run_for_its_time() -> None:
    clock = MovedClock(START, asleep=[timedelta(hours=3)])
    served = Served(clock, until="2026-03-03T00:00:00").serve(Trigger("daily", Cron("@daily")))
    assert served.started == ["daily 02 00:00:00", "daily 03 00:00:00"]
    assert "that was 3h 00m ago" in served.said[0]
    assert "before it" not in served.said[0]


def test_nothing_later_than_until_is_run_after_a_sleep() -> None:
    clock = MovedClock(START, asleep=[timedelta(hours=5)])
    served = Served(clock, until="2026-03-01T12:10:00").serve(Trigger("minutely", Cron("* * * * *")))
    assert served.started == ["minutely 01 12:10:00"]


def test_a_clock_that_is_put_back_runs_nothing_twice() -> None:
    clock = MovedClock(START)
    clock.on_wake = lambda time: setattr(clock, "time", time - timedelta(minutes=30)) if clock.slept == 1 else None
    served = Served(clock, until="2026-03-01T12:02:00").serve(Trigger("minutely", Cron("* * * * *")))
    assert served.started == ["minutely 01 12:01:00", "minutely 01 12:02:00"]


def test_a_run_that_goes_on_does_not_hold_up_the_next() -> None:
    """As on a cluster: each time that is due has a run of its own. All are waited for at the end."""

    async def scene() -> Served:
        served = Served(until="2026-03-01T12:03:00")
        served.hold = asyncio.Event()
        serving = asyncio.create_task(served.service.serve(declare(Trigger("minutely", Cron("* * * * *")))))
        while len(served.started) < 3:
            await asyncio.sleep(0)
        assert not served.ended
        served.hold.set()
        await serving
        return served

    served = asyncio.run(scene())
    assert len(served.ended) == 3
    assert served.said[1].endswith("1 of its runs is still going, and this one starts beside")
    assert served.said[2].endswith("2 of its runs are still going, and this one starts beside")


def test_a_run_that_fails_changes_nothing_for_the_next() -> None:
    served = Served(until="2026-03-01T12:02:00")
    failure = ValueError("no such table\nmore")
    failure.run_name = "rabc"  # type: ignore[attr-defined]
    served.error = lambda name: failure
    served.serve(Trigger("minutely", Cron("* * * * *")))
    assert served.started == ["minutely 01 12:01:00", "minutely 01 12:02:00"]
    assert served.service.failures == 2
    assert served.said[1] == (
        "trigger minutely of env.work: run rabc failed: ValueError: no such table; it is due again 2026-03-01 12:02:00 UTC"
    )


def test_a_run_that_cannot_start_is_told() -> None:
    served = Served()
    served.error = lambda name: OSError("the disk is full")
    served.serve(Trigger("a", FixedRate(5)), at_once=True)
    assert served.said[-1] == "trigger a of env.work: no run could be started: OSError: the disk is full"


def test_cancelled_it_waits_for_what_goes_on() -> None:
    """What Ctrl-C does to the loop: runs are cancelled, and each has its end before the service has."""

    async def scene() -> Served:
        served = Served()
        served.hold = asyncio.Event()
        serving = asyncio.create_task(served.service.serve(declare(Trigger("a", FixedRate(5))), at_once=True))
        while not served.started:
            await asyncio.sleep(0)
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        return served

    assert asyncio.run(scene()).ended == ["a"]


def test_a_run_that_is_cancelled_ends_the_service() -> None:
    """However Ctrl-C comes to it, the service does not go on as if the run had ended well."""
    served = Served()
    served.error = lambda name: asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        served.serve(Trigger("a", FixedRate(5)), at_once=True)
    assert served.ended == ["a"]


def test_a_signal_that_ends_a_run_ends_the_service() -> None:
    """SIGTERM is raised where a run is waited for: the others have their end before it is passed on."""
    served = Served()
    served.error = lambda name: SystemExit(143) if name == "a" else None
    with pytest.raises(SystemExit, match="143"):
        served.serve(Trigger("a", FixedRate(5)), Trigger("b", Cron("@daily")), at_once=True)
    assert served.ended == ["a", "b"]


class Edited:
    """A program that is edited: what it declares at its n-th look; an error where it cannot be loaded."""

    def __init__(self, *looks: Sequence[Trigger] | LookupError | None) -> None:
        self.looks = list(looks)

    def __call__(self) -> tuple[Declared, ...] | None:
        look = self.looks.pop(0) if self.looks else None
        if isinstance(look, LookupError):
            raise look
        return None if look is None else declare(*look)


def test_edits_are_taken_up() -> None:
    """Within a minute, though nothing is due; a rate goes on in its step, and nothing is run for the past."""
    rate = Trigger("rate", FixedRate(2))
    edited = Edited(None, [rate, Trigger("half", Cron("30 * * * * ".strip()))], None)
    served = Served(until="2026-03-01T12:05:00", renew=edited).serve(rate, Trigger("daily", Cron("@daily")))
    assert served.started == ["rate 01 12:02:10", "rate 01 12:04:10"]
    assert "the program was edited, and loaded anew; served: rate, half" in served.said


def test_what_ended_with_its_first_run_is_not_begun_again_by_an_edit() -> None:
    trigger = Trigger("minutely", Cron("* * * * *"))
    served = Served(once=True, renew=Edited(None, [trigger, Trigger("rate", FixedRate(3))])).serve(trigger, Trigger("rate", FixedRate(3)))
    assert served.started == ["minutely 01 12:01:00", "rate 01 12:03:10"]


def test_a_program_that_cannot_be_loaded_starts_nothing_until_it_can() -> None:
    trigger = Trigger("minutely", Cron("* * * * *"))
    edited = Edited(None, LookupError("x.py was edited"), None, [trigger])
    served = Served(until="2026-03-01T12:05:00", renew=edited).serve(trigger)
    assert served.started == ["minutely 01 12:01:00", "minutely 01 12:04:00", "minutely 01 12:05:00"]
    assert served.said[1] == "x.py was edited; nothing is started until it can be used"
