"""What belongs to one call: its custom context, which goes down from the run to all that is called, its name, and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from programs import contexts

import localflyte as flyte


def seen(task: Any, **given: str) -> Any:
    return flyte.with_runcontext(custom_context=given).run(task).outputs()[0]


def test_that_of_a_run_reaches_every_depth_and_blocks_add_to_it(home: Path) -> None:
    run = {"who": "run", "project": "p"}
    inner = {"who": "inner", "project": "p", "more": "1"}
    sides = [{"who": who, "project": "p"} for who in ("ada", "bob")]
    assert seen(contexts.everywhere, **run) == [run, run, run, inner, inner, *sides, run, run]


@pytest.mark.parametrize("given", [{"a": "1"}, {"b": "2"}, {}])
def test_no_run_has_that_of_another(home: Path, given: dict[str, str]) -> None:
    assert seen(contexts.seen, left="over") == {"left": "over"}
    assert seen(contexts.seen, **given) == given
    assert flyte.run(contexts.seen).outputs()[0] == {}


def test_equal_calls_of_overridden_tasks_have_names_of_their_own(home: Path) -> None:
    (names,) = flyte.run(contexts.overridden).outputs()
    assert len(set(names)) == len(names) == 5
    assert flyte.run(contexts.overridden).outputs() == (names,)


@pytest.mark.parametrize(
    ("task", "given", "written"),
    [(contexts.reported, ["<p>at the end</p>"], True), (contexts.reported, [""], False), (contexts.unreported, [], False)],
)
def test_a_report_is_written_at_the_end_if_there_is_something_in_it_and_it_is_wanted(
    home: Path, task: Any, given: list[str], written: bool
) -> None:
    run = flyte.with_runcontext(name="reporting").run(task, *given)
    page = home / "runs" / run.name / "reports" / "a0.html"
    assert page.exists() is written
    assert (given[0] in run.get_report()) if written else (run.get_report() == "")
