"""Files, folders and storage at places that fsspec opens, as programs use them that keep their data in a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from localflyte import storage
from localflyte.io import Dir
from localflyte.io import File
from localflyte.io.hashing import HashlibAccumulator
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

NAMES = ("a.csv", "b.txt", "deep/c.csv", "deep/deeper/d.csv")


@pytest.fixture
def bucket() -> Iterator[str]:
    """The URL of a folder with some files."""
    system = fsspec.filesystem("memory")
    for name in NAMES:
        system.pipe(f"/bucket/data/{name}", name.encode())
    yield "memory://bucket/data"
    system.rm("/bucket", recursive=True)


async def read(file: File[Any]) -> bytes:
    async with file.open() as stream:
        return bytes(await stream.read())


def test_a_file_is_read_where_it_is(bucket: str) -> None:
    file = File.from_existing_remote(f"{bucket}/a.csv", file_cache_key="k")
    assert anyio.run(read, file) == b"a.csv"
    with file.open_sync("rb") as stream:
        assert stream.read() == b"a.csv"
    assert (file.name, file.hash, file.exists_sync(), anyio.run(file.exists)) == ("a.csv", "k", True, True)
    assert not File(f"{bucket}/none").exists_sync()


def test_a_file_crosses_as_its_url(bucket: str) -> None:
    packed = pack(codec_for(list[File]), [File(f"{bucket}/a.csv", hash="k"), File(f"{bucket}/b.txt")])
    back = unpack(codec_for(list[File]), packed)
    assert [(file.path, file.hash) for file in back] == [(f"{bucket}/a.csv", "k"), (f"{bucket}/b.txt", None)]


def test_a_file_is_downloaded_to_where_it_is_wanted(bucket: str, tmp_path: Path) -> None:
    file = File[Any](f"{bucket}/a.csv")
    folder = tmp_path / "there"
    folder.mkdir()
    for target, place in (
        (tmp_path / "new" / "mine", tmp_path / "new" / "mine"),
        (folder, folder / "a.csv"),
        (f"{tmp_path}/new/", tmp_path / "new" / "a.csv"),
    ):
        assert file.download_sync(target) == anyio.run(file.download, target) == str(place)
        assert place.read_bytes() == b"a.csv"
    anywhere = Path(anyio.run(file.download))
    assert (anywhere.name, anywhere.read_bytes()) == ("a.csv", b"a.csv")


def test_a_local_file_is_uploaded_with_a_key(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"content")
    method = HashlibAccumulator.from_hash_name("sha256")
    for made in (
        File.from_local_sync(tmp_path / "mine", f"{bucket}/one", method),
        anyio.run(File.from_local, tmp_path / "mine", f"{bucket}/two", method),
    ):
        assert made.path.startswith(bucket)
        assert made.hash == hashlib.sha256(b"content").hexdigest()
        assert anyio.run(read, made) == b"content"
    assert File.from_local_sync(tmp_path / "mine", f"{bucket}/three", "known").hash == "known"


def test_a_file_is_written_where_it_is(bucket: str) -> None:
    async def write() -> None:
        async with File[Any](f"{bucket}/new").open("wb") as stream:
            await stream.write(b"new")

    anyio.run(write)
    assert anyio.run(read, File(f"{bucket}/new")) == b"new"


WALKS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({}, NAMES),
    ({"recursive": False}, NAMES[:2]),
    ({"max_depth": 2}, NAMES[:3]),
    ({"file_pattern": "*.csv"}, (NAMES[0], *NAMES[2:])),
]


@pytest.mark.parametrize(("options", "expected"), WALKS)
def test_a_folder_gives_the_files_it_says(bucket: str, options: dict[str, Any], expected: tuple[str, ...]) -> None:
    async def walk() -> list[str]:
        return [await_name(file) async for file in Dir[Any](bucket).walk(**options)]

    def await_name(file: File[Any]) -> str:
        with file.open_sync() as stream:
            return str(stream.read(), "utf-8")

    assert anyio.run(walk) == list(expected)
    assert [await_name(file) for file in Dir[Any](bucket).walk_sync(**options)] == list(expected)


def test_a_folder_answers(bucket: str) -> None:
    folder = Dir[Any].from_existing_remote(bucket, dir_cache_key="k")
    assert (folder.hash, folder.exists_sync(), anyio.run(folder.exists)) == ("k", True, True)
    assert [file.name for file in anyio.run(folder.list_files)] == ["a.csv", "b.txt"]
    found = folder.get_file_sync("deep/c.csv")
    assert found is not None
    assert anyio.run(read, found) == b"deep/c.csv"
    assert anyio.run(folder.get_file, "none") is None


def test_a_folder_is_copied_there_and_back(bucket: str, tmp_path: Path) -> None:
    copy = Path(anyio.run(Dir[Any](bucket).download, str(tmp_path / "copy")))
    assert {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()} == set(NAMES)
    back = anyio.run(Dir.from_local, copy, f"{bucket}-again")
    assert back.path == f"{bucket}-again"
    assert [file.name for file in back.walk_sync()] == ["a.csv", "b.txt", "c.csv", "d.csv"]


def test_an_empty_file_is_downloaded_with_its_folder(bucket: str, tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/bucket/data/deep/empty.bin", b"")
    copy = Path(Dir[Any](f"{bucket}/deep").download_sync(tmp_path / "copy"))
    assert {path.name: path.stat().st_size for path in copy.rglob("*") if path.is_file()} == {"c.csv": 10, "d.csv": 17, "empty.bin": 0}


def test_streams_go_there_and_back(bucket: str) -> None:
    async def cross() -> list[bytes]:
        async def parts() -> AsyncIterator[bytes]:
            yield b"one "
            yield b"two"

        assert await storage.put_stream(parts(), to_path=f"{bucket}/stream") == f"{bucket}/stream"
        assert await storage.exists(f"{bucket}/stream")
        return [part async for part in storage.get_stream(f"{bucket}/stream", chunk_size=4)]

    assert anyio.run(cross) == [b"one ", b"two"]


def test_files_are_put_and_got(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"content")
    assert anyio.run(storage.put, str(tmp_path / "mine"), f"{bucket}/put") == f"{bucket}/put"
    assert Path(anyio.run(storage.get, f"{bucket}/put", str(tmp_path / "got"))).read_bytes() == b"content"


def test_the_file_system_of_a_place_is_found(bucket: str) -> None:
    assert storage.get_underlying_filesystem(path=bucket).exists("/bucket/data/a.csv")
    assert storage.get_underlying_filesystem("memory").exists("/bucket/data/a.csv")


def test_what_fsspec_cannot_open_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"nowhere://a cannot be opened: .*nowhere"):
        File[Any]("nowhere://a").exists_sync()


def test_nothing_is_copied_from_one_far_place_to_another(bucket: str) -> None:
    with pytest.raises(ValueError, match="from or to this machine"):
        File[Any](f"{bucket}/a.csv").download_sync("memory://bucket/other")
