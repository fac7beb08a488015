"""Tables of pandas, pyarrow and polars themselves, where they are installed."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import make_dataclass
from pathlib import Path
from typing import Annotated
from typing import Any

import pytest

from localflyte.io import DataFrame
from localflyte.types.codec import codec_for
from localflyte.types.interface import Interface
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import ValueRefusedError

pd = pytest.importorskip("pandas", reason="the frames extra is not installed")
pa = pytest.importorskip("pyarrow", reason="the frames extra is not installed")
pl = pytest.importorskip("polars", reason="polars is not installed")

ROWS = {"a": [1, 2, 3], "b": ["x", None, "ö"], "c": [0.5, float("nan"), -1.0]}
KINDS = {
    "pandas": (pd.DataFrame, lambda: pd.DataFrame(ROWS, index=["p", "q", "r"])),
    "pyarrow": (pa.Table, lambda: pa.table(ROWS)),
    "polars": (pl.DataFrame, lambda: pl.DataFrame(ROWS, strict=False)),
    "lazy polars": (pl.LazyFrame, lambda: pl.LazyFrame(ROWS, strict=False)),
}


def carry(value: Any, annotation: Any) -> Any:
    return unpack(codec_for(annotation), pack(codec_for(annotation), value))


def rows(frame: Any) -> list[Any]:
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    table = frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame) if isinstance(frame, pd.DataFrame) else frame.to_arrow()
    return [[repr(cell) if cell == cell else "nan" for cell in table[name].to_pylist()] for name in ("a", "b")]


@pytest.mark.parametrize("case", KINDS)
def test_a_frame_arrives_as_what_it_was(case: str) -> None:
    kind, make = KINDS[case]
    back = carry(make(), kind)
    assert isinstance(back, kind)
    assert rows(back) == rows(make())


def test_the_index_of_pandas_arrives() -> None:
    assert list(carry(KINDS["pandas"][1](), pd.DataFrame).index) == ["p", "q", "r"]


@pytest.mark.parametrize("given", KINDS)
@pytest.mark.parametrize("wanted", KINDS)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_table_is_opened_as_any_kind(given: str, wanted: str, form: str, tmp_path: Path) -> None:
    table = DataFrame.from_df(KINDS[given][1](), uri=str(tmp_path / f"t.{form}"))
    assert isinstance(table.open(KINDS[wanted][0]).all_sync(), KINDS[wanted][0])
    back = carry(table, DataFrame)
    frame = back.open(KINDS[wanted][0]).all_sync()
    assert isinstance(frame, KINDS[wanted][0])
    assert rows(frame)[0] == ["1", "2", "3"]


@pytest.mark.parametrize("case", KINDS)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_only_the_columns_of_an_annotation_are_read(case: str, form: str) -> None:
    kind, make = KINDS[case]
    back = carry(make(), Annotated[kind, {"b": str}, form])
    names = back.collect_schema().names() if case == "lazy polars" else list(getattr(back, "column_names", None) or back.columns)
    assert names == ["b"]


@pytest.mark.parametrize("case", KINDS)
def test_equal_frames_are_equal_files(case: str) -> None:
    kind, make = KINDS[case]
    first, second = (Path(pack(codec_for(kind), make()).refs[0].path).read_bytes() for _ in range(2))
    assert first == second


def test_frames_lie_in_structures_too() -> None:
    @dataclass
    class Box:
        frame: pd.DataFrame
        more: dict[str, list[pa.Table]]

    back = carry(Box(KINDS["pandas"][1](), {"x": [KINDS["pyarrow"][1]()]}), Box)
    assert rows(back.frame) == rows(back.more["x"][0])


def test_tables_with_notes_lie_in_models_too() -> None:
    pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")
    noted = Annotated[DataFrame, "parquet", {"a": int}]
    inner = pydantic.create_model(
        "Inner", one=(DataFrame, ...), more=(list[Annotated[DataFrame, "parquet"]], ...), by_name=(dict[str, noted], ...)
    )
    model = pydantic.create_model("Outer", table=(noted, ...), inner=(inner, ...))
    table = DataFrame.from_df(KINDS["pandas"][1]())
    back = carry(model(table=table, inner=inner(one=table, more=[table], by_name={"a": table})), model)
    for each in (back.table, back.inner.one, back.inner.more[0], back.inner.by_name["a"]):
        assert each.format == "parquet"
        assert list(each.open(pd.DataFrame).all_sync()["a"]) == [1, 2, 3]


def test_tables_with_notes_lie_in_checked_dataclasses_too() -> None:
    pydantic = pytest.importorskip("pydantic", reason="the models extra is not installed")

    inner: Any = pydantic.dataclasses.dataclass(
        make_dataclass("Inner", [("one", DataFrame), ("more", list[Annotated[DataFrame, "parquet"]])])
    )
    fields: Any = [("table", Annotated[DataFrame, "parquet", {"a": int}]), ("inner", inner)]
    outer: Any = pydantic.dataclasses.dataclass(make_dataclass("Outer", fields))
    table = DataFrame.from_df(KINDS["pandas"][1]())
    back = carry(outer(table, inner(table, [table])), outer)
    for each in (back.table, back.inner.one, back.inner.more[0]):
        assert each.format == "parquet"
        assert list(each.open(pd.DataFrame).all_sync()["a"]) == [1, 2, 3]


@pytest.mark.parametrize("case", KINDS)
def test_a_frame_may_be_a_default(case: str) -> None:
    kind, make = KINDS[case]

    def task(table=make()):  # type: ignore[no-untyped-def]
        return table

    task.__annotations__ = {"table": kind}
    interface = Interface.from_function(task, task="env.task")
    packed = interface.encode_inputs(interface.bind((), {}, task="env.task"), task="env.task")
    assert rows(interface.decode_inputs(packed, task="env.task")["table"]) == rows(make())


@pytest.mark.parametrize("case", KINDS)
def test_parts_are_the_table(case: str) -> None:
    kind, make = KINDS[case]
    back = carry(DataFrame.from_df(make()), DataFrame)
    assert [rows(part) for part in back.open(kind).iter()] == [rows(make())]


def test_folders_of_parts_are_tables(tmp_path: Path) -> None:
    for part in ("00000", "00001"):
        KINDS["pandas"][1]().to_parquet(tmp_path / part)
    table = DataFrame.from_existing_remote(str(tmp_path), format="parquet")
    for kind, _ in KINDS.values():
        frame = table.open(kind).all_sync()
        assert len(rows(frame)[0]) == 6


def test_a_table_is_written_to_where_fsspec_writes() -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    table = DataFrame.from_df(KINDS["pandas"][1](), uri="memory://tables/t.parquet")
    back = carry(table, DataFrame)
    assert back.uri == "memory://tables/t.parquet"
    for kind, _ in KINDS.values():
        assert rows(back.open(kind).all_sync())[0] == ["1", "2", "3"]


def test_columns_of_several_types_are_refused() -> None:
    with pytest.raises(ValueRefusedError, match="cannot be written as parquet"):
        pack(codec_for(pd.DataFrame), pd.DataFrame({"a": [1, "x"]}))
