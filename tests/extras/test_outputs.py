"""Outputs of containers: what their files are read as, and what is refused."""

from __future__ import annotations

import os
from datetime import UTC
from datetime import date
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localflyte.extras.outputs import claim
from localflyte.extras.outputs import holds_references
from localflyte.extras.outputs import read_outputs
from localflyte.io import Dir
from localflyte.io import File


def read(folder: Path, kind: Any) -> Any:
    return read_outputs({"x": kind}, str(folder), "/var/outputs")[0]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("5\n", int, 5),
        (" 2.5", float, 2.5),
        ("text\n", str, "text\n"),
        ("a\r\nb", str, "a\r\nb"),
        ("True\n", bool, True),
        ("false\n", bool, False),
        ("0", bool, False),
        ("2026-01-02 03:04:05+00:00\n", datetime, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02", date, date(2026, 1, 2)),
        ("1 day, 2:03:04.5", timedelta, timedelta(1, 4, 500_000, 0, 3, 2)),
        ("03:04", timedelta, timedelta(minutes=3, seconds=4)),
        ("-1 day, 23:59:59", timedelta, timedelta(seconds=-1)),
        ("[1, 2]", list[int], [1, 2]),
        ('{"a": 1}', dict[str, int], {"a": 1}),
        ("7", int | None, 7),
    ],
)
def test_text_is_read_as_the_declared_type(tmp_path: Path, text: str, kind: Any, value: Any) -> None:
    (tmp_path / "x").write_bytes(text.encode())
    assert read(tmp_path, kind) == value


@pytest.mark.parametrize(("text", "kind"), [("yes", bool), ("", int), ("1:2:3:4", timedelta), ("x" * 200, float), ("tomorrow", datetime)])
def test_text_that_is_no_such_value_is_shown(tmp_path: Path, text: str, kind: Any) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(ValueError, match=rf"the output 'x' is '{text[:100]}.* in /var/outputs/x, and no {kind.__name__}: "):
        read(tmp_path, kind)


def test_a_missing_output_is_an_error_unless_it_may_be_missing(tmp_path: Path) -> None:
    assert read(tmp_path, int | None) is None
    with pytest.raises(FileNotFoundError, match=r"there is no /var/outputs/x, only nothing$"):
        read(tmp_path, File)


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(ValueError, match="'x' is to be a file"):
        read(tmp_path, str)


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    (folder / "x").mkdir(parents=True)
    (folder / "x" / "in").symlink_to("other")
    (folder / "x" / "other").touch()
    assert read(folder, Dir).path == str(folder / "x")
    (folder / "x" / "out").symlink_to("/etc/passwd")
    with pytest.raises(ValueError, match=r"/var/outputs/x/out is a link to /etc/passwd"):
        read(folder, Dir)
    (folder / "y").symlink_to("/nowhere/at/all")
    with pytest.raises(FileNotFoundError, match="link to /nowhere/at/all, which is not there outside"):
        read_outputs({"y": str | None}, str(folder), "/var/outputs")


def test_which_outputs_stay_where_they_are() -> None:
    assert holds_references({"a": int, "b": File | None})
    assert not holds_references({"a": int, "b": list[int]})


def test_claiming_is_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").touch()
    taken: list[str] = []
    monkeypatch.setattr(os, "chown", lambda path, *_, **__: taken.append(os.path.basename(path)))
    monkeypatch.setattr(os, "getuid", lambda: 0)
    claim(str(tmp_path))
    assert taken == ["", "x"]
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    claim(str(tmp_path))
    assert taken == ["", "x"]
