"""Programs that run into limits on purpose and go on, as those of Flyte's examples do, in words of our own."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from programs import patterns

import localflyte as flyte
from localflyte import errors
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that tasks make go where the test's own go."""
    monkeypatch.chdir(tmp_path)


def run(task: Any, *args: Any, **inputs: Any) -> Any:
    return flyte.run(task, *args, **inputs).outputs()[0]


def actions(task: str) -> Counter[str]:
    """Count how the calls of a task ended in the last run."""
    home = os.environ["LOCALFLYTE_HOME"]
    record = load_run(home, next(iter(list_runs(home))).name)
    return Counter(action.status.value for action in record.actions.values() if action.task == task)


class TestMoreMemory:
    def test_a_task_gets_more_until_it_has_enough(self) -> None:
        assert run(patterns.climbs, 300, [128, 256, 512]) == [128, 256, 512]
        assert actions("patterns.needs") == {"failed": 2, "succeeded": 1}

    def test_where_nothing_is_enough_the_program_says_so(self) -> None:
        with pytest.raises(errors.RuntimeUserError, match="256Mi was not enough") as caught:
            run(patterns.climbs, 300, [128, 256])
        assert caught.value.code == "RuntimeError"
        assert actions("patterns.needs") == {"failed": 2}

    def test_what_is_to_be_done_in_any_case_is_done(self, tmp_path: Path) -> None:
        """A finally block calls a task while an OOMError is under way, which goes on to the caller as itself."""
        with pytest.raises(errors.OOMError) as caught:
            run(patterns.gives_up_tidily, str(tmp_path / "note"))
        assert caught.value.code == "OOMKilled"
        assert (tmp_path / "note").read_text() == "tidy"

    def test_what_was_found_out_is_not_tried_again(self) -> None:
        """The task that is tried is itself an input of the one that tries, whose answer is kept."""
        assert run(patterns.tunes, 300) == 512
        assert actions("patterns.needs") == {"failed": 1, "succeeded": 2}
        assert run(patterns.tunes, 300) == 512
        assert actions("patterns.needs") == {"succeeded": 1}


class TestOtherWays:
    def test_an_error_that_is_expected_leads_to_another_way(self) -> None:
        assert run(patterns.falls_back, "down") == "by another way"

    def test_any_other_goes_on_to_the_caller(self) -> None:
        with pytest.raises(errors.RuntimeUserError) as caught:
            run(patterns.falls_back, "wrong")
        assert caught.value.code == "KeyError"

    def test_after_too_many_failures_the_rest_is_given_up(self) -> None:
        """What is given up would take ten minutes, and does not hold the program."""
        with pytest.raises(errors.RuntimeUserError, match="more than 1 failed") as caught:
            run(patterns.breaks, 6, 2, 1)
        assert caught.value.code == "TooManyFailuresError"
        assert actions("patterns.one_of_many") == {"failed": 2, "aborted": 4}

    def test_what_is_too_large_to_be_passed_goes_as_a_file(self) -> None:
        assert run(patterns.passes_what_is_too_large) == [5, 5000]


class TestKeptProcesses:
    def test_what_does_not_fit_into_a_replica_runs_outside_with_more_and_another_replica_takes_over(self) -> None:
        assert run(patterns.leaves_the_replica, 300) == [600, 128]
        assert actions("kept_patterns.kept_needs") == {"failed": 1, "succeeded": 2}

    def test_what_is_costly_is_made_once(self) -> None:
        assert run(patterns.looks_up_many, 12) == [100 + x for x in range(12)]

    def test_a_handler_of_the_programs_own_knows_which_of_several_tasks_logs(self, tmp_path: Path) -> None:
        (tmp_path / "met").mkdir()
        result = flyte.run(patterns.all_log_at_once, str(tmp_path / "met"), 3)
        names = set(result.outputs()[0])
        assert len(names) == 3
        lines = [line for name in names for line in result.get_logs(action=name)]
        assert sorted(lines) == sorted(f"{name} {when}" for name in names for when in ("before", "after"))


def test_a_counter_of_the_module_starts_anew_with_each_attempt_and_the_context_knows_the_number(tmp_path: Path) -> None:
    """On a cluster each attempt has a process of its own. Programs that count in the module run in the SDK's local mode alone."""
    assert run(patterns.counts_attempts, str(tmp_path / "note")) == 2
    assert (tmp_path / "note").read_text().splitlines() == ["1 0", "1 1", "1 2"]
