"""A sweep removes what was used longest ago and what nobody names, and never what a live engine uses."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from localflyte.store import sweep as module
from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError
from localflyte.store.layout import Layout
from localflyte.store.lock import take_lock
from localflyte.store.stock import count_stock
from localflyte.store.sweep import is_due
from localflyte.store.sweep import sweep
from localflyte.store.uses import Uses
from localflyte.store.verify import verify
from tests.store.shelves import DAY
from tests.store.shelves import Shelves
from tests.store.shelves import digest_of

A, B, C = b"a" * 10_000, b"b" * 10_000, b"c" * 10_000
KILLED = """
import os, sys
from localflyte.store.uses import Uses
from localflyte.store.verify import verify
uses = Uses(sys.argv[1])
uses.note(sys.argv[2])
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def shelves(tmp_path: Path) -> Iterator[Shelves]:
    found = Shelves(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture
def uses(shelves: Shelves) -> Iterator[Uses]:
    found = Uses(shelves.layout.live)
    yield found
    found.end()


# -- limits -----------------------------------------------------------------------------------------------------------


def test_a_store_within_its_limits_stays_as_it_is(shelves: Shelves) -> None:
    shelves.add("one", A)
    shelves.add("two", B, code={"function f": "1"})
    before = (shelves.keys(), shelves.blobs_there())
    found = sweep(shelves.layout, max_bytes=1 << 20, max_age=60 * DAY)
    assert (shelves.keys(), shelves.blobs_there()) == before
    assert found.entries == found.blobs == found.litter == found.bytes == 0
    assert found.left_entries == 2
    assert 20_000 < found.left_bytes < 25_000


def test_what_was_used_longest_ago_goes_first(shelves: Shelves) -> None:
    shelves.add("old", A, used=10 * DAY)
    shelves.add("oldest", B, used=20 * DAY)
    shelves.add("new", C, used=1 * DAY)
    found = sweep(shelves.layout, max_bytes=23_000)
    assert shelves.has("old", "oldest", "new") == [True, False, True]
    assert shelves.blobs_there() == {A, C}
    assert (found.entries, found.blobs, found.left_entries) == (1, 1, 2)
    assert found.bytes > 10_000
    assert found.left_bytes <= 23_000


def test_a_use_makes_an_old_entry_the_newest(shelves: Shelves) -> None:
    """The order is that of use, not that of storing."""
    first = shelves.add("first", A, used=20 * DAY)
    shelves.add("second", B, used=10 * DAY)
    shelves.index.touch({first: time.time()})
    sweep(shelves.layout, max_bytes=12_000)
    assert shelves.has("first", "second") == [True, False]


def test_what_nobody_used_for_too_long_goes(shelves: Shelves) -> None:
    shelves.add("old", A, used=31 * DAY)
    shelves.add("new", B, used=29 * DAY)
    found = sweep(shelves.layout, max_age=30 * DAY)
    assert shelves.has("old", "new") == [False, True]
    assert shelves.blobs_there() == {B}
    assert found.entries == 1


def test_what_is_wanted_goes_before_more_is_taken_for_room(shelves: Shelves) -> None:
    shelves.add("old", A, used=20 * DAY)
    shelves.add("new", B, used=1 * DAY, task="env.other")
    sweep(shelves.layout, max_bytes=12_000, wanted=lambda entry: entry.task == "env.other")
    assert shelves.has("old", "new") == [True, False]


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"max_age": 0.0}, {"wanted": lambda entry: True}])
def test_a_dry_run_says_what_would_go_and_removes_nothing(shelves: Shelves, limits: Any) -> None:
    shelves.add("one", A, code={"function f": "1"})
    shelves.put(B)
    before = (shelves.keys(), shelves.blobs_there())
    told = sweep(shelves.layout, dry_run=True, **limits)
    assert (shelves.keys(), shelves.blobs_there()) == before
    assert not os.path.exists(shelves.layout.swept)
    done = sweep(shelves.layout, **limits)
    assert told == done
    assert (done.entries, done.blobs, done.left_entries, done.left_bytes) == (1, 2, 0, 0)
    assert shelves.keys() == shelves.blobs_there() == set()


# -- blobs and code ---------------------------------------------------------------------------------------------------


