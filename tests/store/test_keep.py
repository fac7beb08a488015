"""What is taken in is given out as it was: names, contents, empty folders, executables. What could not be is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.store.blobs import Blobs
from localflyte.store.blobs import CorruptBlobError
from localflyte.store.keep import INLINE_BYTES
from localflyte.store.keep import give_out
from localflyte.store.keep import is_light
from localflyte.store.keep import take_in
from localflyte.store.record import StoredRef
from localflyte.store.record import StoredValue


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(str(tmp_path / "blobs"))


def listing(root: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = os.fsencode(path.relative_to(root)).decode("latin-1")
        found[name] = (path.read_bytes(), path.stat().st_mode & 0o100) if path.is_file() else "folder"
    return found


def round_trip(blobs: Blobs, ref: Ref, folder: Path) -> Ref:
    (value,) = give_out(blobs, take_in(blobs, [Packed(b"\x01", (ref,))]), str(folder))
    return value.refs[0]


@pytest.mark.parametrize(("size", "light"), [(INLINE_BYTES, True), (INLINE_BYTES + 1, False)])
def test_only_small_values_without_files_fit_a_record(size: int, light: bool) -> None:
    assert is_light([Packed(b"x" * size)]) is light
    assert not is_light([Packed(b"", (Ref("file", "/x"),))])


def test_a_large_value_comes_back_from_its_blob(blobs: Blobs, tmp_path: Path) -> None:
    value = Packed(b"x" * (INLINE_BYTES + 1), (), b"canonical")
    stored = take_in(blobs, [value])
    assert isinstance(stored[0].data, str)
    assert give_out(blobs, stored, str(tmp_path / "out")) == (value,)


def test_a_file_comes_back_under_its_name(blobs: Blobs, tmp_path: Path) -> None:
    source = tmp_path / "report.html"
    source.write_text("<p>")
    ref = round_trip(blobs, Ref("file", str(source), "", "shown name", "html"), tmp_path / "out")
    assert ref == Ref("file", str(tmp_path / "out" / "0" / "0" / "report.html"), "", "shown name", "html")
    assert Path(ref.path).read_text() == "<p>"


def test_a_folder_comes_back_as_it_was(blobs: Blobs, tmp_path: Path) -> None:
    root = tmp_path / "data"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "sub" / "b.txt").write_text("b")
    (root / "run.sh").write_text("#!/bin/sh")
    (root / "run.sh").chmod(0o755)
    Path(os.fsdecode(os.fsencode(root) + b"/\xff\n -rf")).write_text("odd")
    ref = round_trip(blobs, Ref("dir", f"{root}/"), tmp_path / "out")
    assert os.path.basename(ref.path) == "data"
    assert listing(Path(ref.path)) == listing(root)


def test_an_empty_folder_comes_back_empty(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    assert os.listdir(round_trip(blobs, Ref("dir", str(tmp_path / "data")), tmp_path / "out").path) == []


def test_a_url_is_kept_as_it_is(blobs: Blobs, tmp_path: Path) -> None:
    ref = Ref("file", "s3://bucket/key")
    assert round_trip(blobs, ref, tmp_path / "out") == ref


@pytest.mark.parametrize("kind", ["link", "broken link", "link to a folder", "pipe"])
def test_a_folder_that_could_not_be_given_back_is_refused(blobs: Blobs, tmp_path: Path, kind: str) -> None:
    root = tmp_path / "data"
    (root / "sub").mkdir(parents=True)
    (root / "a").write_text("a")
    match kind:
        case "link":
            (root / "sub" / "odd").symlink_to(root / "a")
        case "broken link":
            (root / "sub" / "odd").symlink_to("nowhere")
        case "link to a folder":
            (root / "odd").symlink_to(root / "sub")
        case _:
            os.mkfifo(root / "odd")
    with pytest.raises(OSError, match="odd is .* put a copy in its place"):
        take_in(blobs, [Packed(b"\x01", (Ref("dir", str(root)),))])


def test_a_file_that_is_a_link_is_stored_by_its_content(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "real").write_text("content")
    (tmp_path / "link").symlink_to("real")
    ref = round_trip(blobs, Ref("file", str(tmp_path / "link")), tmp_path / "out")
    assert not Path(ref.path).is_symlink()
    assert Path(ref.path).read_text() == "content"


@pytest.mark.parametrize("path", ["/x/..", "/x/.", "/", "", "file:///x/%2E%2E"])
def test_a_recorded_path_cannot_lead_out(blobs: Blobs, tmp_path: Path, path: str) -> None:
    stored = StoredValue(b"", b"", [StoredRef(Ref("file", path), "file", [(b"", blobs.put(b"data"), False)], [])])
    (value,) = give_out(blobs, [stored], str(tmp_path / "out"))
    assert value.refs[0].path == str(tmp_path / "out" / "0" / "0" / "content")


def test_what_cannot_be_given_out_whole_is_not_given_out(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in "abc":
        (tmp_path / "data" / name).write_text(name)
    stored = take_in(blobs, [Packed(b"\x01", (Ref("dir", str(tmp_path / "data")),))])
    os.unlink(blobs.path(stored[0].refs[0].files[2][1]))
    with pytest.raises(CorruptBlobError):
        give_out(blobs, stored, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
