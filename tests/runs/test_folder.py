"""A run's folder is private, made once, and its files are written whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localflyte.runs.folder import create_run_folder
from localflyte.runs.folder import log_name
from localflyte.runs.folder import run_folder
from localflyte.runs.folder import split_log_name
from localflyte.runs.folder import write_private_file


def test_folders_are_for_nobody_else(tmp_path: Path) -> None:
    path = create_run_folder(tmp_path / "home", "first")
    assert path == str(tmp_path / "home" / "runs" / "first")
    assert {os.stat(folder).st_mode & 0o777 for folder in (path, tmp_path / "home" / "runs", tmp_path / "home")} == {0o700}


def test_a_name_is_taken_once(tmp_path: Path) -> None:
    create_run_folder(tmp_path, "first")
    with pytest.raises(FileExistsError, match="already"):
        create_run_folder(tmp_path, "first")


@pytest.mark.parametrize("name", ["..", "../../etc", "/etc", ""])
def test_no_name_leads_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        run_folder(tmp_path, name)


def test_a_file_is_replaced_in_one_step_and_private(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "file")
    write_private_file(path, b"one")
    write_private_file(path, b"two")
    assert Path(path).read_bytes() == b"two"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "new") == ["file"]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_private_file(str(tmp_path / "file"), b"data")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_the_name_of_a_log_can_be_read_back(stream: str) -> None:
    assert split_log_name(log_name("abc", 3, stream)) == ("abc", 3, stream)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "abc",
        "abc.out.txt",
        "abc.x.out.txt",
        "abc.1.txt",
        "abc.1.out",
        ".1.out.txt",
        "abc.1.2.out.txt",
        "abc.-1.out.txt",
        "abc.²" + ".out.txt",
    ],
)
def test_other_files_are_no_logs(name: str) -> None:
    assert split_log_name(name) is None


def test_a_home_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="LOCALFLYTE_HOME to a folder that can be written") as caught:
        create_run_folder(tmp_path / "file" / "home", "r1")
    assert caught.value.filename == str(tmp_path / "file" / "home")