def test_the_index_gives_its_room_back(shelves: Shelves) -> None:
    for number in range(300):
        shelves.index.set(digest_of(str(number)), bytes(10_000))
    sweep(shelves.layout)
    size = os.path.getsize(os.path.join(shelves.layout.index, "cache.db"))
    assert size > 1_000_000  # and the rest of it in the log of changes
    sweep(shelves.layout, wanted=lambda entry: True)
    assert os.path.getsize(os.path.join(shelves.layout.index, "cache.db")) < 100_000


def test_a_blob_stays_as_long_as_an_entry_names_it(shelves: Shelves) -> None:
    shelves.add("old", A, B, used=20 * DAY)
    shelves.add("new", A, used=1 * DAY)
    sweep(shelves.layout, max_bytes=12_000)
    assert shelves.has("old", "new") == [False, True]
    assert shelves.blobs_there() == {A}


def test_a_shared_blob_gives_no_room_before_its_last_entry_goes(shelves: Shelves) -> None:
    shelves.add("oldest", A, used=30 * DAY)
    shelves.add("old", A, used=20 * DAY)
    shelves.add("new", B, used=1 * DAY)
    sweep(shelves.layout, max_bytes=12_000)
    assert shelves.has("oldest", "old", "new") == [False, False, True]


def test_a_blob_that_nothing_names_goes_unless_it_is_new(shelves: Shelves) -> None:
    shelves.put(A)
    shelves.put(B, age=-5.0)
    assert sweep(shelves.layout).blobs == 1
    assert shelves.blobs_there() == {B}


def test_with_an_engine_at_work_unnamed_blobs_stay_that_are_newer_than_it(shelves: Shelves, uses: Uses) -> None:
    uses.begin()
    shelves.put(A, age=DAY)
    shelves.put(B, age=1.0)
    sweep(shelves.layout)
    assert shelves.blobs_there() == {B}


