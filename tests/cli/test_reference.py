"""A path on the command line becomes a File, Dir or DataFrame."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
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


@dataclass
class Tables:
    one: DataFrame
    more: dict[str, DataFrame] = field(default_factory=dict)


@dataclass
class Deep:
    inner: Both
    more: list[Both] | None = None


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


def test_what_is_said_of_a_file_inside_of_json_is_kept(folder: Path) -> None:
    made = convert(dict[str, File[str]], '{"a": {"path": "data.csv", "name": "n", "format": "text", "hash": "k"}}')["a"]
    assert made == File(str(folder / "data.csv"), name="n", format="text", hash="k")
    far = convert(list[File[str]], '[{"path": "s3://bucket/key", "name": null}]')
    assert far == [File("s3://bucket/key")]


def test_tables_inside_of_json(folder: Path) -> None:
    here = str(folder / "data.csv")
    assert convert(list[DataFrame], '["s3://bucket/t.parquet", "data.csv"]') == [
        DataFrame("s3://bucket/t.parquet", "parquet"),
        DataFrame(here, "csv"),
    ]
    assert convert(Tables, '{"one": "data.csv"}') == Tables(DataFrame(here, "csv"))
    given = '{"one": {"uri": "data.csv", "format": "parquet"}, "more": {"a": {"uri": "s3://bucket/t"}}}'
    assert convert(Tables, given) == Tables(DataFrame(here, "parquet"), {"a": DataFrame("s3://bucket/t", "parquet")})


def test_files_lie_deep_in_json(folder: Path) -> None:
    made = convert(Deep, '{"inner": {"file": "data.csv"}, "more": [{"file": "s3://bucket/a", "folder": "inner"}]}')
    assert made.inner == Both(File(str(folder / "data.csv")))
    assert made.more == [Both(File("s3://bucket/a"), Dir(str(folder / "inner")))]


@pytest.mark.parametrize("parts", [None, ["b"]])
def test_a_folder_of_parquet_is_a_table(folder: Path, parts: list[str] | None) -> None:
    pandas = pytest.importorskip("pandas", reason="reads a pandas frame")
    pytest.importorskip("pyarrow", reason="writes parquet")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "x"]})
    frame.to_parquet(folder / "table" if parts else folder / "inner" / "part.parquet", partition_cols=parts)
    name = "table" if parts else "inner"
    assert sorted(convert(pandas.DataFrame, name)["a"]) == [1, 2, 3]
    assert len(convert(DataFrame, name).open(pandas.DataFrame).all_sync()) == 3


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
        (list[File], '[{"name": "n"}]', r'at \[0\]: expected File, got .*"name"'),
        (Tables, '{"one": {"uri": 3}}', r"at \.one: expected DataFrame"),
        (Both, '{"file": "dat.csv"}', r"at \.file: there is no file 'dat.csv'"),
    ],
)
def test_what_is_not_there_is_one_line(annotation: Any, text: str, message: str) -> None:
    with pytest.raises(click.BadParameter, match=message) as caught:
        convert(annotation, text)
    assert "\n" not in caught.value.message
