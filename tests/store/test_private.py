"""Folders and files of the store belong to one user, whatever the umask says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from localflyte.store.private import check_folder
from localflyte.store.private import create_file
from localflyte.store.private import make_folder


@pytest.fixture(params=[0o000, 0o002, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_every_folder_that_is_made_is_private(tmp_path: Path) -> None:
    make_folder(str(tmp_path / "a" / "b" / "c"))
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(tmp_path / "a" / "b" / "c")] == [0o700] * 3


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    make_folder(str(tmp_path / "a"))
    assert mode(tmp_path / "a") == 0o755


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("wanted", [0o400, 0o444, 0o600, 0o700])
def test_a_file_has_the_mode_that_was_asked_for(tmp_path: Path, wanted: int) -> None:
    os.close(create_file(str(tmp_path / "file"), wanted))
    assert mode(tmp_path / "file") == wanted


def test_a_file_that_is_there_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError):
            create_file(str(tmp_path / name), 0o600)


@pytest.mark.parametrize("bits", [0o770, 0o702, 0o777, 0o720])
def test_a_folder_that_others_can_write_is_refused_with_the_way_out(tmp_path: Path, bits: int) -> None:
    tmp_path.chmod(bits)
    with pytest.raises(PermissionError, match=f"chmod 700 {tmp_path}"):
        check_folder(str(tmp_path))


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(PermissionError, match="LOCALFLYTE_HOME"):
        check_folder(str(tmp_path / "link"))


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.store.private.os.getuid", lambda: os.stat(tmp_path).st_uid + 1)
    with pytest.raises(PermissionError, match="not a folder of this user"):
        check_folder(str(tmp_path))
