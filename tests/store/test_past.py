"""What is stored of a task is read once, and then only what is new; what cannot be read is not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from localflyte.spec.plan import CacheTerms
from localflyte.store import past as module
from localflyte.store.index import Index
from localflyte.store.keys import Key
from localflyte.store.past import Past
from localflyte.store.record import StoredValue
from localflyte.store.record import pack_code
from localflyte.store.record import pack_record


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(str(tmp_path / "index"))
    yield index
    index.close()


def put(index: Index, name: str, task: str = "env.f") -> str:
    parts = {"main.f": name}
    code, body = pack_code(parts)
    key = Key(name * 64, task, {"task": task}, CacheTerms(parts=parts))
    index.set(f"code:{code}", body)
    record = pack_record(key, [StoredValue(b"output", b"", [])], run="run", action="a0", seconds=1.0, code=code)
    index.set(key.digest, record, tag=task)
    return code


def test_entries_are_kept_without_what_they_hold(index: Index) -> None:
    put(index, "a")
    put(index, "b")
    put(index, "c", task="env.g")
    past = Past(index)
    assert [(record.key[0], record.outputs) for record in past.entries("env.f")] == [("b", ()), ("a", ())]
    found = past.find("a" * 64)
    assert found is not None
    assert found.outputs == [StoredValue(b"output", b"", [])]
    assert past.tasks() == ["env.f", "env.g"]


def test_what_is_new_is_there_at_the_next_look(index: Index) -> None:
    past = Past(index)
    assert past.entries("env.f") == []
    put(index, "a")
    assert len(past.entries("env.f")) == 1


def test_what_was_forgotten_is_read_anew(index: Index) -> None:
    put(index, "a")
    past = Past(index)
    past.entries("env.f")
    index.delete(index.rows())
    assert len(past.entries("env.f")) == 1
    past.forget("env.f")
    assert past.entries("env.f") == []
    assert past.find("a" * 64) is None


def test_only_so_many_tasks_are_kept(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TASKS", 2)
    past = Past(index)
    for name in "abcd":
        put(index, name, task=f"env.{name}")
        assert len(past.entries(f"env.{name}")) == 1
    assert len(past.entries("env.a")) == 1


def test_the_parts_of_a_version_are_known_unless_they_are_damaged(index: Index) -> None:
    code = put(index, "a")
    index.set("code:" + "0" * 64, b"damaged")
    past = Past(index)
    assert past.code(code) == {"main.f": "a"}
    assert past.code("0" * 64) is None
    assert past.code("1" * 64) is None
    assert past.code("") is None
