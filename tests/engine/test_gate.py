"""What a call has to pass before it runs: limits that refuse it, and a machine that may have less than it asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from programs import queued

import localflyte as flyte
from localflyte.engine.gate import Gate
from localflyte.errors import RuntimeUserError
from localflyte.settings import Settings
from localflyte.spec.event import Event

ON_LINUX = pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot pin a process to cores")


@pytest.fixture
def room(tmp_path: Path) -> str:
    """A folder in which tasks meet."""
    folder = tmp_path / "room"
    folder.mkdir()
    return str(folder)


class Told:
    """What a run told."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.statuses: dict[str, str] = {}

    def __call__(self, event: Event) -> None:
        if event.kind == "notice":
            self.notices.append(event.data["text"])
        elif event.kind == "action.finished":
            self.statuses[event.action] = event.data["status"]


def run(task: Any, *args: Any, told: Told | None = None, **options: Any) -> Any:
    return flyte.with_runcontext(sinks=[told or Told()], **options).run(task, *args).outputs()[0]


def asking(**resources: Any) -> Any:
    return queued.nothing.override(resources=flyte.Resources(**resources))


# -- limits ---------------------------------------------------------------------------------------------------------------


def test_too_many_calls_in_flight_are_refused_by_name_of_the_setting(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_IN_FLIGHT", "6")  # their caller is one
    refused = run(queued.overflows, room, 7).splitlines()
    assert len(refused) == 2
    assert all(text.startswith("InFlightLimitError: Task queued.stays is called while 6 calls of run ") for text in refused)
    assert all("raise max_in_flight: LOCALFLYTE_MAX_IN_FLIGHT or [tool.localflyte] max_in_flight" in text for text in refused)


def test_calls_that_have_ended_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_IN_FLIGHT", "3")
    assert run(queued.one_by_one, 20) == sum(range(20))


def test_too_deep_a_call_is_refused_by_name_of_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_DEPTH", "4")
    assert run(queued.whole_chain, 3) == 3
    with pytest.raises(RuntimeUserError, match=r"called 5 levels deep.*LOCALFLYTE_MAX_DEPTH") as caught:
        run(queued.whole_chain, 4)
    assert caught.value.code == "DepthLimitError"


def test_max_action_concurrency_holds_for_a_run(room: str) -> None:
    with pytest.raises(ValueError, match="at least 2"):
        run(queued.nothing, max_action_concurrency=1)
    with pytest.raises(ValueError, match="max_action_concurrency"):
        run(queued.nothing, max_action_concurrency=-1)
    run(queued.nothing, max_action_concurrency=0)
    assert run(queued.all_together, room, 2, "", max_action_concurrency=2)


def test_max_action_concurrency_lets_no_more_run(room: str) -> None:
    """The caller waits, and takes no place meanwhile; of two places one is taken for as long as the others take turns."""
    assert run(queued.one_stays_and_the_others_are_alone, room, 5, max_action_concurrency=2)


def test_a_waiting_parent_takes_no_place(room: str) -> None:
    assert run(queued.nested_alone, room, 5, max_action_concurrency=2)


# -- more than there is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("resources", "notice"),
    [
        ({"cpu": "64"}, "queued.nothing asks for 64 CPUs and this machine has 2: it gets all of them"),
        (
            {"memory": "900Gi"},
            "queued.nothing asks for 900.0 GiB of memory and this machine has 1.0 GiB: it is admitted when all of it is free",
        ),
        ({"gpu": "A100:4"}, "queued.nothing asks for 4 GPUs (A100) and this machine has none: it runs on the CPU"),
    ],
    ids=["cpu", "memory", "gpu"],
)
class TestMoreThanThereIs:
    @pytest.fixture(autouse=True)
    def machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in {"CPU": "2", "MEMORY": "1Gi", "GPUS": "0"}.items():
            monkeypatch.setenv(f"LOCALFLYTE_{name}", value)

    def test_runs_with_what_there_is_and_one_notice(self, resources: dict[str, Any], notice: str) -> None:
        told = Told()
        assert run(queued.twice_with, resources, told=told) == 0
        assert told.notices == [notice]

    def test_is_an_error_when_strict(self, resources: dict[str, Any], notice: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOCALFLYTE_STRICT", "1")
        told = Told()
        with pytest.raises(RuntimeUserError) as caught:
            run(asking(**resources), told=told)
        assert caught.value.code == "ResourceLimitError"
        assert notice.partition(":")[0] in str(caught.value)
        assert f"LOCALFLYTE_{({'gpu': 'gpus'}.get(next(iter(resources)), next(iter(resources)))).upper()}" in str(caught.value)
        assert told.statuses == {"a0": "failed"}


def test_one_of_two_gpus_is_enough_for_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GPUS", "1")
    told = Told()
    assert run(asking(gpu=2), told=told) == 0
    assert told.notices == ["queued.nothing asks for 2 GPUs and this machine has 1: it gets all of them"]


# -- what tasks hold ----------------------------------------------------------------------------------------------------------


def test_fifty_nested_tasks_of_a_whole_core_run_on_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CPU", "1")
    assert run(queued.whole_chain, 49) == 49


@pytest.mark.parametrize(("memory", "gpu"), [("800Mi", 0), ("", 1), ("800Mi", 1)])
def test_nested_tasks_that_each_ask_for_most_of_the_machine_come_to_their_end(
    memory: str, gpu: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALFLYTE_MEMORY", "1000Mi")
    monkeypatch.setenv("LOCALFLYTE_GPUS", "1")
    told = Told()
    same = flyte.Resources(memory=memory or None, gpu=gpu)
    assert run(queued.chain_of.override(resources=same), memory, gpu, 5, told=told) == 5
    assert len([text for text in told.notices if "which tasks that wait for others hold" in text]) == 1


def test_nested_tasks_that_ask_for_more_than_is_left_are_refused_when_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MEMORY", "1000Mi")
    monkeypatch.setenv("LOCALFLYTE_STRICT", "1")
    with pytest.raises(RuntimeUserError, match="asks for 800.0 MiB of memory, which tasks that wait for others hold") as caught:
        run(queued.chain_of.override(resources=flyte.Resources(memory="800Mi")), "800Mi", 0, 1)
    assert caught.value.code == "ResourceLimitError"


def test_a_run_that_a_task_starts_may_need_what_that_task_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MEMORY", "1000Mi")
    big = flyte.Resources(memory="800Mi")
    assert run(queued.starts_a_big_run.override(resources=big)) == 0


def test_tasks_have_different_gpus(monkeypatch: pytest.MonkeyPatch, room: str) -> None:
    monkeypatch.setenv("LOCALFLYTE_GPUS", "2")
    assert sorted(run(queued.two_gpus, room)) == ["0", "1"]


@ON_LINUX
def test_a_whole_core_is_a_core_and_a_fraction_is_a_share_of_all() -> None:
    assert len(run(queued.cores.override(resources=flyte.Resources(cpu=1)))) == 1
    assert run(queued.cores.override(resources=flyte.Resources(cpu="500m"))) == sorted(os.sched_getaffinity(0))
    assert run(queued.cores) == sorted(os.sched_getaffinity(0))


@ON_LINUX
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this machine has one core")
@pytest.mark.parametrize("cpu", [(1, 2), (0.5, 1)])
def test_a_task_that_may_use_more_than_it_asks_for_is_not_pinned(cpu: tuple[float, float]) -> None:
    assert len(run(queued.cores.override(resources=flyte.Resources(cpu=cpu)))) > 1


# -- the budget -----------------------------------------------------------------------------------------------------------------


def test_the_settings_say_what_there_is() -> None:
    total = Gate(Settings(cpu=3, memory=5_000_000, gpus=2)).ledger.total
    assert total == (3, 5_000_000, 2)


def test_else_the_machine_does() -> None:
    total = Gate(Settings()).ledger.total
    assert 0 < total.cpu <= (os.cpu_count() or 1)
    assert 0 < total.memory <= psutil.virtual_memory().total


# -- many calls -----------------------------------------------------------------------------------------------------------------

MANY = 15_000
WINDOW = 1000  # calls of one task that are sent at a time; the others wait in its own process
MORE_BYTES = 6_000_000  # that the engine may take for many calls beyond what it takes for one window


class Crowd:
    """Counts the calls that are accepted and not finished, and looks at the engine's memory meanwhile."""

    def __init__(self) -> None:
        self.most = 0
        self.peak = 0
        self._now = 0
        self._seen = 0

    def __call__(self, event: Event) -> None:
        if event.kind == "action.queued":
            self._now += 1
            self._seen += 1
            self.most = max(self.most, self._now)
            if not self._seen % 500:
                self.peak = max(self.peak, psutil.Process().memory_info().rss)
        elif event.kind == "action.finished":
            self._now -= 1


def test_no_more_than_one_window_of_a_fan_out_is_accepted_at_a_time() -> None:
    crowd = Crowd()
    assert flyte.with_runcontext(sinks=[crowd]).run(queued.fan_out, WINDOW + 500).outputs() == (sum(range(WINDOW + 500)),)
    assert crowd.most == WINDOW + 1  # and their caller


def test_a_map_over_very_many_takes_the_memory_of_one_window() -> None:
    def crowd(n: int) -> Crowd:
        sink = Crowd()
        assert flyte.with_runcontext(sinks=[sink]).run(queued.maps, n).outputs() == (n,)
        return sink

    crowd(10)
    small, large = crowd(WINDOW), crowd(MANY)
    assert large.peak - small.peak < MORE_BYTES
