"""Paths of this machine are found where a task is given them as text, or opens them; those of every machine are not."""

from __future__ import annotations

import pathlib
import sys
from pathlib import Path

import pytest

from localflyte.portability import paths

TASK = "import pathlib\n@env.task\ndef task(x: str = '') -> int:\n    return "


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is of this machine, although tests lie among what is of no machine in particular."""
    monkeypatch.setattr(paths, "_EVERYWHERE", ("/etc", "/dev", "/proc"))
    path = tmp_path / "data.csv"
    path.touch()
    return path


def test_an_input_that_is_a_path_is_found(look, file: Path) -> None:
    (found,) = look(TASK + "1", args=(str(file),), kind="path")
    assert found.subject == str(file)
    assert found.where.endswith("main.py:4")
    assert "Declare x: flyte.io.File" in found.way_out


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_it_is_found_among_others(look, file: Path, kind: type) -> None:
    assert len(list(paths._local_paths({"a": kind(["word", str(file)])}))) == 1


def test_a_folder_is_a_dir(look, file: Path) -> None:
    (found,) = look(TASK + "1", args=(str(file.parent),), kind="path")
    assert "flyte.io.Dir" in found.way_out


def test_a_path_object_is_one_whatever_it_looks_like(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    (file.parent / "word").mkdir()
    assert list(paths._local_paths(pathlib.PurePath("word"))) == ["word"]
    assert list(paths._local_paths(pathlib.PurePath("nothing"))) == []
    assert list(paths._local_paths("word")) == []  # it may be any word
    assert list(paths._local_paths("data.csv")) == ["data.csv"]


@pytest.mark.parametrize(
    "text", ["/dev/null", "/etc/hosts", "/proc/self", "/", "", "s3://bucket/x", "a\nb/c", "nothing/here", "word", "x\0/y", sys.executable]
)
def test_what_is_everywhere_or_nowhere_is_no_path_of_this_machine(file: Path, text: str) -> None:
    assert list(paths._local_paths(text)) == []


def test_what_lies_in_tmp_is_not_meant(tmp_path: Path) -> None:
    (tmp_path / "x.txt").touch()
    assert paths._EVERYWHERE[0] == "/tmp"
    if str(tmp_path).startswith("/tmp/"):
        assert list(paths._local_paths(str(tmp_path / "x.txt"))) == []


def test_a_default_is_found(look, file: Path) -> None:
    (found,) = look(f"@env.task\ndef task(x: str = {str(file)!r}) -> int: return 1", kind="path")
    assert found.subject == str(file)


@pytest.mark.parametrize(
    "expression",
    [
        "len(open({}).read())",
        "len(pathlib.Path({}).read_text())",
        "x.read_csv({})",
        "child({})",
        "child(p={})",
    ],
)
def test_a_literal_is_found(look, file: Path, expression: str) -> None:
    child = "@env.task\ndef child(p: str) -> int: return 1\n"
    found = look(child + TASK + expression.replace("{}", repr(str(file))), kind="path")
    assert [each.subject for each in found] == [str(file)]


@pytest.mark.parametrize(
    "expression",
    ["open('/dev/null')", "open('/nowhere/at/all')", "open('relative.txt')", "open(x)", "open(__file__)", "open(HERE)", "print({})", "{}"],
)
def test_a_literal_that_is_none_is_not(look, file: Path, expression: str) -> None:
    assert look("HERE = str(__file__)\n" + TASK + f"len(str({expression.replace('{}', repr(str(file)))}))", kind="path") == []
