"""The page of the SDK's examples: which programs count, and the numbers that are made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from parity.layout import roots
from parity.page import page
from parity.verdict import left_out
from parity.verdict import rows_of

KINDS = {"same": "alike", "on purpose": "", "differs": "", "declares": "", "left out": "", "theirs fails": "", "ours fails": ""}


def one(ended: str = "ok", stdout: str = "1", error: str = "") -> dict[str, Any]:
    return {"ended": ended, "seconds": 1.0, "stdout": [stdout] if stdout else [], "stderr": [], "error": error, "left": []}


def ran(ours: dict[str, Any], theirs: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {"ours": ours, "theirs": theirs, "main": True, "left_out": "", **told}


def kind(known: dict[str, Any], said: str = "") -> tuple[str, bool]:
    row = rows_of({"a.py": known}, {"programs": {"a.py": said} if said else {}})[0]
    return row.kind, row.counts


class TestRows:
    def test_what_prints_the_same_is_the_same_and_counts(self) -> None:
        assert kind(ran(one(), one())) == ("same", True)

    def test_a_reason_tells_what_a_difference_is(self) -> None:
        assert kind(ran(one(stdout="2"), one())) == ("differs", True)
        assert kind(ran(one(stdout="2"), one()), "on purpose: it is held here") == ("on purpose", True)

    def test_a_folder_may_have_the_reason_of_all_of_its_programs(self) -> None:
        results = {"shell/a.py": ran(one("exit 1", error="RuntimeUserError: x"), one("exit 1", error="RuntimeUserError: y"))}
        assert [(row.kind, row.why) for row in rows_of(results, {"programs": {"shell/": "not yet: a container"}})] == [
            ("not yet", "a container")
        ]

    def test_a_reason_for_a_failure_does_not_outlive_it(self) -> None:
        assert kind(ran(one(), one()), "not yet: a container") == ("same", True)
        assert kind(ran(one(), one()), "on purpose: it is held here") == ("same", True)
        assert kind(ran(one(), one("exit 1", error="ValueError: x")), "not yet: a container") == ("theirs fails", False)

    def test_what_asks_both_for_a_control_plane_needs_a_cluster(self) -> None:
        ours, theirs = (
            one("exit 1", error="ClusterOnlyError: flyte.deploy needs a Flyte cluster"),
            one("exit 1", error="InitializationError: x"),
        )
        assert kind(ran(ours, theirs)) == ("cluster", False)

    def test_what_neither_ends_in_time_is_told_apart(self) -> None:
        assert kind(ran(one("timeout", error="KeyboardInterrupt: "), one("timeout", error="KeyboardInterrupt: "))) == ("timeout", False)

    def test_what_only_declares_does_not_count(self) -> None:
        assert kind(ran(one(stdout=""), one(stdout=""), main=False)) == ("declares", False)

    def test_what_fails_with_the_sdk_does_not_count(self) -> None:
        assert kind(ran(one(), one("exit 1", error="ValueError: x"))) == ("theirs fails", False)
        assert kind(ran(one("exit 1", error="ValueError: x"), one("exit 1", error="ValueError: x"))) == ("same", False)

    def test_other_errors_are_not_the_same(self) -> None:
        assert kind(ran(one("exit 1", error="KeyError: x"), one("exit 1", error="ValueError: x"))) == ("both fail", False)

    def test_a_package_that_is_missing_within_a_task_is_missing(self) -> None:
        error = "RuntimeUserError: No module named 'torch'"
        assert kind(ran(one("exit 1", error=error), one("exit 1", error=error))) == ("package", False)

    def test_what_is_left_out_has_to_refuse(self) -> None:
        refused = one("exit 1", error="ClusterOnlyError: flyte.serve needs a Flyte cluster")
        assert kind(ran(refused, one(), left_out="app serving")) == ("left out", False)
        broken = one("exit 1", error="AttributeError: 'NoneType' object has no attribute 'name'")
        assert kind(ran(broken, one(), left_out="app serving")) == ("ours fails", True)

    def test_no_reason_excuses_a_process_that_was_left(self) -> None:
        assert kind(ran(one() | {"left": ["sleep"]}, one()), "same: all is well")[0] == "leaves"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("from flyteplugins.ray import X", "a plugin package"),
        ("from flyte.ai.agents import Agent", "flyte.ai"),
        ("@env.sandbox.orchestrator", "a sandbox"),
        ("flyte.serve(env)", "app serving"),
        ("import flyte\nflyte.run(main)", ""),
    ],
)
def test_what_is_left_out_is_known_by_the_text(text: str, what: str) -> None:
    assert left_out(text) == what


def test_the_page_says_the_share_and_names_what_is_in_neither() -> None:
    same = {f"a/{number}.py": ran(one(), one()) for number in range(6)}
    more = {
        "a/held.py": ran(one(stdout="2"), one()),
        "b/broken.py": ran(one("exit 1", error="KeyError: x"), one()),
        "b/better.py": ran(one(), one("exit 1", error="KeyError: x")),
    }
    text = page("# Head", rows_of(same | more, {"programs": {"a/held.py": "on purpose: it is | held"}}), KINDS, ("b",))
    assert "9 files. 8 of them do something and succeed with the SDK" in text
    assert "**6 (75.0%) run unmodified with localflyte, with the same outputs**" in text
    assert "1 (12.5%) differ on purpose" in text
    assert "1 (12.5%) do neither: b/broken.py." in text
    assert "85.7% are. Beside them,\n1 files succeed with localflyte" in text
    assert text.index("## b") < text.index("## a")
    assert "| held.py | on purpose | ok, 1.0 s | ok, 1.0 s | it is \\| held |" in text
    assert "| **all** | 9 | 6 | 1 |" in text


def test_the_project_of_a_program_is_importable_as_if_it_were_installed(tmp_path: Path) -> None:
    (tmp_path / "guide" / "app" / "src" / "app").mkdir(parents=True)
    assert roots(tmp_path, "guide/app/src/app/main.py") == [str(tmp_path / "guide/app/src"), str(tmp_path / "guide/app")]
    assert roots(tmp_path, "guide/main.py") == roots(tmp_path, "main.py") == []
