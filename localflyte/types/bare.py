"""Bare collections: list, dict, tuple, set and frozenset of whose items nothing is said.

Flyte carries a bare dict as msgpack and pickles the others. So a dict holds plain data here, too, unless its annotation allows a pickle.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from localflyte.types.annotations import said_beside
from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.free import decode_free
from localflyte.types.free import encode_free
from localflyte.types.free import order_free
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import describe
from localflyte.types.refusal import mismatch

__all__ = ("build", "pickled")

_KINDS = (list, dict, tuple, set, frozenset)
_ATOMS = (type(None), bool, int, float, str, bytes, bytearray)
_EXACT_ATOMS = frozenset(_ATOMS)
_HINT = "say what is in the dict, such as dict[str, datetime], or let it be pickled: Annotated[dict, OrderedDict(allow_pickle=True)]"


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a bare collection.

    :return: the codec, or ``None`` if the annotation is none
    """
    if not any(annotation is kind for kind in _KINDS):
        return None
    return _bare(annotation, is_plain=annotation is dict)


def pickled(written: Any, annotation: Any) -> Codec | None:
    """Make the codec of a bare dict whose annotation allows a pickle: ``Annotated[dict, OrderedDict(allow_pickle=True)]``.

    :return: the codec, or ``None`` if it is no such dict
    """
    if annotation is not dict or said_beside(written, _allows_pickle) is None:
        return None
    return _bare(dict, is_plain=False)


def _allows_pickle(said: Any) -> bool:
    return isinstance(said, OrderedDict) and bool(said.get("allow_pickle"))


def _bare(kind: type[Any], *, is_plain: bool) -> Codec:
    name = kind.__name__

    def encode(value: Any) -> Any:
        if not isinstance(value, kind):
            raise mismatch(name, value)
        if is_plain:
            _check_plain(value)
        return encode_free(value)

    return Codec(name, encode, decode_free, line=f"any:{name}", kinds=(kind,), order=order_free, scoped=True, nullable=True)


def _check_plain(value: Any) -> None:
    """Refuse what msgpack does not know, with its place.

    :raises TypeTransformerFailedError: if something is no plain data
    """
    try:
        _look(value)
    except RecursionError:
        return  # it holds itself, or is very deep: encoding it will say so


def _look(value: Any) -> None:
    if isinstance(value, dict):
        _look_at_keys(value)
        steps, items = list(value), list(value.values())
    elif isinstance(value, list | tuple):
        steps, items = list(range(len(value))), list(value)
    elif isinstance(value, _ATOMS):
        return
    else:
        raise TypeTransformerFailedError(f"expected plain data in a bare dict, got {describe(value)}; {_HINT}")
    if set(map(type, items)) <= _EXACT_ATOMS:
        return
    for step, item in zip(steps, items, strict=True):
        try:
            _look(item)
        except TypeTransformerFailedError as error:
            error.at(f"[{step!r}]")
            raise


def _look_at_keys(value: dict[Any, Any]) -> None:
    for key in () if set(map(type, value)) <= _EXACT_ATOMS else value:
        if not isinstance(key, _ATOMS):
            raise TypeTransformerFailedError(f"expected a plain key in a bare dict, got {describe(key)}; {_HINT}")
