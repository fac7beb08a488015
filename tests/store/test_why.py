"""A miss is explained by the nearest entry and exactly what differs; an explanation never fails and never takes long."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from localflyte.spec.plan import CacheTerms
from localflyte.store.index import Index
from localflyte.store.index import Row
from localflyte.store.index import UnusableIndexError
from localflyte.store.keys import Key
from localflyte.store.keys import digest_parts
from localflyte.store.past import Past
from localflyte.store.record import pack_code
from localflyte.store.record import pack_record
from localflyte.store.why import Difference
from localflyte.store.why import ago
from localflyte.store.why import explain
from localflyte.store.why import nearest
from localflyte.store.why import tell_difference

CODE = {"function main.f": "a" * 64, "function helpers.double": "b" * 64, "package numpy": "1.26"}


def digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()


def key_of(task: str = "env.f", code: dict[str, str] | None = None, interface: str = "(x: int) -> (o0: int)", **inputs: Any) -> Key:
    code = CODE if code is None else code
    packed = {name: msgpack.packb(value) for name, value in inputs.items()}
    parts = {"task": task, "interface": interface, "version": digest(sorted(code.items()))}
    parts |= {f"input:{name}": hashlib.sha256(data).hexdigest() for name, data in packed.items()}
    shown = {name: data for name, data in packed.items() if len(data) <= 64}
    return Key(digest_parts(parts), task, parts, CacheTerms(behavior="auto", version=parts["version"], parts=code), shown)


class Store:
    """An index into which results are put at a time that the test says."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.index = Index(str(folder))
        self._monkeypatch = monkeypatch
        self._now = 1000.0
        monkeypatch.setattr(time, "time", lambda: 2000.0)

    def put(self, key: Key, run: str = "brave-owl-12", at: float | None = None) -> Key:
        self._now = self._now + 1 if at is None else at
        self._monkeypatch.setattr(time, "time", lambda: self._now)
        code, body = pack_code(key.terms.parts)
        self.index.set(f"code:{code}", body)
        self.index.set(key.digest, pack_record(key, [], run=run, action="a0", seconds=1.0, code=code), tag=key.task)
        self._monkeypatch.setattr(time, "time", lambda: 2000.0)
        return key

    def why(self, key: Key, run: str = "") -> str:
        return explain(Past(self.index), key, run)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    store = Store(tmp_path / "index", monkeypatch)
    yield store
    store.index.close()


def test_an_input_that_differs_is_named_with_its_values(store: Store) -> None:
    store.put(key_of(x=2), at=1880.0)
    assert store.why(key_of(x=3)) == "input x differs (3, was 2) from the entry of run brave-owl-12 (2 min ago)"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("a" * 100, "b", "(now 'b')"),
        ("a", "b" * 100, "(was 'a')"),
        ("a" * 100, "b" * 100, ""),
        (1, True, "(True, was 1)"),
        (1, 1.0, "(1.0, was 1)"),
        ("\x1b[31m", "line\nbreak", "('line\\nbreak', was '\\x1b[31m')"),
        (["a", 1], {"k": None}, "({'k': None}, was ['a', 1])"),
        (msgpack.Timestamp(1), msgpack.ExtType(5, b"x"), ""),
    ],
)
def test_values_are_shown_where_they_are_short_and_can_be_read(store: Store, before: Any, after: Any, told: str) -> None:
    store.put(key_of(x=before))
    assert store.why(key_of(x=after)).startswith(f"input x differs {told}".strip() + " from")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"function helpers.double": "c" * 64}, "function helpers.double changed"),
        ({"package numpy": "2.0"}, "package numpy changed (2.0, was 1.26)"),
        ({"class main.Model": "c" * 64}, "class main.Model is new"),
        ({"package pandas": "3.0"}, "package pandas is new (3.0)"),
        ({"package numpy": None}, "package numpy is gone (was 1.26)"),
        ({"salt": "c" * 64}, "salt is new"),
    ],
)
def test_what_differs_in_the_code_is_named(store: Store, change: dict[str, str | None], told: str) -> None:
    store.put(key_of(x=1))
    code = {name: part for name, part in {**CODE, **change}.items() if part is not None}
    assert store.why(key_of(x=1, code=code)) == f"{told} since run brave-owl-12 (16 min ago)"


