"""The options of with_runcontext: what is accepted, and what is refused in one line."""

from __future__ import annotations

import logging
import re
from datetime import UTC
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import localflyte as flyte
from localflyte.runcontext import after
from localflyte.runcontext import merged
from localflyte.runcontext import sort_options
from localflyte.spec.options import Options


@pytest.mark.parametrize("option", ["env_vars", "labels", "annotations"])
def test_what_a_cluster_keeps_as_text_has_to_be_text(option: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option}\['level'\] must be a str, got 3: write '3'$"):
        sort_options({option: {"level": 3}})


@pytest.mark.parametrize("option", ["env_vars", "labels", "annotations"])
@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["a"], "must be a dict of texts by name, got ['a']"),
        ({1: "a"}, "must have names that are str, got 1: write '1'"),
        ({"a": "half \udc80"}, "['a'] must be text that UTF-8 has, got 'half \\udc80': decode it with errors='replace'"),
    ],
)
def test_what_is_no_text_by_name_is_refused_before_anything_starts(option: str, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(option)} ?{re.escape(words)}$"):
        sort_options({option: given})


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
        ({"max_action_concurrency": -1}, "0 \\(no limit\\) or at least 2"),
        ({"name": "../up"}, "../up"),
        ({"tracked_strict": True}, "refused: there is no control plane"),
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "cloud"}, "mode must be 'local', 'remote' or 'hybrid', got 'cloud'"),
        ({"mode": "hybrid"}, "mode='hybrid' needs name=... and run_base_dir=..."),
        ({"mode": "remote", "tracked": True}, "tracked=True is for mode='local', not 'remote'"),
    ],
)
def test_a_mode_needs_what_it_needs_on_a_cluster(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        flyte.with_runcontext(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "hybrid", "name": "r", "run_base_dir": "/x"},
        {"mode": "hybrid", "name": "r"},
        {"mode": "hybrid", "run_base_dir": "/x"},
        {"mode": "local", "tracked": True},
        {"mode": "remote", "debug": True},
        {"max_action_concurrency": 0},
        {"max_action_concurrency": 2},
        {"tracked": False, "dry_run": False, "preserve_original_types": True, "env_vars": None},
    ],
)
def test_every_mode_is_taken_with_what_belongs_to_it(options: dict[str, Any]) -> None:
    flyte.with_runcontext(**options)


def test_an_option_that_is_like_none_there_is_is_named() -> None:
    with pytest.raises(TypeError, match="no option 'zzz'.$"):
        sort_options({"zzz": True})


def test_what_concerns_the_run_and_what_concerns_its_actions_is_told_apart(tmp_path: Path) -> None:
    own, shared = sort_options(
        {
            "name": "r",
            "queue": "q",
            "interruptible": False,
            "env_vars": {"LOG_FORMAT": "mine"},
            "log_level": logging.DEBUG,
            "user_log_level": "INFO",
            "log_format": "json",
            "reset_root_logger": False,
            "interactive_mode": True,
            "run_start_time": datetime(2026, 1, 2, tzinfo=UTC),
            "raw_data_path": str(tmp_path / ".." / tmp_path.name),
        }
    )
    assert shared == Options(queue="q", interruptible=False, env_vars={"LOG_LEVEL": "10", "USER_LOG_LEVEL": "INFO", "LOG_FORMAT": "mine"})
    assert own == {
        "name": "r",
        "interactive": True,
        "run_start_time": datetime(2026, 1, 2, tzinfo=UTC).timestamp(),
        "raw_data_path": str(tmp_path),
    }


def test_a_queue_has_two_words() -> None:
    assert sort_options({"task_queue": "q"}) == sort_options({"queue": "q"}) == ({}, Options(queue="q"))


def test_what_is_said_now_goes_over_what_was_said_before() -> None:
    """Of variables, labels and annotations each by itself."""
    before = {"env_vars": {"KEEP": "1", "FOO": "old"}, "labels": {"a": "1", "b": "1"}, "queue": "orig", "overwrite_cache": True}
    now = {"env_vars": {"FOO": "new", "BAR": "2"}, "labels": {"b": "2"}, "annotations": {"c": "3"}, "interruptible": False}
    both = {
        "env_vars": {"KEEP": "1", "FOO": "new", "BAR": "2"},
        "labels": {"a": "1", "b": "2"},
        "annotations": {"c": "3"},
        "queue": "orig",
        "overwrite_cache": True,
        "interruptible": False,
    }
    assert merged(before, now) == both
    assert after(before, *sort_options(now)) == sort_options(both)
    assert before["env_vars"] == {"KEEP": "1", "FOO": "old"}
    assert after(before, {}, None) == sort_options(before)
    assert after({}, *sort_options(now)) == sort_options(now)
    assert after({}, {}, None) == ({}, None)
