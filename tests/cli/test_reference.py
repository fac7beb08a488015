"""A path on the command line becomes a File, Dir or DataFrame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from localflyte.cli.params import param_type
from localflyte.io import DataFrame
from localflyte.io import Dir
from localflyte.io import File


@dataclass
class Both:
    file: File[str]
    folder: Dir[Any] | None = None


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("a\n1\n")
    (tmp_path / "inner").mkdir()
    return tmp_path


def convert(annotation: Any, text: str) -> Any:
    return param_type(annotation).convert(text, None, None)


@pytest.mark.parametrize("annotation", [File, File[str], File | None, File | str])
def test_a_path_becomes_a_file_with_an_absolute_path(annotation: Any, folder: Path) -> None:
    made = convert(annotation, "data.csv")
    assert isinstance(made, File)
    assert made.path == str(folder / "data.csv")


def test_a_path_becomes_a_folder(folder: Path) -> None:
    assert convert(Dir, "inner/").path == str(folder / "inner")


def test_a_frame_has_the_format_of_its_file(folder: Path) -> None:
    made = convert(DataFrame, "data.csv")
    assert (made.uri, made.format) == (str(folder / "data.csv"), "csv")


def test_a_frame_of_pandas_is_read_from_its_file() -> None:
    pandas = pytest.importorskip("pandas", reason="reads a pandas frame")
    made = convert(pandas.DataFrame, "data.csv")
    assert made.to_dict("list") == {"a": [1]}


def test_a_url_is_taken_as_it_is() -> None:
    assert convert(File, "s3://bucket/key").path == "s3://bucket/key"


def test_a_file_url_is_a_path(folder: Path) -> None:
    assert convert(File, f"file://{folder}/data.csv").path == str(folder / "data.csv")


def test_the_home_folder_has_its_short_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert convert(File, "~/data.csv").path == str(folder / "data.csv")


def test_files_inside_of_json(folder: Path) -> None:
    assert [made.path for made in convert(list[File[str]], '["data.csv"]')] == [str(folder / "data.csv")]
    assert convert(Both, '{"file": "data.csv"}').file.path == str(folder / "data.csv")
    assert convert(dict[str, File[str]], '{"a": {"path": "data.csv"}}')["a"].path == str(folder / "data.csv")


def test_text_that_is_no_path_stays_text_where_text_is_allowed() -> None:
    assert convert(File | str, "not there") == "not there"


@pytest.mark.parametrize(
    ("annotation", "text", "message"),
    [
        (File, "dat.csv", "there is no file 'dat.csv'; did you mean 'data.csv'"),
        (File, "nowhere/data.csv", "there is no file 'nowhere/data.csv' .nor a folder"),
        (File, "inner", "'inner' is a folder; this input takes a file"),
        (Dir, "data.csv", "'data.csv' is a file; this input takes a folder"),
        (Dir, "iner", "there is no folder 'iner'; did you mean 'inner'"),
        (DataFrame, "data.parquet", "there is no file 'data.parquet'"),
        (Both, '{"file": "dat.csv"}', r"at \.file: there is no file 'dat.csv'"),
    ],
)
def test_what_is_not_there_is_one_line(annotation: Any, text: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message) as caught:
        convert(annotation, text)
    assert "\n" not in caught.value.message
