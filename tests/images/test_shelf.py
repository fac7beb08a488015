"""Environments on the shelf: whole or not there, removed from the end, and never from under somebody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localflyte.images import shelf as module
from localflyte.images.shelf import MARK
from localflyte.images.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "envs", 2)


def made(shelf: Shelf, key: str, text: str = "") -> Path:
    draft = shelf.draft(key)
    (draft / "bin").mkdir(parents=True)
    (draft / "bin" / "python").write_text(text)
    return draft


def test_put_and_taken(shelf: Shelf) -> None:
    assert shelf.take("k") is None
    folder = shelf.put("k", made(shelf, "k"))
    assert (shelf.take("k"), Shelf(shelf.folder, 2).take("k")) == (folder, folder)
    shelf.close()


def test_of_two_that_are_alike_the_first_stays(shelf: Shelf) -> None:
    first, second = made(shelf, "k", "first"), made(shelf, "k", "second")
    folder = shelf.put("k", first)
    other = Shelf(shelf.folder, 2)
    assert other.put("k", second) == folder
    assert (folder / "bin" / "python").read_text() == "first"
    assert os.listdir(shelf.folder) == ["k"]


@pytest.mark.parametrize("broken", ["no mark", "no interpreter"])
def test_what_is_broken_is_made_anew(shelf: Shelf, broken: str) -> None:
    folder = shelf.put("k", made(shelf, "k"))
    shelf.close()
    (folder / (MARK if broken == "no mark" else "bin/python")).unlink()
    assert shelf.take("k") is None
    assert shelf.put("k", made(shelf, "k", "new")) == folder
    assert (folder / "bin" / "python").read_text() == "new"
    assert os.listdir(shelf.folder) == ["k"]


def test_what_was_used_longest_ago_goes_first_and_nothing_in_use(shelf: Shelf) -> None:
    for number, key in enumerate("abcd"):
        folder = shelf.put(key, made(shelf, key))
        os.utime(folder / MARK, (number, number))
    shelf.close()
    other = Shelf(shelf.folder, 2)
    mark = os.open(shelf.folder / "b" / MARK, os.O_RDONLY)
    reading, writing = os.pipe()
    text = f"import fcntl, os; fcntl.flock({mark}, fcntl.LOCK_SH); print('held', flush=True); os.read({reading}, 1)"
    with subprocess.Popen([sys.executable, "-c", text], pass_fds=(mark, reading), stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        os.close(mark)
        os.close(reading)
        assert holder.stdout.readline() == b"held\n"
        other.sweep()
        assert sorted(os.listdir(shelf.folder)) == ["b", "c", "d"]
        os.close(writing)
    other.sweep()
    assert sorted(os.listdir(shelf.folder)) == ["c", "d"]


def test_what_one_uses_oneself_stays(shelf: Shelf) -> None:
    for number, key in enumerate("abc"):
        os.utime(shelf.put(key, made(shelf, key)) / MARK, (number, number))
    shelf.sweep()
    assert sorted(os.listdir(shelf.folder)) == ["a", "b", "c"]


def test_drafts_of_the_dead_go(shelf: Shelf) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        pass
    mine, theirs = made(shelf, "k"), shelf.folder / f".tmp-k-{dead.pid}-abc"
    theirs.mkdir()
    shelf.sweep()
    assert (mine.exists(), theirs.exists()) == (True, False)


def test_one_that_is_removed_between_two_looks(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that a lock on what somebody has moved away is no lock."""
    folder = shelf.put("k", made(shelf, "k"))
    shelf.close()
    opened = os.open

    def open_and_lose(path: Path, flags: int) -> int:
        descriptor = opened(path, flags)
        folder.rename(folder.with_name(".tmp-away"))
        return descriptor

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_and_lose)
        assert shelf.take("k") is None
    assert shelf.put("k", made(shelf, "k")) == folder


def test_one_that_somebody_else_removes_first(shelf: Shelf) -> None:
    folder = shelf.put("k", made(shelf, "k"))
    shelf.close()
    shelf._remove(folder)
    shelf._remove(folder)
    assert module._lock_alone(folder / MARK) is None
    assert os.listdir(shelf.folder) == []
