"""Keyed: a type whose annotation brings its own idea of when two values are the same, ``Annotated[T, HashFunction.from_fn(...)]``.

The key is computed where a value is packed and travels beside it; a cache then looks at the key and not at the value.
"""

from __future__ import annotations

from typing import Any

from localflyte.types.annotations import said_beside
from localflyte.types.base import Codec
from localflyte.types.filed import count_as
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import describe
from localflyte.types.scope import mark
from localflyte.types.scope import replace_after

__all__ = ("key_of", "keyed", "method_in")


def method_in(annotation: Any) -> Any:
    """:return: the HashMethod among what an annotation says of its type, or ``None``"""
    return said_beside(annotation, _is_method)


def keyed(codec: Codec, method: Any) -> Codec:
    """Make the codec of a type that a HashMethod was put beside.

    :param codec: the codec of the type itself
    """
    kind = next(iter(codec.kinds), None)
    if hasattr(kind, "flyte_reference"):
        return _keyed_reference(codec, method)

    def encode(value: Any) -> Any:
        given = None
        if kind is not None and not isinstance(value, kind) and hasattr(type(value), "flyte_convert"):
            given, value = value.hash, value.flyte_convert(kind)
        before = mark()
        wire = codec.encode(value)
        key = given or key_of(method, value)
        replace_after(before, lambda ref: count_as(key, ref))
        return [key, wire]

    return Codec(
        codec.name,
        encode,
        lambda wire: codec.decode(wire[1]),
        line=f"keyed:{codec.line}",
        kinds=codec.kinds,
        order=lambda wire: wire[:1],
        scoped=codec.scoped,
        accepts_all=codec.accepts_all,
    )


def _keyed_reference(codec: Codec, method: Any) -> Codec:
    """A reference has a place for its key; a frame that is in memory, and has none, gets one. The content of others counts as it is."""

    def encode(value: Any) -> Any:
        frame = getattr(value, "val", None)
        if frame is None or value.hash:
            return codec.encode(value)
        value.hash = key_of(method, frame)
        try:
            return codec.encode(value)
        finally:
            value.hash = None  # the frame may have changed when it crosses again

    return Codec(codec.name, encode, codec.decode, line=codec.line, kinds=codec.kinds, scoped=True, nullable=codec.nullable)


def key_of(method: Any, value: Any) -> str:
    """Compute the key of a value.

    :raises ValueRefusedError: if the method gives something else than text
    """
    if hasattr(method, "reset"):
        method.reset()
    method.update(value)
    key = method.result()
    if not isinstance(key, str):
        raise ValueRefusedError(f"the HashMethod of its type must give text as its key, not {describe(key)}")
    return key


def _is_method(value: Any) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "update", None)) and callable(getattr(value, "result", None))
