"""Dir: which files it gives, and how it crosses a border."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anyio
import pytest

from localflyte.io import Dir
from localflyte.io import EmptyDir
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in ("b.txt", "a.csv", "deep/c.txt", "deep/deeper/d.csv"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


WALKS: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["a.csv", "b.txt", "deep/c.txt", "deep/deeper/d.csv"]),
    ({"recursive": False}, ["a.csv", "b.txt"]),
    ({"max_depth": 1}, ["a.csv", "b.txt"]),
    ({"max_depth": 2}, ["a.csv", "b.txt", "deep/c.txt"]),
    ({"file_pattern": "*.csv"}, ["a.csv", "deep/deeper/d.csv"]),
    ({"file_pattern": "*.csv", "recursive": False}, ["a.csv"]),
]


@pytest.mark.parametrize(("options", "expected"), WALKS)
def test_walk_gives_the_files_it_says(folder: Path, options: dict[str, Any], expected: list[str]) -> None:
    async def walk() -> list[str]:
        return [file.path async for file in Dir[Any](folder).walk(**options)]

    paths = [str(folder / name) for name in expected]
    assert [file.path for file in Dir[Any](folder).walk_sync(**options)] == paths
    assert anyio.run(walk) == paths


def test_list_files_stays_in_the_folder(folder: Path) -> None:
    assert [file.name for file in Dir[Any](folder).list_files_sync()] == ["a.csv", "b.txt"]
    assert [file.name for file in anyio.run(Dir[Any](folder).list_files)] == ["a.csv", "b.txt"]


def test_a_linked_folder_is_not_followed(folder: Path) -> None:
    (folder / "loop").symlink_to(folder)
    assert len(list(Dir[Any](folder).walk_sync())) == 4


def test_get_file_finds_by_name(folder: Path) -> None:
    there = Dir[Any](folder)
    assert there.get_file_sync("a.csv").path == str(folder / "a.csv")  # type: ignore[union-attr]
    assert anyio.run(there.get_file, "deep/c.txt").name == "c.txt"
    assert there.get_file_sync("deep") is None
    assert there.get_file_sync("nothing") is None


def test_from_local_makes_the_path_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert Dir.from_local_sync("data/", dir_cache_key="k") == Dir(str(folder), name="data", hash="k")
    assert anyio.run(Dir.from_local, "data").path == str(folder)


def test_from_local_copies_to_a_destination(folder: Path, tmp_path: Path) -> None:
    copied = anyio.run(Dir.from_local, folder, str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "deep" / "c.txt").read_text() == "deep/c.txt"
    assert copied.path == str(tmp_path / "copy")


def test_from_local_needs_a_folder(folder: Path) -> None:
    with pytest.raises(ValueError, match="Folder not found"):
        Dir.from_local_sync(folder / "none")
    with pytest.raises(ValueError, match="not a folder"):
        Dir.from_local_sync(folder / "a.csv")


def test_download_makes_a_copy(folder: Path, tmp_path: Path) -> None:
    there = Dir[Any](folder)
    copy = Path(there.download_sync())
    assert copy.name == "data"
    assert copy != folder
    assert (copy / "deep" / "c.txt").exists()
    assert anyio.run(there.download, str(tmp_path / "into")) == str(tmp_path / "into")
    assert (tmp_path / "into" / "a.csv").exists()
    assert there.download_sync(folder) == str(folder)


def test_a_folder_is_not_copied_into_itself(folder: Path) -> None:
    with pytest.raises(ValueError, match="into itself"):
        Dir[Any](folder).download_sync(folder / "deep" / "copy")


def test_new_remote_is_a_folder_to_fill() -> None:
    made = Dir[Any].new_remote("results")
    assert os.path.isdir(made.path)
    assert made.name == "results"
    assert made.list_files_sync() == []
    os.rmdir(made.path)


def test_exists_tells_whether_it_is_there(folder: Path) -> None:
    assert anyio.run(Dir[Any](folder).exists)
    assert not Dir[Any](folder / "none").exists_sync()
    assert not Dir.empty().exists_sync()


def test_a_folder_crosses_as_a_reference(folder: Path) -> None:
    packed = pack(codec_for(Dir), Dir(folder))
    assert packed.refs[0].kind == "dir"
    assert unpack(codec_for(Dir), packed) == Dir(folder)


@pytest.mark.parametrize("annotation", [Dir, Dir | None, Any, list[Dir]])
def test_no_folder_arrives_as_an_empty_dir(annotation: Any) -> None:
    value = [EmptyDir()] if annotation == list[Dir] else EmptyDir()
    packed = pack(codec_for(annotation), value)
    back = unpack(codec_for(annotation), packed)
    assert packed.refs == ()
    assert (back[0] if isinstance(back, list) else back).is_empty


def test_a_key_may_be_said_of_a_folder_that_is_there() -> None:
    with_key = Dir.from_existing_remote("s3://bucket/d/", dir_cache_key="k")
    without = Dir.from_existing_remote("s3://bucket/e")
    assert (with_key.path, with_key.name, with_key.hash, without.hash) == ("s3://bucket/d/", "d", "k", None)
    codec = codec_for(list[Dir])
    packed = pack(codec, [with_key, without])
    assert [(ref.path, ref.hash) for ref in packed.refs] == [("s3://bucket/d/", "k"), ("s3://bucket/e", "")]
    assert unpack(codec, packed) == [with_key, without]


def test_a_slash_at_the_end_of_a_folder_changes_nothing(folder: Path, tmp_path: Path) -> None:
    there = Dir[Any](f"{folder}/")
    assert [file.path for file in there.list_files_sync()] == [str(folder / "a.csv"), str(folder / "b.txt")]
    there.download_sync(f"{tmp_path}/into/")
    assert (tmp_path / "into" / "deep" / "c.txt").read_text() == "deep/c.txt"


def test_an_empty_dir_cannot_be_walked() -> None:
    with pytest.raises(ValueError, match="is_empty"):
        list(Dir.empty().walk_sync())
