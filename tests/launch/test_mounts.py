"""Folders of secrets: private, gone with their engine, and those of engines that were killed gone with the next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from localflyte.launch.mounts import NAME
from localflyte.launch.mounts import Mounts
from localflyte.runs.lives import my_life


@pytest.fixture(params=["shm", "runtime", "home"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the folders go on a machine that has no better place."""
    folder = tmp_path / request.param
    missing = tmp_path / "missing"
    if request.param != "home":
        folder.mkdir()
    monkeypatch.setattr("localflyte.launch.mounts.IN_MEMORY", str(folder if request.param == "shm" else missing))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder if request.param == "runtime" else missing))
    return folder / "secrets" if request.param == "home" else folder


def mounts(tmp_path: Path) -> Mounts:
    return Mounts(str(tmp_path / "home"))


def test_a_file_is_there_for_its_owner_alone(tmp_path: Path, place: Path) -> None:
    old = os.umask(0)
    try:
        folder = Path(mounts(tmp_path).create([("group/key", "välue")]))
    finally:
        os.umask(old)
    assert folder.parent.parent == place
    assert (folder / "group" / "key").read_text() == "välue"
    assert {oct(path.stat().st_mode & 0o777) for path in (folder.parent, folder, folder / "group")} == {"0o700"}
    assert oct((folder / "group" / "key").stat().st_mode & 0o777) == "0o600"


def test_each_server_has_its_own_and_all_go_with_the_engine(tmp_path: Path, place: Path) -> None:
    made = mounts(tmp_path)
    first, second = (made.create([("k", "1")]) for _ in range(2))
    assert first != second
    made.remove(first)
    assert not os.path.exists(first)
    assert os.path.exists(second)
    made.close()
    assert list(place.iterdir()) == []


def test_those_of_an_engine_that_is_no_more_are_removed(tmp_path: Path, place: Path) -> None:
    code = f"from localflyte.runs.lives import my_life; print({NAME!r} + str(my_life()))"
    name = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    left = place / f"{name}.0"
    (left / "1").mkdir(parents=True)
    (left / "1" / "key").write_text("value")
    mounts(tmp_path)
    assert not left.exists()


@pytest.mark.parametrize("name", [f"{NAME}{my_life()}.0", f"{NAME}someone", "other", f"{NAME}1.2.3.4"], ids=range(4))
def test_everything_else_is_left_alone(tmp_path: Path, place: Path, name: str) -> None:
    (place / name).mkdir(parents=True)
    mounts(tmp_path)
    assert (place / name).exists()


def test_a_link_is_left_alone(tmp_path: Path, place: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    place.mkdir(exist_ok=True, parents=True)
    (place / f"{NAME}{my_life()._replace(pid=2**22 + 1)}.0").symlink_to(outside)
    mounts(tmp_path)
    assert outside.exists()


def test_where_nothing_can_be_made_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.mounts.IN_MEMORY", str(tmp_path / "missing"))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    (tmp_path / "home").write_text("a file")
    with pytest.raises(OSError, match="home"):
        mounts(tmp_path).create([("k", "1")])