def test_another_version_by_hand_is_shown(store: Store) -> None:
    store.put(key_of(code={"version_override": "v1"}))
    assert store.why(key_of(code={"version_override": "v2"})).startswith("version_override changed (v2, was v1) since")


def test_a_new_parameter_is_named_with_all_that_comes_with_it(store: Store) -> None:
    store.put(key_of(x=1))
    told = store.why(key_of(x=1, y=2, interface="(x: int, y: int) -> (o0: int)", code={**CODE, "function main.f": "c" * 64}))
    assert told.startswith(
        "input y is new (2), the interface changed ((x: int, y: int) -> (o0: int), was (x: int) -> (o0: int)) and function main.f changed"
    )


def test_an_input_that_counts_no_more_is_gone(store: Store) -> None:
    store.put(key_of(x=1, y=2))
    assert store.why(key_of(x=1)).startswith("input y is gone (was 2)")


def test_of_many_differences_the_first_are_told(store: Store) -> None:
    store.put(key_of(x=1))
    code = {f"function main.f{number}": "c" * 64 for number in range(3)}
    assert "and 4 more since run" in store.why(key_of(x=2, y=3, code={**code, "package numpy": "1.26"}))


def test_a_version_whose_parts_are_not_known_differs_as_a_whole(store: Store) -> None:
    key = store.put(key_of(x=1))
    store.index.set(f"code:{pack_code(key.terms.parts)[0]}", b"damaged")
    assert store.why(key_of(x=1, code={"function main.f": "c" * 64})).startswith("code changed since")


def test_a_version_that_differs_in_none_of_its_parts_is_said_to(store: Store) -> None:
    store.put(key_of(x=1))
    key = key_of(x=1)
    parts = {**key.parts, "version": "another"}
    assert store.why(Key(digest_parts(parts), key.task, parts, key.terms)).startswith("version changed since")


def test_the_entry_with_the_fewest_differences_is_the_nearest(store: Store) -> None:
    near = store.put(key_of(x=1, y=2))
    store.put(key_of(x=5, y=6))
    found = nearest(Past(store.index), key_of(x=1, y=3))
    assert found is not None
    assert (found.record.key, found.differences) == (near.digest, (Difference("input y", "2", "3"),))


def test_among_equals_the_one_with_the_same_inputs_is_the_nearest(store: Store) -> None:
    """A run whose code changed has stored results of other inputs already: they explain nothing."""
    store.put(key_of(x=1), run="old")
    new = {**CODE, "function helpers.double": "c" * 64}
    store.put(key_of(x=0, code=new), run="other")
    assert store.why(key_of(x=1, code=new)).startswith("function helpers.double changed since run old")


def test_among_equals_the_latest_is_the_nearest(store: Store) -> None:
    store.put(key_of(x=1))
    store.put(key_of(x=2))
    assert "was 2" in store.why(key_of(x=3))


def test_what_the_run_stored_itself_explains_nothing(store: Store) -> None:
    new = {**CODE, "function helpers.double": "c" * 64, "package numpy": "2.0"}
    store.put(key_of(x=1), run="old")
    store.put(key_of(x=0, code=new), run="now")
    told = "function helpers.double changed and package numpy changed (2.0, was 1.26) since run old"
    assert store.why(key_of(x=1, code=new), "now").startswith(told)
    assert store.why(key_of("env.g", x=1)) == "nothing is stored for task env.g"
    store.put(key_of("env.g", x=0), run="now")
    assert store.why(key_of("env.g", x=1), "now") == "nothing was stored for task env.g before this run"


def test_an_entry_with_the_same_inputs_is_found_among_any_number(store: Store) -> None:
    store.put(key_of(x=-1), run="first")
    for number in range(20):
        store.put(key_of(x=number))
    past = Past(store.index, most=5)
    told = explain(past, key_of(x=-1, code={**CODE, "function main.f": "c" * 64}))
    assert told.startswith("function main.f changed since run first")