def test_a_blob_that_an_engine_finds_meanwhile_is_put_back(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that finds its content stored makes the blob newer, and relies on it."""
    shelves.put(A)
    real = os.rename

    def rename(source: str, target: str) -> None:
        if str(shelves.path(A)) == source:
            os.utime(source, (time.time() + 5,) * 2)
        real(source, target)

    monkeypatch.setattr(module.os, "rename", rename)
    assert sweep(shelves.layout).blobs == 0
    assert shelves.blobs_there() == {A}


def test_the_parts_of_a_version_go_with_the_last_entry_of_it(shelves: Shelves) -> None:
    shelves.add("old", used=20 * DAY, code={"function f": "1"})
    shelves.add("new", used=1 * DAY, code={"function f": "1"})
    shelves.add("other", used=20 * DAY, code={"function f": "2"})
    sweep(shelves.layout, max_age=10 * DAY)
    assert len(shelves.keys()) == 2
    sweep(shelves.layout, max_age=0.0)
    assert shelves.keys() == set()


def test_the_parts_of_a_version_stay_that_an_engine_has_just_stored(shelves: Shelves) -> None:
    shelves.index.set(f"code:{digest_of('x')}", b"not even whole")
    key = shelves.add("record", code={"function f": "1"})
    shelves.sql("DELETE FROM Cache WHERE key = ?", key)
    shelves.sql("UPDATE Cache SET store_time = ?, access_time = ?", time.time() + 5, time.time() + 5)
    sweep(shelves.layout)
    assert len(shelves.keys()) == 2


# -- other versions, damage, litter -----------------------------------------------------------------------------------


def other_schema(shelves: Shelves, used: float) -> str:
    body = msgpack.packb({"schema": 99, "what": [{"is": shelves.put(A)}]})
    shelves.index.set(digest_of("other"), hashlib.sha256(body).digest() + body, tag="env.task")
    shelves.set_times(digest_of("other"), used)
    return digest_of("other")


def test_what_another_version_stored_is_left_alone_with_its_blobs(shelves: Shelves) -> None:
    key = other_schema(shelves, DAY)
    shelves.add("one", B)
    sweep(shelves.layout, wanted=lambda entry: entry.record is not None)
    assert shelves.keys() == {key}
    assert shelves.blobs_there() == {A}


def test_what_another_version_stored_goes_when_it_is_too_old(shelves: Shelves) -> None:
    other_schema(shelves, 31 * DAY)
    sweep(shelves.layout, max_age=30 * DAY)
    assert shelves.keys() == shelves.blobs_there() == set()


def test_a_foreign_row_is_left_to_who_asks_for_it(shelves: Shelves) -> None:
    shelves.add("one")
    shelves.sql("UPDATE Cache SET key = x'80', raw = 0, store_time = 'never'")
    assert sweep(shelves.layout, max_bytes=0, max_age=0.0).entries == 0
    assert sweep(shelves.layout, wanted=lambda entry: True).entries == 1
    assert shelves.sql("SELECT count(*) FROM Cache") == [(0,)]


def test_old_drafts_go(shelves: Shelves) -> None:
    new = Path(shelves.layout.blobs, "new")
    new.mkdir()
    (new / "old").write_bytes(A)
    os.utime(new / "old", (time.time() - DAY,) * 2)
    (new / "growing").write_bytes(B)
    os.utime(new / "growing", (time.time() + 5,) * 2)
    assert sweep(shelves.layout).litter == 1
    assert [path.name for path in new.iterdir()] == ["growing"]


@pytest.mark.parametrize(("litter_age", "left"), [(7 * DAY, 2), (0.0, 0)])
def test_what_was_damaged_stays_for_a_while(shelves: Shelves, litter_age: float, left: int) -> None:
    damaged, index = Path(shelves.layout.blobs, "damaged"), Path(shelves.layout.root, "index.damaged-0123")
    damaged.mkdir()
    index.mkdir()
    (damaged / digest_of("x")).write_bytes(A)
    (index / "cache.db").write_bytes(A)
    found = sweep(shelves.layout, litter_age=litter_age)
    assert found.litter == 2 - left
    assert len([path for path in (damaged / digest_of("x"), index) if path.exists()]) == left


def test_locks_that_nobody_holds_go(shelves: Shelves) -> None:
    held = take_lock(os.path.join(shelves.layout.turns, digest_of("held")))
    assert held is not None
    Path(shelves.layout.turns, digest_of("free")).touch()
    sweep(shelves.layout)
    assert os.listdir(shelves.layout.turns) == [digest_of("held")]
    held.release()


@pytest.mark.parametrize("name", ["live", "turns", "blobs/new", "blobs/damaged", f"blobs/{digest_of('x')[:2]}"])
def test_nothing_is_removed_behind_a_link(shelves: Shelves, tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    (mine / "folder").mkdir(parents=True)
    for each in ("notes.txt", digest_of("x"), "1-" + "0" * 32):
        (mine / each).write_text("mine")
        os.utime(mine / each, (1, 1))
    before = sorted(mine.rglob("*"))
    (Path(shelves.layout.root) / name).symlink_to(mine)
    sweep(shelves.layout, max_bytes=0, wanted=lambda entry: True, litter_age=0.0)
    assert sorted(mine.rglob("*")) == before


def test_only_files_of_uses_are_taken_for_such(shelves: Shelves) -> None:
    os.mkdir(shelves.layout.live)
    for name in ("notes.txt", "1-" + "0" * 32):
        Path(shelves.layout.live, name).touch()
    sweep(shelves.layout)
    assert os.listdir(shelves.layout.live) == ["notes.txt"]


# -- engines ----------------------------------------------------------------------------------------------------------


def test_what_a_live_engine_uses_stays_whatever_the_limits(shelves: Shelves, uses: Uses) -> None:
    uses.note(shelves.add("held", A))
    shelves.add("free", B)
    found = sweep(shelves.layout, max_bytes=0, max_age=0.0, wanted=lambda entry: True)
    assert shelves.has("held", "free") == [True, False]
    assert shelves.blobs_there() == {A}
    assert (found.entries, found.held, found.left_entries) == (1, 1, 1)


def test_what_a_killed_engine_used_counts_as_used_then(shelves: Shelves) -> None:
    key = shelves.add("one", A, used=20 * DAY)
    shelves.add("two", B, used=10 * DAY)
    subprocess.run([sys.executable, "-c", KILLED, shelves.layout.live, key], check=False)
    assert len(os.listdir(shelves.layout.live)) == 1
    sweep(shelves.layout, max_bytes=12_000)
    assert shelves.has("one", "two") == [True, False]
    assert os.listdir(shelves.layout.live) == []


def test_an_entry_that_was_read_just_before_it_went_is_put_back(shelves: Shelves, uses: Uses, monkeypatch: pytest.MonkeyPatch) -> None:
    key = shelves.add("one", A)
    real = Index.delete

    def delete(index: Index, rows: Any) -> int:
        uses.note(key)
        return real(index, rows)

    monkeypatch.setattr(Index, "delete", delete)
    found = sweep(shelves.layout, max_bytes=0)
    assert shelves.has("one") == [True]
    assert shelves.blobs_there() == {A}
    assert (found.entries, found.left_entries) == (0, 1)
    assert [row.tag for row in shelves.index.rows()] == ["env.task"]


def test_an_entry_that_is_used_while_it_is_chosen_stays(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    key = shelves.add("one", A)
    real = Index.delete

    def delete(index: Index, rows: Any) -> int:
        shelves.index.touch({key: time.time()})
        return real(index, rows)

    monkeypatch.setattr(Index, "delete", delete)
    assert sweep(shelves.layout, max_bytes=0).entries == 0
    assert shelves.blobs_there() == {A}


def test_runs_beside_a_sweep_without_end_lose_nothing(shelves: Shelves) -> None:
    """Engines commit, and find again what they have just stored, while everything that is not theirs is swept away."""
    over = threading.Event()
    problems: list[str] = []

    def work(worker: int) -> None:
        found = Shelves(Path(shelves.layout.home))
        for number in range(15):
            uses = Uses(found.layout.live)
            name = f"{worker}-{number}"
            uses.note(digest_of(name))
            data = [b"shared" * 1000, name.encode() * 1000]
            key = found.add(name, *data, age=0.0)
            for _ in range(3):
                if found.index.get(key) is None or not all(found.path(each).exists() for each in data):
                    problems.append(name)
            uses.end()
        found.close()

    def sweeping() -> None:
        while not over.is_set():
            sweep(shelves.layout, max_bytes=0)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(3)]
    sweeper = threading.Thread(target=sweeping)
    sweeper.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    over.set()
    sweeper.join()
    assert problems == []
    os.utime(shelves.layout.swept)
    for path in Path(shelves.layout.blobs).glob("??/*"):
        os.utime(path, (time.time() - DAY,) * 2)
    sweep(shelves.layout, max_bytes=0)
    assert shelves.keys() == shelves.blobs_there() == set()


# -- always -----------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_whatever_is_stored_the_rest_is_small_whole_and_used_last(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    shelves = Shelves(tmp_path_factory.mktemp("home"))
    uses = Uses(shelves.layout.live)
    count = data.draw(st.integers(0, 8))
    ages = data.draw(st.lists(st.integers(1, 100), min_size=count, max_size=count, unique=True))
    needs = [data.draw(st.sets(st.integers(0, 4))) for _ in range(count)]
    held = data.draw(st.sets(st.sampled_from(range(count)))) if count else set()
    for name, (age, blobs) in enumerate(zip(ages, needs, strict=True)):
        shelves.add(str(name), *[bytes([blob]) * 1000 * (blob + 1) for blob in blobs], used=age * DAY)
    for name in held:
        uses.note(digest_of(str(name)))
    limit = data.draw(st.integers(0, 20_000))
    found = sweep(shelves.layout, max_bytes=limit)
    left = [name for name in range(count) if shelves.has(str(name))[0]]
    free = sorted(set(range(count)) - held, key=lambda name: ages[name])
    assert held <= set(left)
    assert [name for name in free if name in left] == free[: len(left) - len(held)]
    assert found.left_bytes <= limit or set(left) == held
    assert shelves.blobs_there() == {bytes([blob]) * 1000 * (blob + 1) for name in left for blob in needs[name]}
    assert count_stock(shelves.layout).bytes == found.left_bytes
    uses.end()
    shelves.close()


@pytest.mark.parametrize("function", ["rename", "unlink", "stat", "utime", "scandir"])
@pytest.mark.parametrize("nth", range(6))
def test_a_sweep_that_breaks_off_leaves_a_sound_store(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, function: str, nth: int) -> None:
    """Rows go before their blobs, so that no row that is left names a blob that is not."""
    for number in range(4):
        shelves.add(str(number), bytes([number]) * 1000, used=number * DAY)
    real, calls = getattr(os, function), [0]

    def fail(*args: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] > nth:
            raise MemoryError
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, fail)
        with suppress(MemoryError):
            sweep(shelves.layout, max_bytes=3500)
    assert verify(shelves.layout).is_sound
    os.utime(shelves.layout.swept)
    sweep(shelves.layout, max_bytes=3500)
    assert shelves.has("0", "1", "2", "3") == [True, True, False, False]
    assert len(shelves.blobs_there()) == 2


# -- when, and what can be wrong --------------------------------------------------------------------------------------


def test_one_sweeps_at_a_time(shelves: Shelves) -> None:
    shelves.add("one", A)
    lock = take_lock(shelves.layout.swept)
    assert lock is not None
    assert sweep(shelves.layout, max_bytes=0).busy
    assert shelves.has("one") == [True]
    lock.release(keep=True)
    assert not sweep(shelves.layout, max_bytes=0).busy


def test_a_sweep_is_due_at_first_and_then_every_ten_minutes(shelves: Shelves) -> None:
    assert is_due(shelves.layout)
    sweep(shelves.layout)
    assert not is_due(shelves.layout)
    os.utime(shelves.layout.swept, (time.time() - 601,) * 2)
    assert is_due(shelves.layout)


def test_a_clock_that_was_set_back_does_not_stop_sweeps(shelves: Shelves) -> None:
    sweep(shelves.layout)
    os.utime(shelves.layout.swept, (time.time() + DAY,) * 2)
    assert is_due(shelves.layout)


def test_a_store_that_is_not_there_is_no_reason_to_sweep(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    assert not is_due(Layout(str(tmp_path / "home")))


def test_a_damaged_index_leaves_the_blobs_alone(shelves: Shelves) -> None:
    shelves.add("one", A)
    shelves.close()
    Path(shelves.layout.index, "cache.db").write_bytes(b"no database at all" * 1000)
    with pytest.raises(UnusableIndexError, match="set aside"):
        sweep(shelves.layout, max_bytes=0)
    assert shelves.blobs_there() == {A}


@pytest.mark.parametrize("vanishes", ["blob", "folder"])
def test_what_vanishes_meanwhile_is_passed_over(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, vanishes: str) -> None:
    shelves.add("one", A)
    shelves.add("two", B)
    real = Index.delete

    def delete(index: Index, rows: Any) -> int:
        path = shelves.path(A)
        path.unlink(missing_ok=True)
        if vanishes == "folder":
            shutil.rmtree(path.parent, ignore_errors=True)
        return real(index, rows)

    monkeypatch.setattr(Index, "delete", delete)
    found = sweep(shelves.layout, max_bytes=0)
    assert (found.entries, found.blobs, found.problems) == (2, 1, ())
    assert shelves.blobs_there() == set()


def test_what_cannot_be_removed_is_told(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    shelves.add("one", A)

    def rename(source: str, target: str) -> None:
        raise PermissionError(13, "Permission denied", source)

    monkeypatch.setattr(module.os, "rename", rename)
    found = sweep(shelves.layout, max_bytes=0)
    assert found.problems == (f"{shelves.path(A)} cannot be removed: Permission denied",)
    assert (found.entries, found.blobs) == (1, 0)


@pytest.mark.parametrize("dry_run", [True, False])
def test_litter_that_cannot_be_removed_or_need_not_is_left(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, dry_run: bool) -> None:
    Path(shelves.layout.turns).mkdir()
    Path(shelves.layout.turns, digest_of("free")).touch()
    damaged = Path(shelves.layout.blobs, "damaged", "x")
    damaged.parent.mkdir()
    damaged.write_bytes(A)

    def refuse(path: str, *_: Any) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(module.os, "unlink", refuse)
    monkeypatch.setattr(module, "take_lock", lambda path: refuse(path) if path != shelves.layout.swept else take_lock(path))
    found = sweep(shelves.layout, litter_age=0.0, dry_run=dry_run)
    assert damaged.exists()
    assert (found.litter, len(found.problems)) == ((1, 0) if dry_run else (0, 2))


def test_only_a_few_problems_are_kept(shelves: Shelves, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        shelves.put(bytes([number]) * 100)

    def refuse(source: str, _: str) -> None:
        raise PermissionError(13, "Permission denied", source)

    monkeypatch.setattr(module.os, "rename", refuse)
    assert len(sweep(shelves.layout).problems) == 5


def test_a_store_whose_lock_cannot_be_made_is_an_error(shelves: Shelves) -> None:
    os.mkdir(shelves.layout.swept)
    with pytest.raises(OSError, match="swept"):
        sweep(shelves.layout)
