"""Blobs give back what was stored or nothing, whoever wrote it and whatever happened to it since."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from typing import Self

import pytest

from localflyte.store import blobs as module
from localflyte.store.blobs import Blobs
from localflyte.store.blobs import CorruptBlobError
from localflyte.store.blobs import hash_file

DATA = bytes(range(256)) * 40


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o277, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def overwrite(path: str, data: bytes) -> None:
    os.chmod(path, 0o600)
    Path(path).write_bytes(data)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_bytes_come_back_under_their_digest(blobs: Blobs) -> None:
    digest = blobs.put(DATA)
    assert digest == hashlib.sha256(DATA).hexdigest()
    assert blobs.get(digest) == DATA


def test_a_file_comes_back_as_a_copy_of_its_own(blobs: Blobs, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(DATA)
    digest = blobs.put_file(str(source))
    blobs.give_out(digest, str(target))
    target.write_bytes(b"changed by its owner")
    assert blobs.get(digest) == DATA
    assert source.read_bytes() == DATA


def test_bytes_and_files_of_one_content_are_one_blob(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(DATA)
    assert blobs.put(DATA) == blobs.put_file(str(tmp_path / "source"))
    assert len(files_below(tmp_path / "blobs")) == 1


@pytest.mark.parametrize("seed", range(10))
def test_a_flipped_byte_is_noticed_and_the_blob_is_set_aside(blobs: Blobs, tmp_path: Path, seed: int) -> None:
    digest = blobs.put(DATA)
    place = random.Random(seed).randrange(len(DATA))
    overwrite(blobs.path(digest), DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :])
    with pytest.raises(CorruptBlobError, match="does not have the content"):
        blobs.get(digest)
    assert files_below(tmp_path / "blobs") == [f"damaged/{digest}"]


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x"])
def test_a_blob_of_another_length_is_noticed(blobs: Blobs, tmp_path: Path, data: bytes) -> None:
    digest = blobs.put(DATA)
    overwrite(blobs.path(digest), data)
    with pytest.raises(CorruptBlobError):
        blobs.give_out(digest, str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


def test_a_blob_that_was_set_aside_can_be_stored_again(blobs: Blobs) -> None:
    digest = blobs.put(DATA)
    overwrite(blobs.path(digest), b"x" * len(DATA))
    with pytest.raises(CorruptBlobError):
        blobs.get(digest)
    assert blobs.get(blobs.put(DATA)) == DATA


def test_a_missing_blob_is_noticed(blobs: Blobs, tmp_path: Path) -> None:
    digest = blobs.put(DATA)
    os.unlink(blobs.path(digest))
    with pytest.raises(CorruptBlobError, match="cannot be read"):
        blobs.get(digest)
    with pytest.raises(CorruptBlobError, match="cannot be read"):
        blobs.give_out(digest, str(tmp_path / "target"))


@pytest.mark.parametrize("digest", ["", "..", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n"])
def test_what_is_no_digest_reaches_no_path(blobs: Blobs, tmp_path: Path, digest: str) -> None:
    with pytest.raises(CorruptBlobError, match="is not a digest"):
        blobs.get(digest)
    with pytest.raises(CorruptBlobError, match="is not a digest"):
        blobs.give_out(digest, str(tmp_path / "target"))


@pytest.mark.usefixtures("umask")
def test_modes_do_not_depend_on_the_umask(blobs: Blobs, tmp_path: Path) -> None:
    path = blobs.path(blobs.put(DATA))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o444
    folder = tmp_path / "blobs"
    assert {stat.S_IMODE(place.stat().st_mode) for place in [folder, *folder.rglob("*")] if place.is_dir()} == {0o700}


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize(("executable", "mode"), [(False, 0o600), (True, 0o700)])
def test_a_copy_is_its_owners_to_change(blobs: Blobs, tmp_path: Path, executable: bool, mode: int) -> None:
    blobs.give_out(blobs.put(DATA), str(tmp_path / "target"), executable=executable)
    assert stat.S_IMODE(os.stat(tmp_path / "target").st_mode) == mode


def test_a_copy_never_replaces_what_is_there(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "target").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        blobs.give_out(blobs.put(DATA), str(tmp_path / "target"))
    assert (tmp_path / "victim").read_text() == "precious"


@pytest.mark.parametrize("call", ["open", "fchmod", "replace", "mkdir"])
@pytest.mark.parametrize("kind", ["bytes", "file"])
def test_a_store_that_refuses_leaves_nothing_half_done(
    blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, kind: str
) -> None:
    """Whatever call fails for want of room, an error is raised and no draft stays."""
    source = tmp_path / "source"
    source.write_bytes(DATA)
    (tmp_path / "blobs" / "new").mkdir(parents=True)
    real = getattr(os, call)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        if call == "open" and args[0] == str(source):
            return real(*args, **kwargs)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.os, call, refuse)
        with pytest.raises(OSError, match="No space left"):
            blobs.put(DATA) if kind == "bytes" else blobs.put_file(str(source))
    assert files_below(tmp_path / "blobs") == []
    assert blobs.get(blobs.put(DATA)) == DATA


def test_a_source_that_fails_while_it_is_read_leaves_nothing(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def read(self, size: int) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "open_regular", lambda _: Failing())
    with pytest.raises(OSError, match="Input/output"):
        blobs.put_file("anything")
    assert files_below(tmp_path / "blobs") == []


def test_a_full_disk_while_copying_out_leaves_no_half_copy(blobs: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = blobs.put(DATA)

    def half(_: Any, copy: Any) -> None:
        copy.write(DATA[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "_copy", half)
    with pytest.raises(OSError, match="No space left"):
        blobs.give_out(digest, str(tmp_path / "target"))
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("kind", ["pipe", "folder", "missing"])
def test_only_a_regular_file_is_read(tmp_path: Path, blobs: Blobs, kind: str) -> None:
    """A pipe in particular, that nobody writes to, would be waited for without end."""
    path = tmp_path / "source"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(OSError):
        hash_file(str(path))
    with pytest.raises(OSError):
        blobs.put_file(str(path))


def test_many_writers_of_the_same_content_all_succeed(blobs: Blobs, tmp_path: Path) -> None:
    contents = [bytes([number]) * 50_000 for number in range(20)]

    def store_all(_: int) -> list[str]:
        own = Blobs(str(tmp_path / "blobs"))
        return [own.put(content) for content in contents]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(store_all, range(8)))
    assert all(answer == answers[0] for answer in answers)
    assert [blobs.get(digest) for digest in answers[0]] == contents
    assert len(files_below(tmp_path / "blobs")) == len(contents)
