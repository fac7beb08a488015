"""Verifying finds every kind of damage, says so, and leaves a store in which everything can be given out."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import msgpack
import pytest

from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError
from localflyte.store.lock import take_lock
from localflyte.store.verify import verify
from tests.store.shelves import Shelves
from tests.store.shelves import digest_of

A, B = b"a" * 10_000, b"b" * 10_000


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Shelves]:
    found = Shelves(tmp_path / "home")
    found.add("one", A, code={"function f": "1"})
    found.add("two", B)
    found.add("both", A, B)
    yield found
    found.close()


def truncate(shelves: Shelves) -> None:
    shelves.damage(B).write_bytes(B[:-1])


def flip(shelves: Shelves) -> None:
    shelves.damage(B)


def empty(shelves: Shelves) -> None:
    shelves.damage(B).write_bytes(b"")


def remove(shelves: Shelves) -> None:
    shelves.path(B).unlink()


def test_a_sound_store_is_said_to_be_so(shelves: Shelves) -> None:
    found = verify(shelves.layout)
    assert found.is_sound
    assert found.is_mended
    assert (found.entries, found.blobs, found.bytes) == (3, 2, 20_000)
    assert (found.unused_blobs, found.other_schema, found.without_code, found.strange) == (0, 0, 0, ())


@pytest.mark.parametrize("harm", [truncate, flip, empty, remove])
def test_entries_whose_blob_is_damaged_go(shelves: Shelves, harm: Callable[[Shelves], None]) -> None:
    harm(shelves)
    found = verify(shelves.layout)
    assert not found.is_sound
    assert found.is_mended
    assert sorted(fault.where for fault in found.faults if fault.kind == "entry") == sorted([digest_of("two"), digest_of("both")])
    assert [fault.kind for fault in found.faults].count("blob") == (harm is not remove)
    assert shelves.has("one", "two", "both") == [True, False, False]
    assert shelves.blobs_there() == {A}
    assert (found.entries, found.blobs) == (1, 1)
    assert verify(shelves.layout).is_sound


def test_a_damaged_blob_is_set_aside(shelves: Shelves) -> None:
    flip(shelves)
    verify(shelves.layout)
    (aside,) = Path(shelves.layout.blobs, "damaged").iterdir()
    assert aside.name == hashlib.sha256(B).hexdigest()
    assert aside.read_bytes().startswith(b"damaged")


def test_a_dry_run_only_tells(shelves: Shelves) -> None:
    flip(shelves)
    shelves.sql("UPDATE Cache SET value = x'00' WHERE key = ?", digest_of("one"))
    before = (shelves.keys(), shelves.blobs_there())
    found = verify(shelves.layout, repair=False)
    assert (shelves.keys(), shelves.blobs_there()) == before
    assert sorted(fault.kind for fault in found.faults) == ["blob", "entry", "entry", "record"]
    assert not any(fault.mended for fault in found.faults)
    assert not found.is_mended


def test_a_damaged_record_goes(shelves: Shelves) -> None:
    (value,) = [row.value for row in shelves.index.rows() if row.key == digest_of("one")]
    shelves.sql("UPDATE Cache SET value = ? WHERE key = ?", value[:-1] + b"x", digest_of("one"))
    found = verify(shelves.layout)
    assert [(fault.kind, fault.where, fault.mended) for fault in found.faults] == [("record", digest_of("one"), True)]
    assert shelves.has("one", "two", "both") == [False, True, True]


def test_a_record_under_another_key_goes(shelves: Shelves) -> None:
    shelves.sql("UPDATE Cache SET key = ? WHERE key = ?", digest_of("other"), digest_of("one"))
    assert [fault.kind for fault in verify(shelves.layout).faults] == ["record"]


@pytest.mark.parametrize(
    "change",
    [
        "key = x'8000', raw = 0",
        "mode = 4",
        "filename = '../victim'",
        "value = 'text'",
        "key = 'text'",
        "store_time = 'never'",
        "key = NULL",
    ],
)
def test_a_foreign_row_goes(shelves: Shelves, change: str) -> None:
    shelves.sql(f"UPDATE Cache SET {change} WHERE key = ?", digest_of("one"))
    found = verify(shelves.layout)
    assert [(fault.kind, fault.mended) for fault in found.faults] == [("row", True)]
    assert len(shelves.keys()) == 3
    assert verify(shelves.layout).is_sound


def test_damaged_parts_of_a_version_go_and_their_entry_stays(shelves: Shelves) -> None:
    shelves.sql("UPDATE Cache SET value = x'90' WHERE key LIKE 'code:%'")
    found = verify(shelves.layout)
    assert [(fault.kind, fault.mended) for fault in found.faults] == [("code", True)]
    assert (found.entries, found.without_code) == (3, 1)
    again = verify(shelves.layout)
    assert again.is_sound
    assert again.without_code == 1


def test_what_is_not_damaged_is_only_counted(shelves: Shelves) -> None:
    body = msgpack.packb({"schema": 99})
    shelves.index.set(digest_of("other"), hashlib.sha256(body).digest() + body, tag="env.task")
    shelves.put(b"unnamed")
    stray = Path(shelves.layout.blobs, "stray")
    stray.write_text("x")
    found = verify(shelves.layout)
    assert found.is_sound
    assert (found.other_schema, found.unused_blobs, found.unused_bytes, found.strange) == (1, 1, 7, (str(stray),))
    assert stray.exists()
    assert len(shelves.keys()) == 5


def test_a_link_among_the_blobs_is_not_followed(shelves: Shelves, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(B)
    remove(shelves)
    shelves.path(B).symlink_to(tmp_path / "elsewhere")
    found = verify(shelves.layout)
    assert found.strange == (str(shelves.path(B)),)


def test_an_index_that_is_no_database_is_set_aside(shelves: Shelves) -> None:
    shelves.close()
    Path(shelves.layout.index, "cache.db").write_bytes(b"no database at all" * 1000)
    found = verify(shelves.layout)
    assert [(fault.kind, fault.mended) for fault in found.faults] == [("index", True)]
    assert "set aside as" in found.faults[0].text
    assert (found.entries, found.unused_blobs) == (0, 2)
    assert verify(shelves.layout).is_sound


def test_what_cannot_be_set_aside_is_not_mended(shelves: Shelves) -> None:
    flip(shelves)
    Path(shelves.layout.blobs, "damaged").write_text("in the way")
    found = verify(shelves.layout)
    assert [fault.mended for fault in found.faults if fault.kind == "blob"] == [False]
    assert not found.is_mended


def test_what_cannot_be_removed_is_not_mended(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    remove(shelves)

    def delete(index: Index, rows: object) -> int:
        raise UnusableIndexError("disk full")

    monkeypatch.setattr(Index, "delete", delete)
    found = verify(shelves.layout)
    assert [fault.mended for fault in found.faults] == [False, False]


def test_it_does_not_work_beside_a_sweep(shelves: Shelves) -> None:
    lock = take_lock(shelves.layout.swept)
    assert lock is not None
    assert verify(shelves.layout).busy
    assert verify(shelves.layout, repair=False).entries == 3
    lock.release(keep=True)


def test_it_tells_how_far_it_is(shelves: Shelves) -> None:
    told: list[tuple[int, int]] = []
    verify(shelves.layout, tell=lambda done, total: told.append((done, total)))
    assert told == [(10_000, 20_000), (20_000, 20_000)]


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_flipped_is_found_and_what_is_left_can_be_given_out(shelves: Shelves, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(chance.choice([A, B]))
    path = shelves.path(bytes(data))
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    os.chmod(path, 0o600)
    path.write_bytes(data)
    found = verify(shelves.layout)
    assert [fault.kind for fault in found.faults] == ["blob", "entry", "entry"]
    assert verify(shelves.layout).is_sound
