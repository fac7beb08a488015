"""Large pickles lie in files beside the data, as Flyte carries them: they count as references, wherever in a value they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from typing import Any

import pytest

from localflyte.api.context import activate
from localflyte.api.context import enter
from localflyte.io import File
from localflyte.io import HashFunction
from localflyte.spec.digest import sha256
from localflyte.types import filed
from localflyte.types.codec import codec_for
from localflyte.types.opaque import dumps
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.scope import round_trip


class Bulk(bytearray):
    """As an array is: much memory of its own, and no form of ours."""


class Shallow:
    """An object that sys.getsizeof finds small, whatever it holds."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shallow) and other.content == self.content

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Box:
    bulk: Bulk
    file: File
    more: dict[str, list[Any]]


LARGE = Bulk(b"x" * filed.LARGE)


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> Iterator[Path]:
    """Where the running task keeps its data."""
    enter({"raw_data_path": str(tmp_path / "raw"), "run_base_dir": str(tmp_path / "run")})
    yield tmp_path / "raw"
    activate(None)


@pytest.mark.parametrize("kind", [Bulk, Any, object, Bulk | int])
def test_a_large_one_is_a_file(kind: Any, data: Path) -> None:
    packed = pack(codec_for(kind), LARGE)
    (ref,) = packed.refs
    assert (ref.kind, ref.format, ref.hash) == ("file", "pickle", sha256(dumps(LARGE)))
    assert Path(ref.path).is_relative_to(data)
    assert packed.inline_bytes < 1000
    back = unpack(codec_for(kind), packed)
    assert (type(back), back) == (Bulk, LARGE)


@pytest.mark.parametrize("value", [Bulk(b"x" * 1000), Bulk(b"x" * (filed.LARGE - 1000)), Shallow(b"x" * 2 * filed.LARGE)])
def test_what_is_small_or_what_flyte_does_not_find_large_lies_in_the_data(value: Any) -> None:
    packed = pack(codec_for(type(value)), value)
    assert packed.refs == ()
    assert unpack(codec_for(type(value)), packed) == value


@pytest.mark.parametrize("kind", [bytes, bytes | None, Any])
def test_bytes_alone_are_a_file_where_they_are_large(kind: Any) -> None:
    large = b"\xcb\xff\xff" * filed.LARGE_BYTES
    first, second = (pack(codec_for(kind), large, canonical=True) for _ in range(2))
    assert [(ref.hash, ref.format) for ref in first.refs] == [(sha256(large), "bytes")]
    assert (first.data, first.canonical) == (second.data, second.canonical)
    assert unpack(codec_for(kind), first) == large
    small = pack(codec_for(kind), b"x" * filed.LARGE_BYTES)
    assert small.refs == ()
    with pytest.raises(ValueError, match="lies in its only file, but it came with 0"):
        unpack(codec_for(kind), first._replace(refs=()))


def test_bytes_among_others_count_whole() -> None:
    value = [b"x" * 2 * filed.LARGE_BYTES]
    packed = pack(codec_for(list[bytes]), value)
    assert packed.refs == ()
    assert unpack(codec_for(list[bytes]), packed) == value


def test_each_is_a_file_of_its_own_wherever_it_is() -> None:
    value = Box(LARGE, File("/a"), {"a": [Bulk(b"y" * filed.LARGE), 1], "b": [LARGE]})
    packed = pack(codec_for(Box), value)
    assert [ref.format for ref in packed.refs] == ["pickle", "", "pickle", "pickle"]
    assert packed.inline_bytes < 1000
    assert unpack(codec_for(Box), packed) == value


def test_equal_ones_count_alike_wherever_they_lie() -> None:
    first, second = (pack(codec_for(list[Any]), [LARGE], canonical=True) for _ in range(2))
    assert (first.data, first.canonical, first.refs[0].hash) == (second.data, second.canonical, second.refs[0].hash)
    assert first.refs[0].path != second.refs[0].path
    assert pack(codec_for(list[Any]), [Bulk(b"y" * filed.LARGE)]).refs[0].hash != first.refs[0].hash


def test_a_hash_method_is_all_that_counts_all_the_same() -> None:
    codec = codec_for(list[Annotated[Bulk, HashFunction.from_fn(lambda bulk: str(len(bulk)))]])
    value = [LARGE, Bulk(b"y" * filed.LARGE)]
    packed = pack(codec, value)
    assert [ref.hash for ref in packed.refs] == [str(filed.LARGE)] * 2
    assert unpack(codec, packed) == value


def test_where_a_task_keeps_its_data_elsewhere_it_stays_in_the_data() -> None:
    enter({"raw_data_path": "s3://bucket/raw"})
    for kind, value in ((Bulk, LARGE), (bytes, b"x" * 2 * filed.LARGE_BYTES)):
        packed = pack(codec_for(kind), value)
        assert packed.refs == ()
        assert unpack(codec_for(kind), packed) == value


def test_what_is_converted_without_being_packed_is_no_file(data: Path) -> None:
    assert round_trip(codec_for(Bulk), LARGE) == LARGE
    assert filed.unpickled(filed.pickled(LARGE)) == LARGE


def test_one_that_came_without_its_file_is_an_error() -> None:
    packed = pack(codec_for(Bulk), LARGE)
    with pytest.raises(ValueError, match="points to reference 0"):
        unpack(codec_for(Bulk), packed._replace(refs=()))
