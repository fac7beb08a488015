"""Handlers that programs register: which is found, that it is really used, and what is said where one is missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated
from typing import Any

import anyio
import pytest
from programs import handled
from programs.handled import PartsDecoder
from programs.handled import Sheet
from programs.handled import SheetDecoder
from programs.handled import SheetEncoder

import localflyte as flyte
from localflyte.io import DataFrame
from localflyte.io.extend import DataFrameDecoder
from localflyte.io.extend import DataFrameEncoder
from localflyte.io.extend import DataFrameTransformerEngine as Engine
from localflyte.io.handlers import decoders
from localflyte.io.handlers import encoders
from localflyte.types.codec import codec_for
from localflyte.types.codec import forget
from localflyte.types.frames import HANDLED
from localflyte.types.packing import pack
from localflyte.types.packing import unpack

ROWS = [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


class Other:
    """A class of tables that has no handlers before a test gives it some."""


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    kept = [(each, deepcopy(each.handlers)) for each in (encoders, decoders)]
    defaults = [(each, dict(each.formats), dict(each.protocols)) for each in (encoders, decoders)]
    kinds = set(HANDLED)
    yield
    for each, handlers in kept:
        each.handlers.clear()
        each.handlers.update(handlers)
    for each, formats, protocols in defaults:
        for known, before in ((each.formats, formats), (each.protocols, protocols)):
            known.clear()
            known.update(before)
    HANDLED.clear()
    HANDLED.update(kinds)
    forget()


def cross(value: Any, annotation: Any) -> Any:
    return unpack(codec_for(annotation), pack(codec_for(annotation), value))


def test_a_table_of_ones_own_goes_from_task_to_task() -> None:
    assert flyte.run(handled.main, rows=3).outputs()[0] == [3, 1]


def test_it_crosses_as_a_file_in_the_format_of_its_handler() -> None:
    packed = pack(codec_for(Sheet), Sheet(ROWS))
    (ref,) = packed.refs
    assert (ref.kind, ref.format) == ("file", "lines")
    assert Path(ref.path).read_text().count("\n") == 2
    assert unpack(codec_for(Sheet), packed).rows == ROWS


@dataclass
class Kept:
    sheet: Sheet
    more: dict[str, list[Sheet]]


def test_it_crosses_inside_of_structures() -> None:
    back = cross(Kept(Sheet(ROWS), {"a": [Sheet(ROWS[:1])]}), Kept)
    assert (back.sheet.rows, back.more["a"][0].rows) == (ROWS, ROWS[:1])


def test_what_derives_from_its_class_is_written_too() -> None:
    class Special(Sheet):
        pass

    assert cross(Special(ROWS), Sheet).rows == ROWS


def test_declared_columns_are_told_to_the_decoder() -> None:
    assert cross(Sheet(ROWS), Annotated[Sheet, {"a": int}]).rows == [{"a": 1}, {"a": 2}]


def test_a_declared_format_chooses_the_handlers() -> None:
    seen: list[str] = []

    class Encoder(SheetEncoder):
        async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
            seen.append(structured_dataset_type.format)
            return SimpleNamespace(uri=await super().encode(dataframe, structured_dataset_type))

    Engine.register(Encoder(Sheet, supported_format="other"))
    Engine.register(SheetDecoder(Sheet, supported_format="other"))
    packed = pack(codec_for(Annotated[Sheet, "other"]), Sheet(ROWS))
    assert (packed.refs[0].format, seen) == ("other", ["other"])
    assert unpack(codec_for(Annotated[Sheet, "other"]), packed).rows == ROWS


def test_a_wrapped_table_is_written_where_it_says(tmp_path: Path) -> None:
    table = DataFrame.from_df(Sheet(ROWS), uri=str(tmp_path / "sheet"))
    back = cross(table, DataFrame)
    assert back.uri == str(tmp_path / "sheet")
    assert anyio.run(back.open(Sheet).all).rows == ROWS
    assert [part.rows for part in back.open(Sheet).iter()] == [ROWS]
    assert DataFrame.from_df(Sheet(ROWS)).choose(["a"]).open(Sheet).all_sync().rows == ROWS


def test_a_decoder_may_give_parts() -> None:
    Engine.register(PartsDecoder(Sheet, supported_format="lines"), override=True)
    back = cross(DataFrame.from_df(Sheet(ROWS)), DataFrame)
    assert [part.rows for part in back.open(Sheet).iter()] == [ROWS[:1], ROWS[1:]]

    class Plain(SheetDecoder):
        async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
            return iter([1, 2])

    Engine.register(Plain(Sheet, supported_format="lines"), override=True)
    assert list(back.open(Sheet).iter()) == [1, 2]


def test_a_table_may_live_elsewhere() -> None:
    places: dict[str, Sheet] = {}

    class Encoder(DataFrameEncoder[Sheet]):
        async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
            assert dataframe.uri is None, "only the handler knows the places of its protocol"
            places["memory://1"] = dataframe.val
            return "memory://1"

    class Decoder(DataFrameDecoder[Sheet]):
        async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
            return places[flyte_value.uri]

    Engine.register(Encoder(Sheet, "memory://"), default_for_type=True)
    Engine.register(Decoder(Sheet, "memory"), default_for_type=True)
    sheet = Sheet(ROWS)
    assert cross(sheet, Sheet) is sheet


def test_a_frame_of_pandas_may_have_a_further_format() -> None:
    pandas = pytest.importorskip("pandas", reason="the frames extra is not installed")

    class Encoder(DataFrameEncoder[Any]):
        async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
            dataframe.val.to_json(dataframe.uri)
            return dataframe.uri

    class Decoder(DataFrameDecoder[Any]):
        async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
            return pandas.read_json(flyte_value.uri)

    Engine.register(Encoder(pandas.DataFrame, supported_format="json"))
    Engine.register(Decoder(pandas.DataFrame, supported_format="json"))
    frame = pandas.DataFrame({"a": [1, 2]})
    packed = pack(codec_for(Annotated[pandas.DataFrame, "json"]), frame)
    assert packed.refs[0].format == "json"
    assert unpack(codec_for(pandas.DataFrame), packed).equals(frame)
    assert pack(codec_for(pandas.DataFrame), frame).refs[0].format == "parquet"
    with pytest.raises(TypeError, match="cannot be made a pandas"):
        DataFrame.from_df(Sheet(ROWS)).open(pandas.DataFrame).all_sync()


def test_flytes_own_protobuf_is_given_where_it_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Message(SimpleNamespace):
        DatasetColumn = SimpleNamespace

    given: list[Any] = []

    class Encoder(SheetEncoder):
        async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
            given.append(structured_dataset_type)
            return await super().encode(dataframe, structured_dataset_type)

    class Decoder(SheetDecoder):
        async def decode(self, flyte_value: Any, current_task_metadata: Any) -> Any:
            given.extend((flyte_value, current_task_metadata.structured_dataset_type))
            return await super().decode(flyte_value, current_task_metadata)

    monkeypatch.setitem(sys.modules, "flyteidl2.core.types_pb2", SimpleNamespace(StructuredDatasetType=Message))  # type: ignore[arg-type]
    literals = SimpleNamespace(StructuredDataset=Message, StructuredDatasetMetadata=Message)
    monkeypatch.setitem(sys.modules, "flyteidl2.core.literals_pb2", literals)  # type: ignore[arg-type]
    Engine.register(Encoder(Sheet, supported_format="lines"), override=True)
    Engine.register(Decoder(Sheet, supported_format="lines"), override=True)
    assert cross(Sheet(ROWS), Annotated[Sheet, {"b": str}]).rows == [{"b": "x"}, {"b": "y"}]
    assert [type(each) for each in given] == [Message] * 3


def test_an_encoder_has_to_say_where_it_wrote() -> None:
    class Silent(DataFrameEncoder[Sheet]):
        async def encode(self, dataframe: Any, structured_dataset_type: Any) -> Any:
            return None

    Engine.register(Silent(Sheet, supported_format="lines"), override=True)
    with pytest.raises(TypeError, match=r"Silent\.encode\(\) gave None, which has no uri"):
        pack(codec_for(Sheet), Sheet(ROWS))


def test_what_nothing_handles_is_told() -> None:
    with pytest.raises(ValueError, match="Sheet as 'orc' at 'file'.*DataFrameDecoder"):
        DataFrame("/a", format="orc").open(Sheet).all_sync()
    with pytest.raises(ValueError, match="Sheet as 'orc' at 'file'.*DataFrameEncoder"):
        pack(codec_for(Annotated[Sheet, "orc"]), Sheet(ROWS))
    with pytest.raises(TypeError, match="or of a class that has handlers, not a .*Other"):
        pack(codec_for(DataFrame), DataFrame.from_df(Other()))


def test_the_nearest_handler_is_found() -> None:
    places = [(None, "a"), (None, ""), ("gs", "a"), ("gs", ""), ("bq", "c")]
    one = {(protocol, form): SheetEncoder(Other, protocol, form) for protocol, form in places}
    with pytest.raises(ValueError, match="Failed to find a handler"):
        Engine.get_encoder(Other, "file", "a")
    Engine.register(one[None, "a"])
    assert Engine.get_encoder(Other, "file", "") is one[None, "a"], "the only one is as good as any"
    with pytest.raises(ValueError, match="Failed to find a handler"):
        Engine.get_encoder(Other, "file", "b")
    Engine.register(one["gs", "a"])
    Engine.register(one["bq", "c"], default_for_type=True)
    assert Engine.get_encoder(Other, "gs", "a") is one["gs", "a"]
    assert Engine.get_encoder(Other, "gs", "b") is one["gs", "a"]
    assert Engine.get_encoder(Other, "bq", "x") is one["bq", "c"], "the usual format of the class"
    Engine.register(one[None, ""])
    Engine.register(one["gs", ""])
    assert Engine.get_encoder(Other, "file", "b") is one[None, ""]
    assert Engine.get_encoder(Other, "gs", "b") is one["gs", ""]
    assert (Engine.DEFAULT_FORMATS[Other], Engine.DEFAULT_PROTOCOLS[Other]) == ("c", "bq")
    with pytest.raises(ValueError, match="Failed to find a handler"):
        Engine.get_decoder(Other, "file", "a")


def test_the_protocol_of_a_path_is_file() -> None:
    handler = SheetEncoder(Other, "/", "a")
    Engine.register(handler)
    assert Engine.ENCODERS[Other]["file"]["a"] is handler


def test_two_handlers_for_one_thing_are_an_error_unless_one_is_to_win() -> None:
    first, second = SheetEncoder(Other, "gs", "a"), SheetEncoder(Other, "gs://", "a")
    Engine.register(first, default_format_for_type=True)
    with pytest.raises(ValueError, match=r"a handler for Other, protocol 'gs' and format 'a' already: SheetEncoder; .*override=True"):
        Engine.register(second)
    Engine.register(second, override=True)
    assert Engine.get_encoder(Other, "gs", "a") is second
    general = SheetEncoder(Other, None, "a")
    Engine.register(general)
    Engine.register(SheetEncoder(Other, None, "a"))
    assert Engine.get_encoder(Other, "file", "a") is general, "for every place, the first one stays"


def test_what_cannot_be_registered_is_told() -> None:
    with pytest.raises(TypeError, match="We don't support this type of handler"):
        Engine.register(Other())
    with pytest.raises(ValueError, match="for every protocol, so it cannot be the default"):
        Engine.register(SheetEncoder(Other), default_for_type=True)
    nowhere = SheetEncoder(Other)
    nowhere._protocol = ""
    with pytest.raises(ValueError, match="Use None instead of empty string"):
        Engine.register(nowhere)
    with pytest.raises(TypeError, match="abstract"):
        DataFrameEncoder(Other)  # type: ignore[abstract]


def test_tables_are_shown_by_their_renderer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "Renderers", {})
    with pytest.raises(NotImplementedError, match="no renderer was registered for Sheet"):
        Engine().to_html(Sheet(ROWS), Sheet)
    Engine.register_renderer(Sheet, SimpleNamespace(to_html=lambda sheet: f"<p>{len(sheet.rows)}</p>"))
    assert Engine().to_html(Sheet(ROWS), Sheet) == "<p>2</p>"
    assert Engine().to_html(DataFrame.from_df(Sheet(ROWS)), DataFrame) == "<p>2</p>"
