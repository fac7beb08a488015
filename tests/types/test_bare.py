"""Bare collections: a dict of whose values nothing is said holds plain data, unless its annotation lets it be pickled."""

from __future__ import annotations

from collections import OrderedDict
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Dict

import pytest

from localflyte.io import File
from localflyte.io import HashFunction
from localflyte.types.codec import codec_for
from localflyte.types.packing import pack
from localflyte.types.packing import unpack
from localflyte.types.refusal import TypeTransformerFailedError

NOW = datetime(2024, 5, 5)
Pickled = Annotated[dict, OrderedDict(allow_pickle=True)]


class Color(Enum):
    RED = "red"


@dataclass
class Box:
    content: dict  # type: ignore[type-arg]


def carry(annotation: Any, value: Any) -> Any:
    codec = codec_for(annotation)
    return unpack(codec, pack(codec, value))


def looped() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["self"] = made
    return made


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": [1, 2.5, None, True, {"b": "c"}], "d": b"x", "e": (1, [2])},
        {1: 2, None: 3, 2.5: 4},
        OrderedDict(a=1),
        defaultdict(list, a=[1]),
        {"a": bytearray(b"x")},
        {"a": [1, bytearray(b"x")]},
    ],
)
@pytest.mark.parametrize("kind", [dict, Dict])
def test_plain_data_comes_back(kind: Any, value: Any) -> None:
    assert carry(kind, value) == value


def test_what_holds_itself_comes_back() -> None:
    back = carry(dict, looped())
    assert back["self"] is back


STRANGE: list[tuple[Any, str]] = [
    ({"x": NOW}, r"^\['x'\]: expected plain data in a bare dict, got datetime.datetime .*; say what is in the dict, such as"),
    ({"a": 1, "x": [{}, {"y": (1, NOW)}]}, r"^\['x'\]\[1\]\['y'\]\[1\]: expected plain data in a bare dict"),
    ({"x": {1}}, r"got set of 1.*Annotated\[dict, OrderedDict\(allow_pickle=True\)\]"),
    ({"x": Color.RED}, "got .*Color"),
    ({"x": Decimal(1)}, "got decimal.Decimal"),
    ({"x": Path("/a")}, "got pathlib.PosixPath"),
    ({"x": File("/a")}, "got .*File"),
    ({"x": Box({})}, "got .*Box"),
    ({(1, 2): 3}, "^expected a plain key in a bare dict, got tuple of 2"),
]


@pytest.mark.parametrize(("value", "message"), STRANGE)
def test_what_a_cluster_cannot_pack_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(TypeTransformerFailedError, match=message):
        pack(codec_for(dict), value)


INSIDE: list[tuple[Any, Callable[[Any], Any], str]] = [
    (list[dict], lambda value: [{}, value], r"^\[1\]\['x'\]: "),
    (dict[str, dict], lambda value: {"a": value}, r"^\['a'\]\['x'\]: "),
    (dict | None, lambda value: value, r"^\['x'\]: "),
    (Box, Box, r"^content\['x'\]: "),
]


@pytest.mark.parametrize(("kind", "wrap", "place"), INSIDE)
def test_so_it_is_inside_of_others(kind: Any, wrap: Callable[[Any], Any], place: str) -> None:
    assert carry(kind, wrap({"x": 1})) == wrap({"x": 1})
    with pytest.raises(TypeTransformerFailedError, match=place):
        pack(codec_for(kind), wrap({"x": NOW}))


@pytest.mark.parametrize("kind", [Pickled, dict[str, Any], list[Pickled]])
def test_where_a_pickle_is_allowed_anything_comes_back(kind: Any) -> None:
    value = [{"x": NOW}] if kind == list[Pickled] else {"x": NOW}
    assert carry(kind, value) == value


@pytest.mark.parametrize("said", ["a note", OrderedDict(allow_pickle=False), {"allow_pickle": True}])
def test_nothing_else_allows_a_pickle(said: Any) -> None:
    with pytest.raises(TypeTransformerFailedError, match="expected plain data"):
        pack(codec_for(Annotated[dict, said]), {"x": NOW})


def test_a_pickled_dict_may_have_a_key_of_its_own() -> None:
    codec = codec_for(Annotated[dict, OrderedDict(allow_pickle=True), HashFunction.from_fn(lambda value: "k")])
    assert unpack(codec, pack(codec, {"x": NOW})) == {"x": NOW}


@pytest.mark.parametrize("kind", [list, tuple, set, frozenset])
def test_other_collections_are_pickled(kind: Any) -> None:
    assert carry(kind, kind([NOW, Color.RED])) == kind([NOW, Color.RED])
    with pytest.raises(TypeTransformerFailedError, match=f"expected {kind.__name__}, got dict of 0"):
        pack(codec_for(kind), {})
