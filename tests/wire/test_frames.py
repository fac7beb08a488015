"""Frames come out whole, in order, however the stream was cut; what is no frame is refused before it costs memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.errors import ProtocolError
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame

MESSAGES = [("a",), ("reply", True, [b"x" * 300]), ("call", 7, {"k": None}), ("tell", "log", {"text": "é"})]


@given(st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=40))
def test_messages_survive_any_cut(cuts: list[int]) -> None:
    stream = b"".join(pack_frame(message) for message in MESSAGES)
    reader, seen, at = FrameReader(), [], 0
    for cut in [*cuts, len(stream)]:
        seen += list(reader.feed(stream[at : at + cut]))
        at += cut
    assert seen == [["a"], ["reply", True, [b"x" * 300]], ["call", 7, {"k": None}], ["tell", "log", {"text": "é"}]]
    assert not reader.partial


def test_a_length_over_the_limit_is_refused_before_its_body_is_there() -> None:
    with pytest.raises(ProtocolError, match="max_frame_bytes"):
        list(FrameReader(limit=100).feed((101).to_bytes(4, "big")))


def test_a_frame_of_exactly_the_limit_passes() -> None:
    frame = pack_frame(("kind", b"12345"))
    assert list(FrameReader(limit=len(frame) - 4).feed(frame)) == [["kind", b"12345"]]


@pytest.mark.parametrize(
    "body",
    [b"", b"\xc1", b"\x81\xa1a\x01", b"\x01", b"\x90", b"\x91\x01", b"\x92\xa1a", b"\x91" * 5000, b"\xdd\xff\xff\xff\xff"],
    ids=["empty", "reserved", "map", "int", "no-kind", "kind-is-int", "short", "deep", "huge-array"],
)
def test_a_body_that_is_no_message_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        list(FrameReader().feed(len(body).to_bytes(4, "big") + body))


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_else(data: bytes) -> None:
    reader = FrameReader(limit=1000)
    try:
        for message in reader.feed(data):
            assert isinstance(message[0], str)
    except ProtocolError:
        pass


def test_messages_before_a_bad_one_are_given_out() -> None:
    reader, seen = FrameReader(), []
    with pytest.raises(ProtocolError):
        for message in reader.feed(pack_frame(("good",)) + b"\x00\x00\x00\x01\xc1"):
            seen.append(message)
    assert seen == [["good"]]
