"""File: where it points, how it is read and written, and how it crosses a border."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import os
import shutil
from collections.abc import Awaitable
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from localflyte.api.context import activate
from localflyte.api.context import enter
from localflyte.io import Dir
from localflyte.io import File
from localflyte.io import HashFunction
from localflyte.io.hashing import HashlibAccumulator
from localflyte.io.hashing import PrecomputedValue
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "a.txt"
    path.write_text("one\ntwo\n")
    return path


@pytest.fixture
def task(tmp_path: Path) -> Iterator[Path]:
    """A running task, whose data belongs into the folder."""
    enter({"raw_data_path": str(tmp_path / "raw"), "run_base_dir": str(tmp_path / "run")})
    yield tmp_path
    activate(None)


def wait(function: Callable[[], Awaitable[Any]]) -> Any:
    return anyio.run(function)


@dataclasses.dataclass
class Report:
    title: str
    files: list[File[Any]]


def test_a_file_is_named_after_its_path() -> None:
    assert File(path="/data/a.csv").name == "a.csv"
    assert File(path="s3://bucket/deep/b.csv").name == "b.csv"
    assert File(Path("/data/a.csv"), name="other").name == "other"


def test_files_with_the_same_fields_are_equal() -> None:
    assert File("/a", hash="k") == File("/a", hash="k")
    assert File("/a", hash="k") != File("/a")
    assert File("/a") != "/a"


def test_a_file_shows_what_it_points_to() -> None:
    """As the SDK's pydantic model does."""
    file = File("/data/a.csv", format="csv")
    assert str(file) == "path='/data/a.csv' name='a.csv' format='csv' hash=None hash_method=None"
    assert repr(file) == "File(path='/data/a.csv', name='a.csv', format='csv', hash=None, hash_method=None)"


def test_from_local_makes_the_path_absolute_and_copies_nothing(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(text.parent)
    assert File.from_local_sync("a.txt").path == str(text)
    assert wait(lambda: File.from_local("a.txt")).path == str(text)


def test_from_local_copies_to_a_destination(text: Path, tmp_path: Path) -> None:
    file = File.from_local_sync(text, str(tmp_path / "deep" / "b.txt"))
    assert Path(file.path).read_text() == "one\ntwo\n"
    assert file.path != str(text)
    assert wait(lambda: File.from_local(text, str(tmp_path / "c.txt"))).path == str(tmp_path / "c.txt")


def test_from_local_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="File not found"):
        File.from_local_sync(tmp_path / "none")
    with pytest.raises(ValueError, match=r"is a folder.*Dir"):
        File.from_local_sync(tmp_path)


def test_a_key_may_be_given_or_computed(text: Path) -> None:
    assert File.from_local_sync(text, hash_method="key").hash == "key"
    computed = File.from_local_sync(text, hash_method=HashFunction.from_fn(lambda data: hashlib.sha256(data).hexdigest()))
    assert computed.hash == hashlib.sha256(b"one\ntwo\n").hexdigest()
    assert File.from_existing_remote("/x", file_cache_key="mine").hash == "mine"
    with pytest.raises(TypeError, match="hash_method"):
        File.from_local_sync(text, hash_method=5)  # type: ignore[arg-type]


def test_a_key_that_is_known_already_is_not_computed(text: Path, tmp_path: Path) -> None:
    made = File.from_local_sync(text, str(tmp_path / "b.txt"), hash_method=PrecomputedValue("known"))
    assert (made.hash, Path(made.path).read_text()) == ("known", "one\ntwo\n")
    assert wait(lambda: File.from_local(text, hash_method=PrecomputedValue("known"))).hash == "known"
    assert File.from_local_sync(text, str(tmp_path / "c.txt")).hash is None


def test_each_file_of_several_has_its_own_key_or_none() -> None:
    files = [File.from_existing_remote("s3://bucket/a", file_cache_key="k"), File.from_existing_remote("s3://bucket/b")]
    packed = pack(codec_for(list[File]), files)
    assert [ref.hash for ref in packed.refs] == ["k", ""]
    assert unpack(codec_for(list[File]), packed) == files


