"""Which files a .dockerignore leaves out, as Docker reads it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localflyte.images.context import copy_tree
from localflyte.spec.ignore import Ignore
from localflyte.spec.ignore import read_ignore


@pytest.mark.parametrize(
    ("lines", "out", "kept"),
    [
        (
            [],
            ["__pycache__/a.pyc", "a/__pycache__", ".git/config", "x/.venv/bin/python", "a.pyc", "a/b.egg-info/x"],
            ["a.py", "gitignore", "x.git"],
        ),
        (["data"], ["data", "data/a/b"], ["data2", "a/data"]),
        (["/data/"], ["data/a"], ["a/data"]),
        (["*.csv"], ["a.csv"], ["b/a.csv", "a.csvs"]),
        (["**/*.csv"], ["a.csv", "b/c/a.csv"], ["a.py"]),
        (["a/**"], ["a/b", "a/b/c"], ["b/a"]),
        (["a/**/z"], ["a/z", "a/b/c/z"], ["a/zz"]),
        (["temp/*"], ["temp/a", "temp/a/b/deep"], ["temp", "other/a"]),
        (["**/*/*.log"], ["logs/a.log", "a/b/c.log"], ["a.log"]),
        (["**/*test*/**"], ["src/mytest/f"], ["src/f"]),
        (["  *.log  ", "\t*.tmp\t"], ["a.log", "a.tmp"], ["a.py"]),
        (["*.txt", "!important.txt", "temp.txt"], ["a.txt", "temp.txt"], ["important.txt"]),
        (["secrets/**", "!secrets/public", "!secrets/public/**"], ["secrets/key"], ["secrets/public/cert.pem"]),
        (["?.txt", "[ab]x"], ["1.txt", "ax"], ["12.txt", "cx", "/.txt"]),
        (["a\\*b", "c.d"], ["a*b", "c.d"], ["axb", "cxd"]),
        (["[\\]x]y", "[[a]", "[^b-d]", "z["], ["]y", "xy", "[", "a", "e", "z["], ["xa", "b", "c"]),
        (["[z-a]", "[^]x]", "[", "a\\"], ["[", "a\\"], ["a", "m", "z", "x"]),
        (["*", "!keep", "# comment", "", "!"], ["a", "b/c"], ["keep", "keep/x"]),
        (["!a", "a"], ["a"], []),
    ],
)
def test_left_out(lines: list[str], out: list[str], kept: list[str]) -> None:
    ignore = Ignore(lines)
    assert [path for path in out if not ignore.leaves_out(path)] == []
    assert [path for path in kept if ignore.leaves_out(path)] == []


@pytest.mark.parametrize(
    ("lines", "closed", "open_"),
    [
        ([], [".venv", "a/.git"], ["a"]),
        (["*", "!keep", "!a/*/c"], [".venv", "b", "b/keep", "a/b/d"], ["a", "a/b", "keep"]),
        (["data", "!**/*.txt"], [], ["data", ".venv", "a"]),
        (["data", "!data/**/x"], [".venv"], ["data", "data/a/b"]),
    ],
)
def test_a_folder_of_which_nothing_is_taken_back_is_not_looked_through(lines: list[str], closed: list[str], open_: list[str]) -> None:
    ignore = Ignore(lines)
    assert [path for path in (*closed, *open_) if ignore.leaves_out_all(path)] == closed


def test_a_file_of_rules_may_begin_with_a_mark_and_name_what_is_no_utf_8(tmp_path: Path) -> None:
    (tmp_path / "ignore").write_bytes(b"\xef\xbb\xbfa\n\xff.txt\n")
    ignore = read_ignore([str(tmp_path / "ignore")])
    assert [ignore.leaves_out(path) for path in ("a", os.fsdecode(b"\xff.txt"), "b")] == [True, True, False]


def test_a_folder_is_copied_without_what_is_left_out(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for name in ("a.py", "data/big.bin", "data/keep/me.txt", "empty/x.tmp", "__pycache__/a.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(name)
    (source / "link").symlink_to("a.py")
    (source / "away").symlink_to("/nowhere")
    (source / ".dockerignore").write_text("data\n!data/keep\n**/*.tmp\n")
    copy_tree(source, tmp_path / "one", read_ignore([str(source / ".dockerignore"), "/nowhere"]))
    assert seen(tmp_path / "one") == [".dockerignore", "a.py", "away", "data", "data/keep", "data/keep/me.txt", "empty", "link"]
    assert (tmp_path / "one" / "link").readlink() == Path("a.py")
    copy_tree(source, tmp_path / "two", Ignore(["data", "empty"]))
    assert seen(tmp_path / "two") == [".dockerignore", "a.py", "away", "link"]


def seen(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
