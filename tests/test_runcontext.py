"""The options of with_runcontext: what is accepted, and what is refused in one line."""

from __future__ import annotations

from typing import Any

import pytest

from localflyte.runcontext import sort_options


@pytest.mark.parametrize("option", ["env_vars", "labels", "annotations"])
def test_what_a_cluster_keeps_as_text_has_to_be_text(option: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option}\['level'\] must be a str, got 3: write '3'$"):
        sort_options({option: {"level": 3}})


def test_labels_are_the_runs_own_and_variables_are_its_actions_too() -> None:
    own, shared = sort_options({"labels": {"a": "1"}, "annotations": {"b": "2"}, "env_vars": {"C": "3"}, "queue": None})
    assert own == {"labels": {"a": "1"}, "annotations": {"b": "2"}}
    assert shared is not None
    assert shared.env_vars == {"C": "3"}


@pytest.mark.parametrize(
    "said", [{"version": "1"}, {"service_account": "me"}, {"copy_style": "all"}, {"copy_style": "none", "version": "1"}]
)
def test_what_only_a_server_acts_on_changes_nothing(said: dict[str, Any]) -> None:
    assert sort_options(said) == ({}, None)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"copy_style": "none"}, "needs version="),
        ({"copy_style": "custom"}, "cannot be used with run"),
        ({"max_action_concurrency": 1}, "0 \\(no limit\\) or at least 2"),
        ({"cache_lookup_scope": "all"}, "'global' or 'project-domain'"),
        ({"queue": "a", "task_queue": "b"}, "two words for one setting"),
        ({"dry_run": True}, "nothing to show without running"),
        ({"run_base_dir": "/x"}, "refused: localflyte gives every run a folder of its own"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sort_options(said)


def test_an_option_that_there_is_not_is_a_misspelled_one() -> None:
    with pytest.raises(TypeError, match="no option 'lables'. Did you mean 'labels'"):
        sort_options({"lables": {}})
