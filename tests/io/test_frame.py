"""DataFrame, with frames of stand-ins: pandas and pyarrow are optional and not here in every test environment."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from localflyte.io import PARQUET
from localflyte.io import DataFrame
from localflyte.io import HashFunction
from localflyte.io.extend import DataFrameEncoder
from localflyte.io.extend import DataFrameTransformerEngine
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack


class Frame:
    """As much of a pandas.DataFrame as is used, kept as text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def to_parquet(self, path: str) -> None:
        Path(path).write_text(f"parquet {self.text}")

    def to_csv(self, path: str, *, index: bool) -> None:
        Path(path).write_text(f"csv {self.text}")


@pytest.fixture
def pandas(monkeypatch: pytest.MonkeyPatch) -> type[Frame]:
    def read(path: str) -> Frame:
        return Frame(Path(path).read_text())

    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=Frame, read_parquet=read, read_csv=read))  # type: ignore[arg-type]
    return Frame


def carry(value: DataFrame) -> Any:
    return unpack(codec_for(DataFrame), pack(codec_for(DataFrame), value))


def test_a_frame_in_memory_is_written_when_it_crosses(pandas: type[Frame]) -> None:
    back = carry(DataFrame.from_df(Frame("x")))
    assert back.format == PARQUET
    assert back.open(Frame).all_sync().text == "parquet x"
    assert anyio.run(back.open(Frame).all).text == "parquet x"


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


def test_a_key_may_be_given_or_computed(pandas: type[Frame]) -> None:
    assert DataFrame.from_local_sync(Frame("x"), hash_method="k").hash == "k"
    computed = anyio.run(DataFrame.from_local, Frame("x"), None, None, HashFunction.from_fn(lambda frame: frame.text))
    assert computed.hash == "x"


def test_open_comes_before_all() -> None:
    with pytest.raises(ValueError, match="No dataframe type set"):
        DataFrame(uri="/a").all_sync()


def test_a_frame_needs_content(pandas: type[Frame]) -> None:
    with pytest.raises(ValueError, match="neither"):
        DataFrame().open(Frame).all_sync()


MISSING: list[Any] = [
    lambda: DataFrame.from_local_sync(Frame("x"), columns={"a": int}),
    lambda: DataFrame("/a.parquet").open(dict).all_sync(),
    lambda: DataFrame("/a", format="orc").open(Frame).all_sync(),
    lambda: pack(codec_for(DataFrame), DataFrame.from_df({"a": 1})),
    lambda: anyio.run(DataFrame("/a").iter),
    lambda: DataFrame.from_df(Frame("x")).open(dict).all_sync(),
]


@pytest.mark.parametrize("use", MISSING)
def test_what_is_not_there_yet_says_so(use: Any, pandas: type[Frame]) -> None:
    with pytest.raises(NotImplementedError, match="not supported by localflyte yet"):
        use()


@pytest.mark.parametrize("use", [DataFrameEncoder, lambda: DataFrameTransformerEngine.register("handler")])
def test_handlers_of_ones_own_need_a_cluster(use: Any) -> None:
    with pytest.raises(NotImplementedError, match="protobuf"):
        use()


def test_a_table_fits_where_its_kind_of_frame_is_declared(pandas: type[Frame]) -> None:
    codec = codec_for(Frame)
    assert unpack(codec, pack(codec, DataFrame.from_df(Frame("x")))).text == "x"
