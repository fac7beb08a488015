"""Types that bring their own key: the key counts and not the value, at any depth, and the value arrives all the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated
from typing import Any
from typing import NewType

import pytest

from localflyte.io import DataFrame
from localflyte.io import HashFunction
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import ValueRefusedError


class Frame:
    def __init__(self, text: str, note: str = "") -> None:
        self.text = text
        self.note = note


class Adding:
    """A HashMethod that goes on from what it was given before, unless it is told to begin anew."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._sum = hashlib.sha256()

    def update(self, data: Any, /) -> None:
        self._sum.update(data.text.encode())

    def result(self) -> str:
        return self._sum.hexdigest()


def text_of(frame: Frame) -> str:
    return frame.text


Keyed = Annotated[Frame, "what people say of it", HashFunction.from_fn(text_of)]
Named = NewType("Named", Keyed)


def counted(annotation: Any, value: Any) -> bytes:
    packed = pack(codec_for(annotation), value, canonical=True)
    return packed.canonical or packed.data


CARRIED: dict[str, tuple[Any, Callable[[Frame], Any]]] = {
    "alone": (Keyed, lambda frame: frame),
    "under a name": (Named, lambda frame: frame),
    "in a list": (list[Keyed], lambda frame: [frame]),
    "in a dict": (dict[str, Keyed], lambda frame: {"a": frame}),
    "optional": (Keyed | None, lambda frame: frame),
    "with a method that adds": (Annotated[Frame, Adding()], lambda frame: frame),
}


@pytest.mark.parametrize("case", CARRIED)
def test_the_key_counts_and_not_the_value(case: str) -> None:
    annotation, wrap = CARRIED[case]
    first = counted(annotation, wrap(Frame("a", "one")))
    assert first == counted(annotation, wrap(Frame("a", "other")))
    assert first != counted(annotation, wrap(Frame("b", "one")))


def test_the_value_itself_arrives() -> None:
    codec = codec_for(Keyed)
    back = unpack(codec, pack(codec, Frame("a", "one")))
    assert (back.text, back.note) == ("a", "one")


def test_none_is_none_where_that_is_allowed() -> None:
    codec = codec_for(Keyed | None)
    assert unpack(codec, pack(codec, None)) is None


def test_two_tasks_that_key_a_value_in_two_ways_do_not_share_an_interface() -> None:
    assert codec_for(Keyed).line != codec_for(Frame).line


def test_a_frame_behind_a_reference_gets_the_key_and_one_that_has_a_key_keeps_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("localflyte.io.frame.writer_of", lambda frame, uri, form: (None, "parquet", True))
    monkeypatch.setattr("localflyte.io.frame.write", lambda frame, path, form: None)
    codec = codec_for(Annotated[DataFrame, HashFunction.from_fn(text_of)])
    assert pack(codec, DataFrame.from_df(Frame("a"))).refs[0].hash == "a"
    assert pack(codec, DataFrame.from_local_sync(Frame("a"), hash_method="mine")).refs[0].hash == "mine"
    assert pack(codec, DataFrame.from_existing_remote(str(tmp_path / "there.csv"))).refs[0].hash == ""


def test_a_reference_that_is_given_for_a_frame_brings_its_key() -> None:
    given = DataFrame.from_local_sync(Frame("a"), hash_method="mine")
    assert counted(Keyed, given) == counted(Annotated[Frame, HashFunction.from_fn(lambda frame: "mine")], Frame("b"))


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(ValueRefusedError, match=r"must give text as its key, not int \(1\)"):
        counted(Annotated[Frame, HashFunction.from_fn(lambda frame: 1)], Frame("a"))  # type: ignore[arg-type, return-value]
