"""Names of runs are safe and short, names of actions depend on what is called and on nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.runs.names import action_name
from localflyte.runs.names import check_run_name
from localflyte.runs.names import is_action_name
from localflyte.runs.names import new_run_name

TEXT = st.text(max_size=8)


def test_a_new_name_is_short_legal_and_used_once() -> None:
    names = {new_run_name() for _ in range(200)}
    assert len(names) == 200
    assert {len(name) for name in names} == {11}
    assert all(check_run_name(name) == name and name.startswith("r") for name in names)


@pytest.mark.parametrize("name", ["a", "first-run", "v1.2_x", "0", "a" * 100])
def test_legal_run_names(name: str) -> None:
    assert check_run_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "/abs", "-rf", ".hidden", "a b", "a\n", "a\x00", "é", "a" * 101, "a:b", "a\\b", "\udc80"]
)
def test_names_that_are_no_folder_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        check_run_name(name)


def test_the_refusal_suggests_a_legal_name() -> None:
    with pytest.raises(ValueError, match="my-run-2"):
        check_run_name("my run/2")


def test_an_action_name_is_the_same_in_every_process() -> None:
    """A golden value: names are compared between runs when one is recovered."""
    assert action_name("a0", "env.work", "00ff", 1) == "1l8nuulq2x4xruyx75a8"


@given(st.tuples(TEXT, TEXT, TEXT, st.integers(1, 99), TEXT), st.tuples(TEXT, TEXT, TEXT, st.integers(1, 99), TEXT))
def test_different_calls_have_different_names(one: tuple[str, str, str, int, str], other: tuple[str, str, str, int, str]) -> None:
    assert (action_name(*one) == action_name(*other)) == (one == other)


def test_an_action_name_may_name_a_file() -> None:
    assert is_action_name(action_name("a0", "env.work", "00ff", 1, "group \udc80"))


@pytest.mark.parametrize("name", ["", "..", "a/b", "a.b", "-a", "a\n", "a" * 200])
def test_what_may_not_name_a_file(name: str) -> None:
    assert not is_action_name(name)