def test_a_digest_is_computed_for_each_file_anew(tmp_path: Path) -> None:
    method = HashlibAccumulator.from_hash_name("sha256")
    for text in ("first", "second"):
        (tmp_path / text).write_text(text)
        made = File.from_local_sync(tmp_path / text, str(tmp_path / f"copy of {text}"), hash_method=method)
        assert made.hash == hashlib.sha256(text.encode()).hexdigest()
    made = File(str(tmp_path / "written"), hash_method=method)
    with made.open_sync("wb") as stream:
        stream.write(b"third")
    assert made.hash == hashlib.sha256(b"third").hexdigest()


def test_a_key_is_computed_when_the_file_was_written(task: Path) -> None:
    file = File[Any].new_remote("a.bin", hash_method=HashFunction.from_fn(lambda data: str(len(data))))
    with file.open_sync("wb") as stream:
        stream.write(b"12345")
    assert file.hash == "5"


def test_new_remote_lies_among_the_data_of_the_task(task: Path) -> None:
    one, two = File[Any].new_remote("a.txt"), File[Any].new_remote("a.txt")
    assert one.name == "a.txt"
    assert one.path.startswith(str(task / "raw"))
    assert one.path != two.path
    assert Path(File[Any].new_remote().path).parent == task / "raw"


def test_new_remote_works_outside_of_a_task() -> None:
    file = File[Any].new_remote("a.txt")
    with file.open_sync("w") as stream:
        stream.write("x")
    assert file.exists_sync()
    os.unlink(file.path)


def test_named_remote_is_the_same_place_each_time(task: Path) -> None:
    assert File[Any].named_remote("a.txt") == File[Any].named_remote("a.txt")
    assert File[Any].named_remote("a.txt").path == str(task / "run" / "a.txt")


def test_named_remote_needs_a_task() -> None:
    with pytest.raises(ValueError, match="running task"):
        File.named_remote("a.txt")


@pytest.mark.parametrize("name", ["", "..", "a/b"])
def test_named_remote_takes_a_plain_name(task: Path, name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        File.named_remote(name)


def test_a_file_is_read_and_written_with_await(task: Path) -> None:
    async def scenario() -> list[Any]:
        file = File[Any].new_remote("a.txt")
        async with file.open("w") as stream:
            assert await stream.write("one\n") == 4
            stream.write("two\n")
            await stream.writelines(["three\n"])
            await stream.flush()
        async with file.open("r") as stream:
            first = await stream.readline()
            position = await stream.tell()
            rest = [line async for line in stream]
        async with file.open() as stream:
            await stream.seek(4)
            part = await stream.read(3)
            lines = await stream.readlines()
            assert not stream.closed
        assert stream.closed
        return [first, position, rest, part, lines]

    assert wait(scenario) == ["one\n", 4, ["two\n", "three\n"], b"two", [b"\n", b"three\n"]]


def test_a_file_url_is_a_local_path(text: Path) -> None:
    file = File[Any](f"file://{text}")
    assert file.exists_sync()
    with file.open_sync("r", encoding="utf-8") as stream:
        assert stream.read() == "one\ntwo\n"


@pytest.mark.parametrize("compression", ["gzip", "infer"])
def test_a_compressed_file_is_opened(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"text"))
    with File[Any](path).open_sync("r", compression=compression) as stream:
        assert stream.read() == "text"


def test_an_unknown_compression_is_refused(text: Path) -> None:
    with pytest.raises(ValueError, match="unknown compression 'rar'"), File[Any](text).open_sync(compression="rar"):
        pass


def test_hints_for_networks_do_no_harm(text: Path) -> None:
    with File[Any](text).open_sync("rb", block_size=10, cache_type="none") as stream:
        assert stream.read(3) == b"one"


def test_a_remote_file_needs_fsspec() -> None:
    with pytest.raises(RuntimeError, match="s3://bucket/a"), File[Any]("s3://bucket/a").open_sync():
        pass


