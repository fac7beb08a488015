"""DataFrame, with frames of stand-ins: pandas and pyarrow are optional and not here in every test environment."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated
from typing import Any
from typing import NewType

import anyio
import pytest

from localflyte.io import PARQUET
from localflyte.io import DataFrame
from localflyte.io import HashFunction
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError


class Frame:
    """As much of a pandas.DataFrame as is used, kept as text."""

    def __init__(self, text: str, columns: Any = None) -> None:
        self.text = text
        self.columns = columns

    def to_parquet(self, path: str) -> None:
        if self.text == "mixed":
            raise ValueError("column a holds several types")
        Path(path).write_text(f"parquet {self.text}")

    def to_csv(self, path: str, *, index: bool) -> None:
        Path(path).write_text(f"csv {self.text}")

    def __getitem__(self, columns: list[str]) -> Frame:
        return Frame(self.text, columns)


Frame.__name__ = "DataFrame"


def read(path: str, columns: Any = None, usecols: Any = None) -> Frame:
    return Frame(Path(path).read_text(), columns or usecols)


@pytest.fixture
def pandas(monkeypatch: pytest.MonkeyPatch) -> type[Frame]:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame, read_parquet=read, read_csv=read))  # type: ignore[arg-type]
    monkeypatch.setattr("localflyte.io.tables._need_pyarrow", lambda: None)
    monkeypatch.setattr("localflyte.types.codec._codecs", {})
    return Frame


def carry(value: Any, annotation: Any = DataFrame) -> Any:
    return unpack(codec_for(annotation), pack(codec_for(annotation), value))


def test_a_frame_in_memory_is_written_when_it_crosses(pandas: type[Frame]) -> None:
    back = carry(DataFrame.from_df(Frame("x")))
    assert back.format == PARQUET
    assert back.open(Frame).all_sync().text == "parquet x"
    assert anyio.run(back.open(Frame).all).text == "parquet x"


def test_a_frame_that_crosses_twice_is_two_files(pandas: type[Frame]) -> None:
    table = DataFrame.from_df(Frame("x"))
    first = carry(table)
    table.val.text = "y"
    second = carry(table)
    assert [back.open(Frame).all_sync().text for back in (first, second)] == ["parquet x", "parquet y"]


def test_a_file_that_somebody_reads_stays_what_it_was(pandas: type[Frame], tmp_path: Path) -> None:
    carry(DataFrame.wrap_df(Frame("x"), uri=str(tmp_path / "t")))
    with (tmp_path / "t").open() as reader:
        carry(DataFrame.wrap_df(Frame("y"), uri=str(tmp_path / "t")))
        assert reader.read() == "parquet x"
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_what_could_not_be_written_leaves_nothing_behind(pandas: type[Frame], tmp_path: Path) -> None:
    with pytest.raises(ValueRefusedError):
        carry(DataFrame.wrap_df(Frame("mixed"), uri=str(tmp_path / "t")))
    assert list(tmp_path.iterdir()) == []


def test_the_ending_of_the_uri_decides_the_format(pandas: type[Frame], tmp_path: Path) -> None:
    back = carry(DataFrame.wrap_df(Frame("x"), uri=str(tmp_path / "a.csv")))
    assert back.uri == str(tmp_path / "a.csv")
    assert back.open(Frame).all_sync().text == "csv x"


def test_a_frame_in_memory_is_given_as_it_is(pandas: type[Frame]) -> None:
    frame = Frame("x")
    assert DataFrame.from_df(frame).open(Frame).all_sync() is frame


def test_a_table_that_is_there_is_a_reference(tmp_path: Path) -> None:
    (tmp_path / "table").mkdir()
    packed = pack(codec_for(DataFrame), DataFrame.from_existing_remote(str(tmp_path / "table"), format="parquet", hash="k"))
    assert [tuple(ref) for ref in packed.refs] == [("dir", str(tmp_path / "table"), "k", "table", "parquet")]


def test_a_table_elsewhere_crosses_unread_as_it_is_declared() -> None:
    """No one looks whether it is there. What it says of its format wins over the annotation, and the annotation over the ending."""
    for table, declared, form in (
        (DataFrame.from_existing_remote("s3://b/none.parquet", format="parquet"), DataFrame, "parquet"),
        (DataFrame.from_existing_remote("s3://b/none.parquet"), DataFrame, "parquet"),
        (DataFrame.from_existing_remote("s3://b/none.parquet"), Annotated[DataFrame, {}, "mine"], "mine"),
        (DataFrame.from_existing_remote("s3://b/none.parquet", format="parquet"), Annotated[DataFrame, "mine"], "parquet"),
    ):
        said = table.format
        back = carry(table, declared)
        assert (back.uri, back.format, table.format) == ("s3://b/none.parquet", form, said)


def test_what_an_annotation_says_does_not_make_the_table() -> None:
    noted: Any = Annotated[DataFrame, "parquet"]
    made = noted.from_df(Frame("x"), uri="/path")
    assert (made.format, made.uri) == ("", "/path")


def test_a_key_may_be_given_or_computed(pandas: type[Frame]) -> None:
    assert DataFrame.from_local_sync(Frame("x"), hash_method="k").hash == "k"
    computed = anyio.run(DataFrame.from_local, Frame("x"), None, None, HashFunction.from_fn(lambda frame: frame.text))
    assert computed.hash == "x"


def test_open_comes_before_all_and_iter() -> None:
    with pytest.raises(ValueError, match="No dataframe type set"):
        DataFrame(uri="/a").all_sync()
    with pytest.raises(ValueError, match="No dataframe type set"):
        DataFrame(uri="/a").iter()


def test_a_frame_needs_content(pandas: type[Frame]) -> None:
    with pytest.raises(ValueError, match="neither"):
        DataFrame().open(Frame).all_sync()


def test_a_table_of_nothing_is_refused_where_it_is_passed() -> None:
    with pytest.raises(ValueRefusedError, match="neither a frame nor a uri"):
        pack(codec_for(DataFrame), DataFrame())


def test_a_frame_is_carried_as_a_file_wherever_it_is_declared(pandas: type[Frame]) -> None:
    annotation = dict[str, list[Frame | None]]
    packed = pack(codec_for(annotation), {"a": [Frame("x"), None]})
    assert [(ref.kind, ref.format) for ref in packed.refs] == [("file", "parquet")]
    back = unpack(codec_for(annotation), packed)
    assert [frame and frame.text for frame in back["a"]] == ["parquet x", None]


def test_an_annotation_says_format_and_columns(pandas: type[Frame]) -> None:
    back = carry(Frame("x"), Annotated[Frame, {"a": int, "b": str}, "csv"])
    assert (back.text, back.columns) == ("csv x", ["a", "b"])


def test_an_annotation_says_format_and_columns_of_a_table_too(pandas: type[Frame]) -> None:
    back = carry(DataFrame.from_df(Frame("x")), Annotated[DataFrame, {"a": {"b": int}}, "csv"])
    assert back.format == "csv"
    frame = back.open(Frame).all_sync()
    assert (frame.text, frame.columns) == ("csv x", ["a.b"])


def test_a_name_for_an_annotated_table_says_what_the_annotation_says(pandas: type[Frame]) -> None:
    back = carry(Frame("x"), NewType("Named", Annotated[Frame, {"a": int}, "csv"]))  # type: ignore[valid-newtype]
    assert (back.text, back.columns) == ("csv x", ["a"])


def test_a_class_says_columns_too(pandas: type[Frame]) -> None:
    @dataclass
    class Inner:
        b: int

    class Columns:
        a: Inner
        c: str

    Columns.__annotations__ = {"a": Inner, "c": str}
    Inner.__annotations__ = {"b": int}
    assert carry(Frame("x"), Annotated[Frame, Columns]).columns == ["a.b", "c"]


def test_columns_are_chosen_of_a_frame_in_memory(pandas: type[Frame]) -> None:
    assert DataFrame.from_df(Frame("x")).choose(["a"]).open(Frame).all_sync().columns == ["a"]


@pytest.mark.parametrize(
    "kind",
    [bool, int, float, str, datetime, timedelta, list[int], dict[str, list[float]], {"b": int}, SimpleNamespace(__module__="numpy"), "int"],
)
def test_a_column_may_be_what_flyte_describes(kind: Any, pandas: type[Frame]) -> None:
    assert codec_for(Annotated[Frame, {"a": kind}]).line.startswith("frame:pandas.DataFrame<a")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": None}, "column 'a' of a table is declared as None, which Flyte does not describe; write bool, int, .*numpy"),
        ({"a": {"b": bytes}}, r"column 'a\.b' of a table is declared as bytes"),
        ({"a": list[Any]}, "column 'a' of a table is declared as .*Any"),
        ({"a": int | None}, "column 'a' of a table is declared as .*None"),
    ],
)
@pytest.mark.parametrize("kind", ["pandas", "wrapper"])
def test_another_column_is_refused_where_it_is_declared(columns: Any, message: str, kind: str, pandas: type[Frame]) -> None:
    with pytest.raises(AssertionError, match=message):
        codec_for(Annotated[Frame if kind == "pandas" else DataFrame, columns])


def test_types_that_differ_in_columns_or_format_are_two(pandas: type[Frame]) -> None:
    kinds = [Frame, Annotated[Frame, "csv"], Annotated[Frame, {"a": int}], Annotated[Frame, HashFunction.from_fn(str)], DataFrame]
    assert len({codec_for(kind).line for kind in kinds}) == len(kinds)


def test_a_key_in_the_annotation_counts_instead_of_the_content(pandas: type[Frame]) -> None:
    codec = codec_for(Annotated[Frame, HashFunction.from_fn(lambda frame: frame.text)])
    assert pack(codec, Frame("x")).refs[0].hash == "x"
    assert pack(codec, DataFrame.from_df(Frame("y"))).refs[0].hash == "y"
    assert pack(codec, DataFrame.from_local_sync(Frame("y"), hash_method="mine")).refs[0].hash == "mine"


@pytest.mark.parametrize("kind", [Frame, DataFrame])
def test_a_frame_that_has_changed_has_another_key(kind: Any, pandas: type[Frame]) -> None:
    codec = codec_for(Annotated[kind, HashFunction.from_fn(lambda frame: frame.text)])
    table = DataFrame.from_df(Frame("x"))
    first = pack(codec, table).refs[0].hash
    table.val.text = "y"
    assert (first, pack(codec, table).refs[0].hash) == ("x", "y")


def test_a_method_with_annotations_of_its_own_names_no_columns(pandas: type[Frame]) -> None:
    class Method:
        key: str = "k"

        def update(self, data: Any, /) -> None:
            pass

        def result(self) -> str:
            return self.key

    codec = codec_for(Annotated[Frame, Method()])
    assert pack(codec, Frame("x")).refs[0].hash == "k"
    assert codec.line == "keyed:frame:pandas.DataFrame"


def test_a_class_derived_from_a_frame_is_more_than_its_table(pandas: type[Frame]) -> None:
    class Map(Frame):
        pass

    assert codec_for(Map).line.startswith("any:")


def test_a_table_is_gone_through_in_parts(pandas: type[Frame], tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x")

    async def collect(table: DataFrame) -> list[str]:
        return [part.text async for part in await table.open(Frame).iter()]

    assert anyio.run(collect, DataFrame(str(tmp_path / "a.csv"))) == ["x"]
    assert anyio.run(collect, DataFrame.from_df(Frame("y"))) == ["y"]
    assert [part.text for part in DataFrame(str(tmp_path / "a.csv")).open(Frame).iter()] == ["x"]


def test_a_csv_folder_of_flyte_is_read(pandas: type[Frame], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x")
    assert DataFrame(str(tmp_path), "csv").open(Frame).all_sync().text == "x"


def test_what_a_format_cannot_hold_is_refused_where_it_is_passed(pandas: type[Frame]) -> None:
    with pytest.raises(ValueRefusedError, match=r"cannot be written as parquet: column a holds several types\. Give each column"):
        pack(codec_for(Frame), Frame("mixed"))


def test_other_values_are_refused_where_a_frame_is_declared(pandas: type[Frame]) -> None:
    with pytest.raises(TypeTransformerFailedError, match=r"expected pandas\.DataFrame, got str \('x'\)"):
        pack(codec_for(Frame), "x")
    with pytest.raises(TypeTransformerFailedError, match="expected DataFrame, got"):
        pack(codec_for(DataFrame), Frame("x"))


WRONG: list[Any] = [
    (TypeError, r"open\(\) takes pandas", lambda: DataFrame("/a.parquet").open(dict).all_sync()),
    (TypeError, r"open\(\) takes pandas", lambda: DataFrame.from_df(Frame("x")).open(dict).all_sync()),
    (TypeError, "holds a frame of pandas", lambda: pack(codec_for(DataFrame), DataFrame.from_df({"a": 1}))),
    (TypeError, "holds a frame of pandas", lambda: DataFrame.from_df({"a": 1}).open(Frame).all_sync()),
    (ValueError, "as 'orc' at 'file': localflyte itself reads and writes", lambda: DataFrame("/a", format="orc").open(Frame).all_sync()),
]


@pytest.mark.parametrize(("kind", "message", "use"), WRONG)
def test_what_is_no_frame_or_no_format_is_told(kind: type[Exception], message: str, use: Any, pandas: type[Frame]) -> None:
    with pytest.raises(kind, match=message):
        use()


def test_a_missing_package_is_named_with_the_way_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame, read_parquet=read))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("localflyte.types.codec._codecs", {})
    with pytest.raises(ImportError, match=r"pip install 'localflyte\[frames\]'"):
        pack(codec_for(Frame), Frame("x"))


def test_a_table_has_no_notes_of_a_cluster() -> None:
    table = DataFrame.from_local_sync(Frame("x"), columns={"a": int})
    assert (table.metadata, table.literal, table.columns(), table.column_names()) == (None, None, {}, [])


def test_a_table_fits_where_its_kind_of_frame_is_declared(pandas: type[Frame]) -> None:
    codec = codec_for(Frame)
    assert unpack(codec, pack(codec, DataFrame.from_df(Frame("x")))).text == "parquet x"
