"""The links of a task are asked for each of its calls, and shown beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from programs import linked

import localflyte as flyte
from localflyte.api.links import MOST_PLANS
from localflyte.api.resolve import invocation_for
from localflyte.cli import main
from localflyte.runs.history import load_run


def links_of(run: Any, home: Path) -> dict[str, list[tuple[str, str]]]:
    return {action.label: action.links for action in load_run(home, run.name).actions.values()}


def test_each_call_has_its_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = flyte.with_runcontext(project="p", domain="d", custom_context={"team": "blue"}).run(linked.root, 1)
    record = load_run(home, run.name)
    root, leaf = record.actions.values()
    assert root.links == [(name, f"https://board.example/p/d/{run.name}//a0/localhost?team=blue") for name in ("board", "second")]
    assert leaf.links == [("board", f"https://board.example/p/d/{run.name}/a0/{leaf.name}/localhost?team=red")]
    main(["show", run.name])
    assert f"    second: {root.links[1][1]}\n" in capsys.readouterr().out
    main(["show", "--json", run.name])
    assert json.loads(capsys.readouterr().out)["actions"]["a0"]["links"][0] == list(root.links[0])


def test_a_call_that_is_answered_from_the_cache_has_them_too(home: Path) -> None:
    for _ in range(2):
        run = flyte.run(linked.root, 2)
    leaves = [action for action in load_run(home, run.name).actions.values() if action.cached]
    assert [len(action.links) for action in leaves] == [1, 1]


def test_a_link_that_fails_says_which_it_is(home: Path) -> None:
    with pytest.raises(LookupError, match="no such board") as caught:
        flyte.run(linked.broken)
    assert caught.value.__notes__ == ["in get_link() of link 'broken' of task linked.broken"]


def test_an_override_has_its_own_links_or_none(home: Path) -> None:
    run = flyte.run(linked.leaf.override(links=linked.Board(name="other")), 1)
    assert [name for name, _ in links_of(run, home)["leaf"]] == ["other"]
    assert links_of(flyte.run(linked.leaf.override(links=()), 1), home)["leaf"] == []


def test_calls_whose_pages_are_the_same_share_a_plan() -> None:
    one, other, third = (invocation_for(linked.leaf, (1,), {}, custom_context={"team": team}).plan for team in ("a", "b", "a"))
    assert one is third
    assert one is not other
    for number in range(2 * MOST_PLANS):
        invocation_for(linked.leaf, (1,), {}, custom_context={"team": str(number)})
    assert len(linked.leaf.plans) <= MOST_PLANS + 1


def test_what_a_journal_says_may_be_anything() -> None:
    from localflyte.runs.record import Recorder
    from localflyte.spec.event import Event

    recorder = Recorder("r")
    for place, links in enumerate((7, [5, {"name": 3}, {"name": "n", "uri": "u"}])):
        recorder(Event("action.queued", "r", f"a{place}", 0.0, {"links": links}))
    assert [action.links for action in recorder.record.actions.values()] == [[], [("", ""), ("n", "u")]]