def test_a_run_of_many_does_not_put_out_what_others_stored(store: Store) -> None:
    store.put(key_of(x="same", y="same", z=0), run="old")
    past = Past(store.index, most=5)
    assert "from the entry of run old" in explain(past, key_of(x="same", y="same", z=1), "now")
    for number in range(20):
        store.put(key_of(x=number, y=number, z=number), run="now")
        told = explain(past, key_of(x="same", y="same", z=1), "now")
        assert told.startswith("input z differs (1, was 0) from the entry of run old")


def test_only_what_is_new_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(key_of(x=1))
    past = Past(store.index)
    explain(past, key_of(x=3))
    read: list[Row] = []
    newest = store.index.newest
    monkeypatch.setattr(store.index, "newest", lambda *args: [each for each in newest(*args) if read.append(each) is None])
    explain(past, key_of(x=3))
    assert read == []
    added = store.put(key_of(x=2))
    assert "was 2" in explain(past, key_of(x=3))
    assert [row.key for row in read] == [added.digest]


def test_an_entry_that_was_removed_meanwhile_is_not_the_nearest(store: Store) -> None:
    store.put(key_of(x=1))
    past = Past(store.index)
    gone = store.put(key_of(x=2))
    assert "was 2" in explain(past, key_of(x=3))
    store.index.delete([row for row in store.index.rows() if row.key == gone.digest])
    assert "was 1" in explain(past, key_of(x=3))


def test_only_what_was_stored_before_counts_where_a_time_is_given(store: Store) -> None:
    early = store.put(key_of(x=1), at=1100.0)
    store.put(key_of(x=2), at=1300.0)
    found = nearest(Past(store.index), key_of(x=3), before=1200.0)
    assert found is not None
    assert found.record.key == early.digest
    assert nearest(Past(store.index), key_of(x=3), before=1000.0) is None


def test_inputs_that_are_not_known_are_not_compared(store: Store) -> None:
    store.put(key_of(x=1, y=2))
    found = nearest(Past(store.index), key_of(x=1), ignoring={"y"})
    assert found is not None
    assert found.differences == ()


def test_of_the_same_key_nothing_differs(store: Store) -> None:
    store.put(key_of(x=1))
    assert store.why(key_of(x=1)) == "nothing differs from the entry of run brave-owl-12 (16 min ago)"


def test_a_task_that_has_another_environment_now_is_named(store: Store) -> None:
    store.put(key_of("env.g", x=1))
    store.put(key_of("old.f", x=1))
    told = "nothing is stored for task env.f; its name is part of the key, and there are entries for old.f"
    assert store.why(key_of("env.f", x=1)) == told


def test_a_damaged_entry_is_none(store: Store) -> None:
    store.index.set(key_of(x=1).digest, b"damaged", tag="env.f")
    assert store.why(key_of(x=2)) == "nothing is stored for task env.f"


def test_an_entry_under_the_tag_of_another_task_is_none(store: Store) -> None:
    key = key_of("env.g", x=1)
    store.index.set(key.digest, pack_record(key, [], run="r", action="a0", seconds=1.0), tag="env.f")
    assert store.why(key_of(x=1)).startswith("nothing is stored for task env.f")


@pytest.mark.parametrize("error", [UnusableIndexError("locked"), RuntimeError(), RecursionError("deep")])
def test_it_never_raises(store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_args: object) -> None:
        raise error

    monkeypatch.setattr(store.index, "newest", fail)
    assert store.why(key_of(x=1)) == f"why is not known: {str(error) or 'RuntimeError'}"


def test_an_input_nested_too_deep_to_be_read_is_not_shown(store: Store) -> None:
    store.put(key_of(x=1))
    key = key_of(x=2)
    deep = Key(key.digest, key.task, key.parts, key.terms, {"x": b"\x91" * 63 + b"\x01"})
    assert store.why(deep).startswith("input x differs (was 1)")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "just now"),
        (0.5, "just now"),
        (59.9, "59 s ago"),
        (60, "1 min ago"),
        (7200, "2 h ago"),
        (86400, "1 day ago"),
        (200000, "2 days ago"),
    ],
)
def test_times_are_told_in_words(seconds: float, told: str) -> None:
    assert ago(seconds) == told


def test_a_component_that_is_there_and_not_shown_has_no_values() -> None:
    assert tell_difference(Difference("input x", "", "")) == "input x differs"
