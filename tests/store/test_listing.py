"""What lies under its digest is listed; everything else is strange."""

from __future__ import annotations

import os
from pathlib import Path

from localflyte.store.listing import list_files
from localflyte.store.listing import list_strange
from tests.store.shelves import digest_of

X, Y = sorted([digest_of("x"), digest_of("y")])


def put(root: Path, folder: str, name: str) -> Path:
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / folder / name).write_bytes(b"data")
    return root / folder / name


def test_files_are_listed_in_order_with_size_and_time(tmp_path: Path) -> None:
    for digest in (Y, X):
        os.utime(put(tmp_path, digest[:2], digest), (7, 7))
    assert [tuple(file) for file in list_files(str(tmp_path))] == [
        (digest, str(tmp_path / digest[:2] / digest), 4, 7.0) for digest in (X, Y)
    ]
    assert list(list_strange(str(tmp_path))) == []


def test_what_has_another_name_or_is_a_link_is_strange(tmp_path: Path) -> None:
    strange = [
        put(tmp_path, X[:2], "x"),
        put(tmp_path, X[:2], X.upper()),
        put(tmp_path, X[:2], f"{X}.part"),
        put(tmp_path, X[:2], Y),
        put(tmp_path, "new", "draft").parent,
    ]
    (tmp_path / X[:2] / X).symlink_to(strange[0])
    (tmp_path / "zz").symlink_to(tmp_path / X[:2])
    (tmp_path / "ff").write_text("a file")
    strange += [tmp_path / X[:2] / X, tmp_path / "zz", tmp_path / "ff"]
    assert list(list_files(str(tmp_path))) == []
    assert sorted(list_strange(str(tmp_path))) == sorted(map(str, strange))
    assert str(tmp_path / "new") not in list_strange(str(tmp_path), ("new",))


def test_no_folder_holds_nothing(tmp_path: Path) -> None:
    assert list(list_files(str(tmp_path / "none"))) == list(list_strange(str(tmp_path / "none"))) == []
