"""Named queues: how many of their tasks run at once, who goes first, and who says in which queue a task is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from programs import queued

import localflyte as flyte
from localflyte.engine.queues import Queues
from localflyte.engine.queues import how_to_declare
from localflyte.spec.event import Event
from localflyte.spec.queue import QueueTerms

Declare = Callable[[str], None]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Write queues into the pyproject.toml of a project, and go there."""

    def write(lines: str) -> None:
        (tmp_path / "pyproject.toml").write_text(f"[tool.localflyte.queues]\n{lines}\n")
        monkeypatch.chdir(tmp_path)

    return write


@pytest.fixture
def room(tmp_path: Path) -> str:
    """A folder in which tasks meet."""
    folder = tmp_path / "room"
    folder.mkdir()
    return str(folder)


class Told:
    """What a run told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def notices(self) -> list[str]:
        return [event.data["text"] for event in self.events if event.kind == "notice"]

    @property
    def started(self) -> list[str]:
        """The short names of the tasks, in the order in which they were started."""
        names = {event.action: event.data["short_name"] for event in self.events if event.kind == "action.queued"}
        return [names[event.action] for event in self.events if event.kind == "attempt.started"]


def run(task: Any, *args: Any, told: Told | None = None, **options: Any) -> Any:
    return flyte.with_runcontext(sinks=[told or Told()], **options).run(task, *args).outputs()[0]


# -- what queues do -----------------------------------------------------------------------------------------------------


def test_a_queue_called_serial_runs_one_task_at_a_time(room: str) -> None:
    assert run(queued.all_alone, room, 5, "serial")


def test_serial_can_be_declared_to_be_something_else(declare: Declare, room: str) -> None:
    declare("serial = 2")
    assert run(queued.all_together, room, 2, "serial")


def test_a_declared_queue_runs_as_many_as_it_says(declare: Declare, room: str) -> None:
    declare("three = 3")
    assert run(queued.all_together, room, 3, "three")


def test_a_declared_queue_runs_no_more_than_it_says(declare: Declare, room: str) -> None:
    declare("one = { concurrency = 1 }")
    assert run(queued.all_alone, room, 5, "one")


def test_a_queue_that_nobody_declared_is_as_wide_as_the_machine_and_mentioned_once(room: str) -> None:
    told = Told()
    assert run(queued.all_together, room, 4, "bulk-a", told=told)
    [mentioned] = [text for text in told.notices if "bulk-a" in text]
    assert mentioned.startswith("queue 'bulk-a' is not declared, so as many of its tasks run at once as the machine has room for")
    assert mentioned.endswith("to limit it, write bulk-a = 2 under [tool.localflyte.queues] in pyproject.toml")


def test_a_parent_gives_its_place_to_what_it_waits_for(room: str) -> None:
    """All four are in the same queue, which runs one at a time."""
    assert run(queued.nested_alone, room, 3, queue="serial")


def test_all_runs_share_a_queue(room: str) -> None:
    async def two() -> list[Any]:
        runner = flyte.with_runcontext(queue="serial", sinks=[Told()])
        return await asyncio.gather(*[runner.run.aio(queued.alone, room) for _ in range(4)])

    assert [each.outputs()[0] for each in asyncio.run(two())] == [True] * 4


def test_a_queue_can_have_one_run_at_a_time_whatever_that_calls(declare: Declare, room: str) -> None:
    declare("runs-1 = { run_concurrency = 1 }")

    async def three() -> list[Any]:
        runner = flyte.with_runcontext(queue="runs-1", sinks=[Told()])
        return await asyncio.gather(*[runner.run.aio(queued.whole_run_alone, room) for _ in range(3)])

    assert [each.outputs()[0] for each in asyncio.run(three())] == [True] * 3


def test_a_run_that_a_task_starts_needs_no_place_beside_its_own_run(declare: Declare) -> None:
    declare("of-inner-run = { run_concurrency = 1 }")
    assert run(queued.starts_a_run, queue="of-inner-run") == 0


def test_a_full_queue_refuses(declare: Declare, room: str) -> None:
    declare("depth-limited = { max_depth = 5 }")
    refused = run(queued.how_many_are_refused, room, 8, "depth-limited")
    assert len(refused) == 3
    assert all("RESOURCE_EXHAUSTED: queue 'depth-limited' holds 5 tasks" in text for text in refused)
    assert all("raise max_depth of 'depth-limited' in [tool.localflyte.queues]" in text for text in refused)


def test_a_queue_of_higher_priority_goes_first(declare: Declare, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CPU", "0.25")  # one at a time
    declare("low = { priority = -1 }\nhigh = { priority = 10 }")
    told = Told()
    run(queued.important_last, room, told=told)
    assert told.started == ["important_last", "stays", "nothing", *["stays"] * 4]


# -- who says which queue -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "queue", "expected"),
    [
        (queued.nothing, None, []),
        (queued.by_environment, None, ["of-environment"]),
        (queued.by_task, None, ["of-task"]),
        (queued.by_override, None, ["of-override"]),
        (queued.nothing, "of-run", ["of-run"]),
        (queued.by_task, "of-run", ["of-run"]),
        (queued.by_task.override(queue="of-override"), "of-run", ["of-override"]),
        (queued.calls_by_task, "of-run", ["of-run", "of-task"]),
        (queued.starts_a_run, "of-run", ["of-run"]),
    ],
)
@pytest.mark.parametrize("word", ["queue", "task_queue"])
def test_the_most_specific_word_wins(task: Any, queue: str | None, expected: list[str], word: str) -> None:
    """Each of these queues is undeclared, and the run mentions those that its tasks are in."""
    told = Told()
    run(task, told=told, **({word: queue} if queue else {}))
    mentioned = [text.split("'")[1] for text in told.notices if text.startswith("queue ")]
    assert mentioned == expected


def test_run_takes_a_task_queue(capfd: pytest.CaptureFixture[str]) -> None:
    flyte.run(queued.nothing, task_queue="of-flyte-run")
    assert "queue 'of-flyte-run' is not declared" in capfd.readouterr().err


# -- the list ---------------------------------------------------------------------------------------------------------------


def test_a_queue_is_what_it_is_declared_as() -> None:
    queues = Queues({"q": QueueTerms(concurrency=3, run_concurrency=2, max_depth=7, priority=4)})
    queue = queues.find("q")
    assert queue is not None
    assert [slots.limit for slots in (*queue.slots, *queue.run_slots)] == [3, 2]
    assert (queue.max_depth, queue.priority) == (7, 4)
    assert queues.find("q") is queue
    assert queues.find("other") is None


@pytest.mark.parametrize(("name", "line"), [("bulk-a", "bulk-a = 2"), ("a.b", '"a.b" = 2'), ("grün", '"grün" = 2')])
def test_how_to_declare_it_is_said_in_toml(name: str, line: str) -> None:
    assert how_to_declare(name).startswith(line)
