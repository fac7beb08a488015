"""An archive is read member by member, and only what has the one shape counts, whatever else a tar file or a folder can hold."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.store import archive as module
from localflyte.store.archive import BLOBS
from localflyte.store.archive import KINDS
from localflyte.store.archive import RECORDS
from localflyte.store.archive import ArchiveError
from localflyte.store.archive import DamagedArchiveError
from localflyte.store.archive import create_archive
from localflyte.store.archive import open_archive
from tests.store.shelves import digest_of

X, Y = digest_of("x"), digest_of("y")
GOOD = f"blobs/{X[:2]}/{X}"
MOST = 1 << 20


def tar_of(path: Path, *members: tuple[str, bytes, bytes], mode: str = "w") -> Path:
    """A tar file of members of any name and type."""
    with tarfile.open(path, mode) as tar:
        for name, kind, data in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            tar.addfile(info, io.BytesIO(data))
    return path


def names_in(path: Path, *kinds: str) -> list[tuple[str, str, bytes]]:
    archive = open_archive(str(path), MOST)
    return [(member.kind, member.digest, member.data.read(member.size)) for member in archive.members(*kinds or KINDS)]


@pytest.fixture(params=["folder", "a.tar", "a.tar.gz", "a.tgz"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "made" / request.param


def fill(target: Path) -> None:
    with create_archive(str(target)) as writer:
        writer.add(BLOBS, X, 1000, io.BytesIO(b"x" * 1000))
        writer.add(RECORDS, Y, 3, io.BytesIO(b"abc"))


def test_what_was_written_is_read(target: Path) -> None:
    fill(target)
    assert names_in(target) == [(BLOBS, X, b"x" * 1000), (RECORDS, Y, b"abc")]
    assert names_in(target, RECORDS) == [(RECORDS, Y, b"abc")]
    assert open_archive(str(target), MOST).refused == set()


def test_only_its_owner_can_read_it(target: Path) -> None:
    fill(target)
    files = [target] if target.is_file() else [path for path in target.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_tar_file_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.tar.gz", "b.tar.gz"):
        fill(tmp_path / name)
    assert (tmp_path / "a.tar.gz").read_bytes() == (tmp_path / "b.tar.gz").read_bytes()


def test_writing_to_a_folder_adds_to_it(tmp_path: Path) -> None:
    fill(tmp_path / "folder")
    with create_archive(str(tmp_path / "folder")) as writer:
        writer.add(RECORDS, X, 3, io.BytesIO(b"new"))
        writer.add(RECORDS, Y, 3, io.BytesIO(b"new"))
    assert [data for _, _, data in sorted(names_in(tmp_path / "folder", RECORDS))] == sorted([b"new", b"new"])
    assert len(names_in(tmp_path / "folder")) == 3


def test_a_tar_file_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    fill(tmp_path / "a.tar")
    before = (tmp_path / "a.tar").read_bytes()

    def fail() -> None:
        with create_archive(str(tmp_path / "a.tar")) as writer:
            writer.add(BLOBS, X, 10, io.BytesIO(b"too short"))

    with pytest.raises(OSError, match="end of data"):
        fail()
    assert (tmp_path / "a.tar").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("file", "is a file"), ("folder.tar", "is a folder"), ("folder", "holds 'mine', which is no part")],
)
def test_what_else_is_there_is_not_touched(tmp_path: Path, name: str, text: str) -> None:
    if name == "file":
        (tmp_path / name).write_text("mine")
    else:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").write_text("mine")
    with pytest.raises(ArchiveError, match=text):
        fill(tmp_path / name)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (tarfile.SYMTYPE, GOOD),
        (tarfile.LNKTYPE, GOOD),
        (tarfile.FIFOTYPE, GOOD),
        (tarfile.CHRTYPE, GOOD),
        (tarfile.BLKTYPE, GOOD),
        (tarfile.CONTTYPE, GOOD),
        (b"~", GOOD),
        *[
            (tarfile.REGTYPE, name)
            for name in (
                f"/{GOOD}",
                f"../{GOOD}",
                f"blobs/../{GOOD}",
                f"././{GOOD}",
                f"{GOOD}/",
                f"{GOOD}\n",
                f"x/{X[:2]}/{X}",
                f"blobs/{Y[:2]}/{X}",
                f"blobs/{X}",
                f"blobs/{X[:2]}/{X[:-1]}",
                f"blobs/{X[:2]}/{X.upper()}",
                f"blobs/{X[:2]}/../{X}",
                "blobs/new/x",
                "index/cache.db",
                "a" * 300,
                "\udcff\udcfe",
                "",
            )
        ],
    ],
)
def test_a_member_of_another_shape_is_passed_over(tmp_path: Path, kind: bytes, name: str) -> None:
    data = b"" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else b"evil"
    path = tar_of(tmp_path / "a.tar", (name, kind, data), (f"records/{Y[:2]}/{Y}", tarfile.REGTYPE, b"good"))
    archive = open_archive(str(path), MOST)
    assert [member.digest for member in archive.members(*KINDS)] == [Y]
    assert len(archive.refused) == 1


def test_what_other_programs_write_is_read(tmp_path: Path) -> None:
    """``tar -C folder -cf a.tar .`` has folders, names with ``./``, and words of its own about each member."""
    fill(tmp_path / "folder")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"}) as tar:
        tar.add(tmp_path / "folder", ".")
    assert names_in(tmp_path / "a.tar") == [(BLOBS, X, b"x" * 1000), (RECORDS, Y, b"abc")]
    assert open_archive(str(tmp_path / "a.tar"), MOST).refused == set()


def test_what_is_declared_is_counted_before_it_is_read(target: Path) -> None:
    fill(target)
    archive = open_archive(str(target), 999)
    with pytest.raises(ArchiveError, match="declares more bytes than cache_max_bytes"):
        list(archive.members(*KINDS))


def test_a_member_of_terabytes_is_not_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo(GOOD)
    header.size = 1 << 42
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"x" * 10_000))
    with pytest.raises(ArchiveError, match="declares more"):
        list(open_archive(str(path), MOST).members(BLOBS))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE])
def test_words_of_terabytes_about_a_member_are_not_read(tmp_path: Path, kind: bytes) -> None:
    """A reader that takes in what a tar file says about its next member can be made to take in anything."""
    header = tarfile.TarInfo("x")
    header.size, header.type = 1 << 42, kind
    path = tmp_path / "a.tar"
    path.write_bytes(header.tobuf(tarfile.GNU_FORMAT) + b"x" * 10_000)
    with pytest.raises(ArchiveError, match="declares more"):
        list(open_archive(str(path), MOST).members(BLOBS))


def test_members_without_end_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MEMBERS", 10)
    path = tar_of(tmp_path / "a.tar", *[(GOOD, tarfile.REGTYPE, b"")] * 11)
    with pytest.raises(ArchiveError, match="more than 10 members"):
        list(open_archive(str(path), MOST).members(BLOBS))


def test_names_that_are_refused_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REFUSED", 3)
    path = tar_of(tmp_path / "a.tar", *[(f"x{number}", tarfile.REGTYPE, b"") for number in range(10)])
    archive = open_archive(str(path), MOST)
    assert list(archive.members(BLOBS)) == []
    assert len(archive.refused) == 3


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_what_was_cut_off_is_read_up_to_there(tmp_path: Path, name: str) -> None:
    with create_archive(str(tmp_path / name)) as writer:
        writer.add(RECORDS, Y, 3, io.BytesIO(b"abc"))
        writer.add(BLOBS, X, 100_000, io.BytesIO(os.urandom(100_000)))
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:50_000])
    found: list[str] = []
    with pytest.raises(DamagedArchiveError):
        for member in open_archive(str(tmp_path / name), MOST).members(*KINDS):
            member.data.read(member.size)
            found.append(member.kind)
    assert found[0] == RECORDS


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"", "damaged"), (b"x" * 600, "is no tar file"), (b"\x1f\x8b" + b"x" * 600, "damaged|cannot be read")],
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ArchiveError, match=text):
        list(open_archive(str(tmp_path / "a"), MOST).members(*KINDS))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tar")
    with pytest.raises(ArchiveError, match="not a regular file"):
        list(open_archive(str(tmp_path / "a.tar"), MOST).members(*KINDS))


def test_a_folder_is_not_called_like_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"e\.zip would be a folder of that name; name a folder, or a file that ends with \.tar"):
        with create_archive(str(tmp_path / "e.zip")):
            pass
    assert not (tmp_path / "e.zip").exists()


@pytest.mark.parametrize(("name", "text"), [("gone", "there is no"), ("folder", "none of the folders")])
def test_no_archive_is_an_error(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ArchiveError, match=text):
        open_archive(str(tmp_path / name), MOST)


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    fill(tmp_path / "folder")
    path = tmp_path / "folder" / GOOD
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder" / "records" / "ff").symlink_to(tmp_path)
    archive = open_archive(str(tmp_path / "folder"), MOST)
    assert [member.kind for member in archive.members(*KINDS)] == [RECORDS]
    assert archive.refused == {GOOD, "records/ff"}


def test_a_file_that_cannot_be_read_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "folder")
    real = module.open_regular

    def open_regular(path: str) -> Any:
        if path.endswith(X):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(module, "open_regular", open_regular)
    archive = open_archive(str(tmp_path / "folder"), MOST)
    assert [member.digest for member in archive.members(*KINDS)] == [Y]
    assert archive.refused == {GOOD}


def test_a_member_of_less_than_nothing_is_damage(tmp_path: Path) -> None:
    header = tarfile.TarInfo(GOOD)
    header.size = -5
    (tmp_path / "a.tar").write_bytes(header.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(DamagedArchiveError, match="-5 bytes"):
        list(open_archive(str(tmp_path / "a.tar"), MOST).members(*KINDS))


def test_a_blob_that_is_there_in_a_folder_is_not_written_again(tmp_path: Path) -> None:
    data = b"x" * 1000
    digest = hashlib.sha256(data).hexdigest()
    path = tmp_path / "folder" / "blobs" / digest[:2] / digest
    for content, is_kept in ((data, True), (b"y" * 1000, False)):
        with create_archive(str(tmp_path / "folder")) as writer:
            writer.add(BLOBS, digest, 1000, io.BytesIO(data))
        path.write_bytes(content)
        before = path.stat().st_ino
        with create_archive(str(tmp_path / "folder")) as writer:
            writer.add(BLOBS, digest, 1000, io.BytesIO(data))
        assert (path.stat().st_ino == before) == is_kept
        assert path.read_bytes() == data


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("whole") / "a.tar"
    fill(path)
    return path


@given(st.data())
def test_flipped_bytes_give_members_or_an_error(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, 2 * 512 + 1024))] ^= 1 << data.draw(st.integers(0, 7))
    other = whole.with_name("b.tar")
    other.write_bytes(content)
    try:
        for member in open_archive(str(other), MOST).members(*KINDS):
            assert member.kind in KINDS
            member.data.read(member.size)
    except ArchiveError:
        return
