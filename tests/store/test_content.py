"""The digest of a file or folder follows what is in it, and nothing else."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from localflyte.spec.packed import Ref
from localflyte.store import content
from localflyte.store.content import Contents
from localflyte.store.content import local_path


def fill(folder: Path) -> None:
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    (folder / "empty").mkdir()


def test_the_callers_own_hash_wins() -> None:
    assert Contents().digest(Ref("file", "/not/there", hash="mine")) == "given:mine"


def test_content_elsewhere_counts_by_its_address() -> None:
    assert Contents().digest(Ref("file", "s3://bucket/key")) == "address:s3://bucket/key"


@pytest.mark.parametrize(
    ("path", "local"),
    [("/a/b", "/a/b"), ("file:///a/b%20c", "/a/b c"), ("s3://bucket/key", None), ("https://host/x", None)],
)
def test_a_path_is_local_or_of_elsewhere(path: str, local: str | None) -> None:
    assert local_path(path) == local


def test_a_files_name_and_times_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("same")
    (tmp_path / "two").write_text("same")
    os.utime(tmp_path / "two", (1, 1))
    digest = Contents().digest
    assert digest(Ref("file", str(tmp_path / "one"))) == digest(Ref("file", str(tmp_path / "two")))


def test_a_folder_counts_the_same_wherever_it_lies(tmp_path: Path) -> None:
    fill(tmp_path / "one")
    fill(tmp_path / "two")
    assert Contents().tree(str(tmp_path / "one")) == Contents().tree(str(tmp_path / "two"))


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda folder: (folder / "sub" / "b.txt").write_text("c"),
    "new file": lambda folder: (folder / "sub" / "c.txt").write_text(""),
    "removed file": lambda folder: (folder / "a.txt").unlink(),
    "renamed file": lambda folder: (folder / "a.txt").rename(folder / "z.txt"),
    "moved file": lambda folder: (folder / "a.txt").rename(folder / "sub" / "a.txt"),
    "new folder": lambda folder: (folder / "another").mkdir(),
    "removed folder": lambda folder: (folder / "empty").rmdir(),
    "executable": lambda folder: (folder / "a.txt").chmod(0o755),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_in_a_folder_changes_its_digest(tmp_path: Path, change: str) -> None:
    fill(tmp_path / "folder")
    contents = Contents()
    before = contents.tree(str(tmp_path / "folder"))
    CHANGES[change](tmp_path / "folder")
    assert contents.tree(str(tmp_path / "folder")) != before


@pytest.mark.parametrize("kind", ["link to a file", "link to a folder", "broken link", "pipe", "socket"])
def test_a_folder_with_more_than_files_and_folders_has_no_digest(tmp_path: Path, kind: str) -> None:
    """What a link leads to could change without the digest noticing."""
    fill(tmp_path / "folder")
    odd = tmp_path / "folder" / "sub" / "odd"
    match kind:
        case "link to a file":
            odd.symlink_to(tmp_path / "folder" / "a.txt")
        case "link to a folder":
            odd.symlink_to(tmp_path)
        case "broken link":
            odd.symlink_to("nowhere")
        case "pipe":
            os.mkfifo(odd)
        case _:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.bind(str(odd))
    with pytest.raises(OSError, match="odd is (a link|no regular file)"):
        Contents().tree(str(tmp_path / "folder"))


def test_names_that_are_no_text_count_too(tmp_path: Path) -> None:
    before = Contents().tree(str(tmp_path))
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n -rf")).write_text("")
    assert Contents().tree(str(tmp_path)) != before


@pytest.mark.parametrize("kind", ["file", "dir"])
def test_what_is_not_there_is_an_error(tmp_path: Path, kind: str) -> None:
    with pytest.raises(FileNotFoundError):
        Contents().digest(Ref(kind, str(tmp_path / "missing")))


def test_a_change_within_one_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    """Same size, same inode, same times: only the content differs."""
    path = tmp_path / "file"
    path.write_text("one")
    contents = Contents()
    before = contents.digest(Ref("file", str(path)))
    times = path.stat()
    path.write_text("two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert contents.digest(Ref("file", str(path))) != before


def test_an_old_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    changed = path.stat().st_ctime_ns
    monkeypatch.setattr(content.time, "time_ns", lambda: changed + 10 * content.COARSE_TICK_NS)
    contents = Contents()
    before = contents.digest(Ref("file", str(path)))
    monkeypatch.setattr(content, "hash_file", lambda _: pytest.fail("hashed again"))
    assert contents.digest(Ref("file", str(path))) == before


def test_what_is_remembered_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "KNOWN_FILES", 2)
    monkeypatch.setattr(content.time, "time_ns", lambda: 1 << 62)
    contents = Contents()
    for number in range(5):
        (tmp_path / str(number)).write_text(str(number))
        contents.digest(Ref("file", str(tmp_path / str(number))))
    assert len(contents._known) <= 2
