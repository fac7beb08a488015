"""flyte.storage on local paths."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from localflyte import storage


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a", False),
        ("a/b", False),
        ("file:///a", False),
        ("s3://b/a", True),
        ("https://x/y", True),
        ("a://b://c", True),
        ("a b://c", False),
    ],
)
def test_is_remote_goes_by_the_scheme(path: str, expected: bool) -> None:
    assert storage.is_remote(path) is expected


def test_put_and_get_copy_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")

    async def scenario() -> None:
        put = await storage.put(str(tmp_path / "a.txt"))
        assert Path(put).read_text() == "x"
        got = await storage.get(put, tmp_path / "got" / "b.txt")
        assert got == str(tmp_path / "got" / "b.txt")
        assert Path(await storage.get(put)).name == "a.txt"
        folder = await storage.get(str(tmp_path / "got"), str(tmp_path / "all"), recursive=True)
        assert Path(folder, "b.txt").read_text() == "x"
        assert await storage.exists(got)
        assert not storage.exists_sync(f"{got}.none")

    anyio.run(scenario)


def test_streams_are_written_and_read_in_pieces(tmp_path: Path) -> None:
    async def scenario() -> list[bytes]:
        async def pieces():  # type: ignore[no-untyped-def]
            yield b"abc"
            yield b"de"

        path = await storage.put_stream(pieces(), to_path=str(tmp_path / "a"))
        assert Path(await storage.put_stream(b"z", name="n")).name == "n"
        async with await storage.open(path, "ab") as stream:
            await stream.write(b"f")
        return [piece async for piece in storage.get_stream(path, chunk_size=4)]

    assert anyio.run(scenario) == [b"abcd", b"ef"]


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_stream_is_written_to_a_folder_that_is_not_there_yet(tmp_path: Path, scheme: str) -> None:
    """As to the store of a cluster, which has no folders."""
    place = f"{scheme}{tmp_path}/deep/er/a"
    assert anyio.run(lambda: storage.put_stream(b"z", to_path=place)) == place
    assert (tmp_path / "deep" / "er" / "a").read_bytes() == b"z"


def test_random_paths_are_new_and_keep_the_name() -> None:
    path = storage.get_random_local_path("/x/y/name.csv")
    assert path.name == "name.csv"
    assert not path.exists()
    assert storage.get_random_local_directory().is_dir()


def test_settings_of_clusters_are_taken() -> None:
    assert storage.S3.auto(region="us-east-2").region == "us-east-2"
    assert storage.S3.for_sandbox().endpoint
    assert storage.GCS().auto().retries == 3
    assert storage.ABFS(account_name="n").account_name == "n"


def test_paths_are_joined() -> None:
    assert storage.join("s3://b", "c", "d") == "s3://b/c/d"
