"""Entries go into an archive and come out of it as they were; what is damaged on the way is left out and told."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from localflyte.store import transfer as module
from localflyte.store.archive import BLOBS
from localflyte.store.archive import CODE
from localflyte.store.archive import RECORDS
from localflyte.store.archive import ArchiveError
from localflyte.store.archive import create_archive
from localflyte.store.index import Index
from localflyte.store.sweep import sweep
from localflyte.store.tier import Tier
from localflyte.store.transfer import Exported
from localflyte.store.transfer import Imported
from localflyte.store.transfer import export_entries
from localflyte.store.transfer import import_archive
from localflyte.store.verify import verify
from tests.store.shelves import DAY
from tests.store.shelves import Shelves
from tests.store.shelves import digest_of

A, B = b"a" * 10_000, b"b" * 10_000
MOST = 1 << 20


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Shelves]:
    found = Shelves(tmp_path / "home")
    found.add("one", A, task="env.first", run="r1", code={"function f": "1"})
    found.add("two", A, B, task="env.second", run="r2")
    yield found
    found.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Shelves]:
    found = Shelves(tmp_path / "other")
    yield found
    found.close()


@pytest.fixture(params=["folder", "a.tar", "a.tar.gz"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / request.param)


def record_of(shelves: Shelves, name: str) -> bytes:
    value = shelves.index.get(digest_of(name))
    assert value is not None
    return value


def write(path: Path, *members: tuple[str, str, bytes]) -> str:
    with create_archive(str(path)) as writer:
        for kind, digest, data in members:
            writer.add(kind, digest, len(data), io.BytesIO(data))
    return str(path)


def take(shelves: Shelves, source: str, **options: Any) -> Imported:
    return import_archive(shelves.layout, source, **{"max_bytes": MOST, **options})


def test_what_was_exported_is_imported_as_it_was(shelves: Shelves, other: Shelves, target: str) -> None:
    made = export_entries(shelves.layout, target)
    assert (made.entries, made.blobs, made.problems) == (2, 2, ())
    found = take(other, target)
    assert (found.entries, found.blobs, found.bytes, found.known, found.problems) == (2, 2, 20_000, 0, ())
    rows = [{(row.key, row.value, row.tag) for row in each.index.rows()} for each in (shelves, other)]
    assert rows[0] == rows[1]
    assert other.blobs_there() == {A, B}
    assert verify(other.layout).entries == 2


def test_a_folder_is_a_tier(shelves: Shelves, tmp_path: Path) -> None:
    export_entries(shelves.layout, str(tmp_path / "folder"))
    tier = Tier(str(tmp_path / "folder"))
    assert tier.record(digest_of("two")) == record_of(shelves, "two")
    assert tier.blobs.get(hashlib.sha256(B).hexdigest()) == B


def test_only_what_is_wanted_is_exported_with_what_it_needs(shelves: Shelves, other: Shelves, target: str) -> None:
    made = export_entries(shelves.layout, target, wanted=lambda entry: entry.task == "env.first")
    assert (made.entries, made.blobs) == (1, 1)
    take(other, target)
    assert other.has("one", "two") == [True, False]
    assert other.blobs_there() == {A}
    assert len(other.keys()) == 2


def test_a_damaged_entry_is_not_exported(shelves: Shelves, target: str) -> None:
    shelves.damage(B)
    made = export_entries(shelves.layout, target)
    assert (made.entries, made.blobs) == (1, 1)
    assert made.problems[0].startswith("a result of env.second is left out: blob ")


def test_an_export_is_no_use_and_holds_what_it_exports(shelves: Shelves, target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [row.used for row in shelves.index.rows()]
    real = Index.get

    def get(index: Index, key: str) -> bytes | None:
        if not swept:
            swept.append(sweep(shelves.layout, max_bytes=0))
        return real(index, key)

    swept: list[Any] = []
    monkeypatch.setattr(Index, "get", get)
    assert export_entries(shelves.layout, target).entries == 2
    assert swept[0].held == 2
    assert [row.used for row in shelves.index.rows()] == before
    assert os.listdir(shelves.layout.live) == []


def test_an_empty_store_makes_an_empty_archive(other: Shelves, target: str) -> None:
    assert export_entries(other.layout, target) == Exported()
    assert take(other, target) == Imported()


def test_the_store_itself_is_no_place_for_an_archive(shelves: Shelves) -> None:
    with pytest.raises(ArchiveError, match="lies in the store"):
        export_entries(shelves.layout, os.path.join(shelves.layout.root, "x"))


# -- import -----------------------------------------------------------------------------------------------------------


def test_what_the_store_has_already_stays(shelves: Shelves, target: str) -> None:
    export_entries(shelves.layout, target)
    found = take(shelves, target)
    assert (found.entries, found.known, found.blobs) == (0, 2, 0)


@pytest.mark.parametrize(("overwrite", "wins"), [(False, "newer"), (True, "older")])
def test_a_newer_entry_is_replaced_only_if_that_is_asked(shelves: Shelves, other: Shelves, target: str, overwrite: bool, wins: str) -> None:
    other.add("one", B, run="older")
    export_entries(other.layout, target)
    shelves.add("one", A, run="newer")
    found = take(shelves, target, overwrite=overwrite)
    assert (found.entries, found.known) == ((1, 0) if overwrite else (0, 1))
    assert wins.encode() in record_of(shelves, "one")


def test_an_older_entry_and_a_damaged_one_are_replaced(shelves: Shelves, other: Shelves, target: str) -> None:
    for name in ("one", "two"):
        other.add(name, B, run="newer")
    export_entries(other.layout, target)
    shelves.sql("UPDATE Cache SET value = x'00' WHERE key = ?", digest_of("two"))
    assert take(shelves, target).entries == 2
    assert b"newer" in record_of(shelves, "one")
    assert b"newer" in record_of(shelves, "two")


def test_a_blob_that_is_damaged_here_is_mended(shelves: Shelves, target: str) -> None:
    export_entries(shelves.layout, target)
    shelves.damage(B)
    assert take(shelves, target).blobs == 1
    assert verify(shelves.layout).is_sound


def test_an_entry_comes_only_with_all_of_its_blobs(shelves: Shelves, other: Shelves, tmp_path: Path) -> None:
    digest = hashlib.sha256(A).hexdigest()
    source = write(
        tmp_path / "a.tar",
        (BLOBS, digest, A),
        (BLOBS, hashlib.sha256(B).hexdigest(), B[:-1] + b"x"),
        *[(RECORDS, digest_of(name), record_of(shelves, name)) for name in ("one", "two")],
    )
    found = take(other, source)
    assert (found.entries, found.blobs) == (1, 1)
    assert len(found.problems) == 2
    assert "has other content" in found.problems[0]
    assert "a result of env.second is left out: blob " in found.problems[1]
    assert other.has("one", "two") == [True, False]
    assert other.blobs_there() == {A}
    assert verify(other.layout).is_sound


def test_a_blob_that_is_here_already_need_not_come(shelves: Shelves, other: Shelves, tmp_path: Path) -> None:
    other.put(A)
    found = take(other, write(tmp_path / "a.tar", (RECORDS, digest_of("one"), record_of(shelves, "one"))))
    assert (found.entries, found.problems) == (1, ())


@pytest.mark.parametrize("value", [b"", b"\x00" * 100, os.urandom(50)], ids=["empty", "zeros", "random"])
def test_a_damaged_record_or_one_of_another_key_is_left_out(shelves: Shelves, other: Shelves, tmp_path: Path, value: bytes) -> None:
    source = write(
        tmp_path / "a.tar",
        (RECORDS, digest_of("one"), value),
        (RECORDS, digest_of("two"), record_of(shelves, "one")),
        (CODE, digest_of("three"), value),
    )
    found = take(other, source)
    assert (found.entries, len(found.problems)) == (0, 3)
    assert other.keys() == set()


def test_a_record_of_another_version_is_left_out(other: Shelves, tmp_path: Path) -> None:
    body = msgpack.packb({"schema": 99})
    found = take(other, write(tmp_path / "a.tar", (RECORDS, digest_of("x"), hashlib.sha256(body).digest() + body)))
    assert (found.entries, found.other_schema, found.problems) == (0, 1, ())


def test_a_record_that_is_too_large_is_not_read(other: Shelves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROW_BYTES", 10)
    found = take(other, write(tmp_path / "a.tar", (RECORDS, digest_of("x"), b"x" * 11)))
    assert found.problems == (f"records/{digest_of('x')} is left out: it has 11 bytes, and 10 is the most",)


def test_a_row_that_is_foreign_here_is_replaced(shelves: Shelves, target: str) -> None:
    export_entries(shelves.layout, target)
    shelves.sql("UPDATE Cache SET mode = 4, filename = '../x' WHERE key = ?", digest_of("one"))
    assert take(shelves, target).entries == 1
    assert verify(shelves.layout).is_sound


def test_parts_of_a_version_that_are_foreign_are_not_exported(shelves: Shelves, target: str) -> None:
    shelves.sql("UPDATE Cache SET mode = 4 WHERE key LIKE 'code:%'")
    assert export_entries(shelves.layout, target).entries == 2


def test_an_entry_of_another_version_here_stays(shelves: Shelves, target: str) -> None:
    export_entries(shelves.layout, target)
    body = msgpack.packb({"schema": 99})
    shelves.index.set(digest_of("one"), hashlib.sha256(body).digest() + body)
    assert (take(shelves, target).known, shelves.index.get(digest_of("one"))) == (2, hashlib.sha256(body).digest() + body)


def test_a_pickle_is_never_read(other: Shelves, tmp_path: Path) -> None:
    """It is a damaged record, or a blob that nothing names."""
    import pickle

    class Tripwire:
        def __reduce__(self) -> Any:
            return (open, (str(tmp_path / "tripwire"), "w"))

    data = pickle.dumps(Tripwire())
    digest = hashlib.sha256(data).hexdigest()
    take(other, write(tmp_path / "a.tar", *[(kind, digest, data) for kind in (BLOBS, CODE, RECORDS)]))
    assert other.keys() == set()
    assert not (tmp_path / "tripwire").exists()


def test_an_archive_that_declares_too_much_changes_nothing(shelves: Shelves, other: Shelves, target: str) -> None:
    export_entries(shelves.layout, target)
    with pytest.raises(ArchiveError, match="declares more"):
        take(other, target, max_bytes=15_000)
    assert other.keys() == set()


def test_what_was_cut_off_gives_what_is_whole(shelves: Shelves, other: Shelves, tmp_path: Path) -> None:
    export_entries(shelves.layout, str(tmp_path / "a.tar"))
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(whole[: whole.index(b"records/") + 1024 + 512])
    found = take(other, str(tmp_path / "a.tar"))
    assert found.entries == 1
    assert "it ends in the middle" in found.problems[0]
    assert verify(other.layout).is_sound


def test_a_blob_cut_off_leaves_no_draft(shelves: Shelves, other: Shelves, tmp_path: Path) -> None:
    export_entries(shelves.layout, str(tmp_path / "a.tar"))
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:5000])
    found = take(other, str(tmp_path / "a.tar"))
    assert (found.entries, found.blobs) == (0, 0)
    assert other.blobs_there() == set()
    assert os.listdir(os.path.join(other.layout.blobs, "new")) == []


def test_what_has_another_name_is_told(shelves: Shelves, other: Shelves, tmp_path: Path) -> None:
    export_entries(shelves.layout, str(tmp_path / "folder"))
    (tmp_path / "folder" / "blobs" / "README").write_text("x")
    found = take(other, str(tmp_path / "folder"))
    assert found.entries == 2
    assert found.problems == ("'blobs/README' is no member of an archive",)


def test_what_is_imported_is_new_to_a_sweep(shelves: Shelves, other: Shelves, target: str) -> None:
    export_entries(shelves.layout, target)
    other.put(A, age=30 * DAY)
    take(other, target)
    sweep(other.layout, max_age=DAY)
    assert other.has("one", "two") == [True, True]
    assert all(path.stat().st_mtime > time.time() - 60 for path in Path(other.layout.blobs).glob("??/*"))
