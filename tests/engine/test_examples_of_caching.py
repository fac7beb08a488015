"""Programs that count on their cache, as Flyte's examples of it do, in words of our own: each is run twice, and says what it promised."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from programs import reusing

import localflyte as flyte
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run


@pytest.fixture(autouse=True)
def own_home(home: Path) -> Path:
    return home


def run(task: Any, *args: Any, **inputs: Any) -> Any:
    return flyte.run(task, *args, **inputs).outputs()[0]


def actions(task: str) -> Counter[str]:
    """Count how the calls of a task ended in the last run; what came from the cache is counted as cached."""
    home = os.environ["LOCALFLYTE_HOME"]
    record = load_run(home, next(iter(list_runs(home))).name)
    ends = ["cached" if action.cached else action.status.value for action in record.actions.values() if action.task == f"reusing.{task}"]
    return Counter(ends)


class TestAKeyThatIsGiven:
    def test_different_contents_of_one_key_are_one(self) -> None:
        """The folders were temporary, and are gone when they are used."""
        assert run(reusing.two_of_one_key, same_key=True) == [True, True]
        assert actions("read_file") == actions("list_folder") == {"succeeded": 1, "cached": 1}
        assert run(reusing.two_of_one_key, same_key=True) == [True, True]
        assert actions("read_file") == actions("list_folder") == {"cached": 2}

    def test_contents_of_two_keys_are_two(self) -> None:
        assert run(reusing.two_of_one_key, same_key=False) == [False, False]
        assert actions("read_file") == actions("list_folder") == {"succeeded": 2}


class TestAResultThatIsKeptOnlyWhenItIsWhole:
    def test_what_is_whole_is_taken_at_once_the_second_time(self) -> None:
        for _ in range(2):
            assert run(reusing.strict_then_lenient, [1, 2, 3]) == [1, 4, 9]
        assert actions("whole") == {"cached": 1}
        assert actions("part") == {}

    def test_what_is_not_whole_is_given_and_not_kept(self) -> None:
        assert run(reusing.strict_then_lenient, [1, -2, 3]) == [1, None, 9]
        assert actions("part") == {"succeeded": 2, "failed": 2, "cached": 2}
        assert run(reusing.strict_then_lenient, [1, -2, 3]) == [1, None, 9]
        assert actions("whole") == {"failed": 1, "succeeded": 1}
        assert actions("part") == {"failed": 2, "cached": 4}

    def test_what_failed_alone_is_run_when_it_can_be_had(self) -> None:
        run(reusing.strict_then_lenient, [1, -2, 3])
        assert run(reusing.strict_then_lenient, [1, 2, 3]) == [1, 4, 9]
        assert actions("part") == {"succeeded": 1, "cached": 2}
        assert actions("whole") == {"succeeded": 1}
        run(reusing.strict_then_lenient, [1, 2, 3])
        assert actions("whole") == {"cached": 1}


class TestEqualCallsAtOnce:
    def test_without_serialize_each_runs_for_itself_and_one_is_kept(self, tmp_path: Path) -> None:
        (tmp_path / "crowd").mkdir()
        assert run(reusing.at_once, str(tmp_path / "crowd"), 3) == 3
        assert actions("each_for_itself") == {"succeeded": 3}
        assert run(reusing.at_once, str(tmp_path / "crowd"), 3) == 1
        assert actions("each_for_itself") == {"cached": 3}


class TestCallsWithinARun:
    def test_equal_calls_of_one_run_are_done_once(self) -> None:
        first, second = run(reusing.sums)
        assert first == second
        assert first.startswith("6 ")
        assert actions("labelled") == {"succeeded": 2, "cached": 1}
        assert actions("summed") == {"succeeded": 1, "cached": 1}

    def test_a_caller_that_is_cached_calls_nobody(self) -> None:
        assert run(reusing.sums) == run(reusing.sums)
        assert actions("sums") == {"cached": 1}
        assert actions("labelled") == actions("summed") == {}

    def test_with_another_input_only_the_caller_runs(self) -> None:
        assert run(reusing.sums) == run(reusing.sums, word="b")
        assert actions("sums") == {"succeeded": 1}
        assert actions("labelled") == {"cached": 3}
        assert actions("summed") == {"cached": 2}


class TestAKeyThatTheTypeComputes:
    @pytest.mark.parametrize(("task", "wrap"), [(reusing.total, lambda table: table), (reusing.total_of_all, lambda table: [table])])
    def test_equal_keys_are_equal_values(self, task: Any, wrap: Any) -> None:
        first = run(task, wrap(reusing.Table([1, 2])))
        assert run(task, wrap(reusing.Table([1, 2]))) == first
        assert run(task, wrap(reusing.Table([1, 3]))) != first

    def test_without_one_the_whole_value_counts(self) -> None:
        table = reusing.Table([1, 2])
        assert run(reusing.bare_total, table) == run(reusing.bare_total, table)
        assert run(reusing.bare_total, table) != run(reusing.bare_total, reusing.Table([1, 2]))

    def test_the_value_itself_arrives(self) -> None:
        made = run(reusing.make, [4, 5])
        assert isinstance(made, reusing.Table)
        assert made.rows == [4, 5]
