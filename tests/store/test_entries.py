"""Each row of an index is one of five kinds, whoever wrote it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.store.entries import Kind
from localflyte.store.entries import list_entries
from localflyte.store.entries import read_entry
from localflyte.store.index import Row
from localflyte.store.record import pack_code
from tests.store.shelves import Shelves
from tests.store.shelves import digest_of

KEY = digest_of("key")
CODE, BODY = pack_code({"function m.f": "1" * 64})


def row(key: str, value: bytes) -> Row:
    return Row(1, key, value, "env.task", 1.0, 2.0)


def whole(fields: Any) -> bytes:
    body = msgpack.packb(fields)
    return hashlib.sha256(body).digest() + bytes(body)


def test_a_record_names_its_blobs_and_its_code(tmp_path: Path) -> None:
    shelves = Shelves(tmp_path / "home")
    shelves.add("one", b"data", code={"function m.f": "1" * 64}, task="env.other", n=1)
    (entry,) = [entry for entry in list_entries(shelves.index) if entry.kind is Kind.RECORD]
    assert entry.blobs == {hashlib.sha256(b"data").hexdigest()}
    assert entry.code == CODE
    assert entry.needs == entry.blobs | {CODE}
    assert (entry.task, entry.digest, entry.row.value) == ("env.other", digest_of("one"), b"")
    assert [entry.task for entry in list_entries(shelves.index, "env.other")] == ["env.other"]
    shelves.close()


def test_of_another_version_every_digest_is_needed() -> None:
    fields = {"schema": 99, "a": [{"b": KEY, CODE: 1}], "c": "no digest", "d": b"x"}
    entry = read_entry(row(KEY, whole(fields)))
    assert (entry.kind, entry.needs, entry.task) == (Kind.OTHER_SCHEMA, {KEY, CODE}, "env.task")


@pytest.mark.parametrize(
    ("key", "value", "kind", "digest"),
    [
        (f"code:{CODE}", BODY, Kind.CODE, CODE),
        (f"code:{CODE}", BODY + b"x", Kind.DAMAGED, CODE),
        (KEY, b"", Kind.DAMAGED, KEY),
        (KEY, whole({}), Kind.DAMAGED, KEY),
        (KEY, whole([1]), Kind.DAMAGED, KEY),
        ("", b"", Kind.FOREIGN, ""),
        ("text", b"", Kind.FOREIGN, ""),
        ("code:../../etc", b"", Kind.FOREIGN, ""),
        (f"CODE:{CODE}", BODY, Kind.FOREIGN, ""),
    ],
)
def test_the_kind_of_a_row(key: str, value: bytes, kind: Kind, digest: str) -> None:
    entry = read_entry(row(key, value))
    assert (entry.kind, entry.digest, entry.needs) == (kind, digest, frozenset())
    assert bool(entry.problem) == (kind in (Kind.DAMAGED, Kind.FOREIGN))


@given(st.text(max_size=80) | st.sampled_from([KEY, f"code:{CODE}"]), st.binary(max_size=200))
def test_any_row_is_of_some_kind(key: str, value: bytes) -> None:
    assert read_entry(row(key, value)).kind in Kind
