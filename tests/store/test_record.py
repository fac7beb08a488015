"""A record is what was packed for this key, or an error: every field of it may have been written by somebody else."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.spec.packed import Ref
from localflyte.store.keys import SCHEMA
from localflyte.store.keys import Key
from localflyte.store.record import DamagedRecordError
from localflyte.store.record import OtherSchemaError
from localflyte.store.record import Record
from localflyte.store.record import StoredRef
from localflyte.store.record import StoredValue
from localflyte.store.record import pack_code
from localflyte.store.record import pack_record
from localflyte.store.record import unpack_code
from localflyte.store.record import unpack_record

KEY = Key("a" * 64, "t", {"task": "t"}, shown={"x": b"\x01"})
DIGEST = "b" * 64
REF = Ref("dir", "/x/y", "", "name", "")
STORED = [
    StoredValue(b"\x01", b"", []),
    StoredValue(DIGEST, b"canon", []),
    StoredValue(b"\x02", b"", [StoredRef(REF, "dir", [(b"a/\xff", DIGEST, True)], [b"a", b"e"])]),
    StoredValue(b"\x03", b"", [StoredRef(REF, "file", [(b"", DIGEST, False)], [])]),
]


def record(**changes: Any) -> bytes:
    words = {"task": "t", "code": "", "run": "r", "action": "a0", "scope": "s"}
    fields = {"schema": SCHEMA, "key": KEY.digest, "outputs": [], "parts": {}, "shown": {}, "made": time.time(), "seconds": 0.5}
    fields = {**fields, **words, **changes}
    body = msgpack.packb(fields)
    return hashlib.sha256(body).digest() + body


def packed() -> bytes:
    return pack_record(KEY, STORED, run="r", action="a0", seconds=1.5, code="c" * 64)


def plain(value: Any) -> Any:
    return [plain(part) for part in value] if isinstance(value, list | tuple) else value


def test_what_was_packed_comes_back() -> None:
    found = unpack_record(packed(), KEY.digest)
    assert plain(found.outputs) == plain(STORED)
    assert found.blobs == {DIGEST}
    assert found._replace(outputs=[], made=0.0) == Record(KEY.digest, "t", {"task": "t"}, {"x": b"\x01"}, "c" * 64, [], 0.0, "r", "a0", 1.5)


def test_only_plain_values_come_from_the_record_alone() -> None:
    assert [value.as_packed is not None for value in STORED] == [True, False, False, False]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_damaged(data: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        unpack_record(data, KEY.digest)


@given(st.data())
def test_any_flipped_bit_is_damage(data: st.DataObject) -> None:
    value = bytearray(packed())
    value[data.draw(st.integers(0, len(value) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DamagedRecordError):
        unpack_record(bytes(value), KEY.digest)


@pytest.mark.parametrize(
    "value",
    [
        record(key="c" * 64),
        record(task=1),
        record(parts=None),
        record(parts={"x": 1}),
        record(shown={"x": "text"}),
        record(made="yesterday"),
        record(made=float("nan")),
        record(made="-inf"),
        record(seconds=float("inf")),
        record(outputs=[[b"", b"", [[["file", "/etc/passwd", "", "", ""], "elsewhere", [], []]]]]),
        record(outputs=[[b"", b"", [[["dir", "file:///etc", "", "", ""], "elsewhere", [], []]]]]),
        record(outputs=None),
        record(outputs={}),
        record(outputs=[1]),
        record(outputs=[[b"", b""]]),
        record(outputs=[[1, b"", []]]),
        record(outputs=[["../../etc/passwd", b"", []]]),
        record(outputs=[["A" * 64, b"", []]]),
        record(outputs=[[b"", "text", []]]),
        record(outputs=[[b"", b"", [1]]]),
        record(outputs=[[b"", b"", [[["file"], "file", [], []]]]]),
        record(outputs=[[b"", b"", [[[1, 2, 3, 4, 5], "file", [[b"", DIGEST, False]], []]]]]),
        record(outputs=[[b"", b"", [[list(REF), "link", [], []]]]]),
        record(outputs=[[b"", b"", [[list(REF), "file", [], []]]]]),
        record(outputs=[[b"", b"", [[list(REF), "file", [[b"../x", DIGEST, False]], []]]]]),
        record(outputs=[[b"", b"", [[list(REF), "dir", [[b"x", "../../etc/passwd", False]], []]]]]),
        record(outputs=[[b"", b"", [[list(REF), "dir", [[b"x", DIGEST, 1]], []]]]]),
        hashlib.sha256(b"\xc1").digest() + b"\xc1",
        hashlib.sha256(b"").digest(),
    ],
)
def test_a_record_of_another_shape_is_damaged(value: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        unpack_record(value, KEY.digest)


@pytest.mark.parametrize("name", [b"", b"/etc/passwd", b"../x", b"a/../../x", b"a//b", b".", b"a/.", b"a\0b", "text", b"a/"])
@pytest.mark.parametrize("place", ["files", "folders"])
def test_a_name_that_leads_out_of_its_folder_is_damage(name: Any, place: str) -> None:
    files = [[name, DIGEST, False]] if place == "files" else []
    folders = [name] if place == "folders" else []
    with pytest.raises(DamagedRecordError):
        unpack_record(record(outputs=[[b"", b"", [[list(REF), "dir", files, folders]]]]), KEY.digest)


@pytest.mark.parametrize("schema", [SCHEMA - 1, SCHEMA + 1, None])
def test_a_record_of_another_schema_is_told_from_damage(schema: Any) -> None:
    with pytest.raises(OtherSchemaError):
        unpack_record(record(schema=schema), KEY.digest)


def test_what_a_version_was_made_of_comes_back_under_its_digest() -> None:
    parts = {"function m.f": "1" * 64, "package numpy": "2.0"}
    digest, body = pack_code(parts)
    assert unpack_code(body, digest) == parts
    with pytest.raises(DamagedRecordError):
        unpack_code(body, "0" * 64)


@pytest.mark.parametrize("body", [b"", b"\xc1", msgpack.packb(1), msgpack.packb([["a", 1]]), msgpack.packb([["a"]])])
def test_parts_of_another_shape_are_damaged(body: bytes) -> None:
    with pytest.raises(DamagedRecordError):
        unpack_code(body, hashlib.sha256(body).hexdigest())