def test_download_makes_a_copy(text: Path, tmp_path: Path) -> None:
    file = File[Any](text)
    for copy in (file.download_sync(), wait(file.download)):
        assert copy != str(text)
        assert Path(copy).read_text() == "one\ntwo\n"
        assert Path(copy).name == "a.txt"
    assert file.download_sync(f"{tmp_path}/new/") == str(tmp_path / "new" / "a.txt")
    (tmp_path / "there").mkdir()
    assert file.download_sync(tmp_path / "there") == str(tmp_path / "there" / "a.txt")
    assert file.download_sync(tmp_path / "b.txt") == str(tmp_path / "b.txt")
    assert file.download_sync(text) == str(text)


def test_exists_tells_whether_it_is_there(text: Path) -> None:
    assert wait(File[Any](text).exists)
    assert not File[Any]("/nowhere/at/all").exists_sync()


def test_a_file_crosses_as_a_reference_with_an_absolute_path(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(text.parent)
    packed = pack(codec_for(File), File("a.txt", format="txt", hash="k"))
    assert [tuple(ref) for ref in packed.refs] == [("file", str(text), "k", "a.txt", "txt")]
    assert b"a.txt" not in packed.data
    moved = packed._replace(refs=(packed.refs[0]._replace(path="/store/0123"),))
    assert unpack(codec_for(File), moved) == File("/store/0123", name="a.txt", format="txt", hash="k")


def test_a_url_is_carried_as_it_is() -> None:
    assert pack(codec_for(File[str]), File("s3://bucket/a")).refs[0].path == "s3://bucket/a"


@pytest.mark.parametrize("annotation", [Report, Any, object])
def test_files_inside_of_other_values_are_references(annotation: Any) -> None:
    value = Report("t", [File("/a"), File("/b"), File("/a")])
    packed = pack(codec_for(annotation), value)
    assert [ref.path for ref in packed.refs] == ["/a", "/b"]
    assert unpack(codec_for(annotation), packed) == value


def test_a_file_in_a_field_may_come_from_json() -> None:
    back = unpack(codec_for(Report), pack(codec_for(Report), {"title": "t", "files": [{"path": "/a"}]}))
    assert back == Report("t", [File("/a")])


def test_text_is_no_file() -> None:
    with pytest.raises(TypeTransformerFailedError, match=r"expected File, got str.*File\(path="):
        codec_for(File).encode("/a")


def test_a_variant_that_does_not_fit_leaves_no_reference() -> None:
    packed = pack(codec_for(list[File] | list[File | int]), [File("/a"), 1])
    assert len(packed.refs) == 1


def test_a_reference_that_did_not_come_is_an_error() -> None:
    packed = pack(codec_for(File), File("/a"))
    with pytest.raises(ValueError, match="points to reference 0"):
        unpack(codec_for(File), packed._replace(refs=()))


def test_a_task_keeps_what_it_made_among_temporary_files(task: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = task / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    (folder / "a.txt").write_text("x")
    (folder / "d").mkdir()
    (folder / "d" / "b.txt").write_text("y")
    file, there = File.from_local_sync(folder / "a.txt"), Dir.from_local_sync(folder / "d")
    shutil.rmtree(folder)
    assert Path(file.path).read_text() == "x"
    assert [Path(inner.path).read_text() for inner in there.walk_sync()] == ["y"]
    assert (file.name, there.name) == ("a.txt", "d")
    assert File.from_local_sync(file.path).path == file.path


def test_a_file_answers_as_the_model_that_it_is_in_flyte() -> None:
    file = File(path="/a/b.txt", hash="k")
    assert file.model_dump() == {"path": "/a/b.txt", "name": "b.txt", "format": "", "hash": "k"}
    assert file.model_dump_json() == '{"path":"/a/b.txt","name":"b.txt","format":"","hash":"k"}'
    assert File.model_validate(file.model_dump()) == file
    assert File.model_validate(file) is file
    assert file.model_copy(update={"format": "csv"}) == File(path="/a/b.txt", hash="k", format="csv")
    assert file.format == ""
    assert File.model_json_schema()["required"] == ["path"]


def test_what_is_no_file_is_no_model_of_one() -> None:
    with pytest.raises(ValueError, match="expected File or its fields, got str"):
        File.model_validate("/a")
