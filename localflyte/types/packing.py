"""Packing: one value into its `Packed` and back, by its codec."""

from __future__ import annotations

from typing import Any

from msgpack import packb
from msgpack import unpackb

from localflyte.spec.packed import Packed
from localflyte.types.base import Codec
from localflyte.types.base import no_order
from localflyte.types.scope import Collecting
from localflyte.types.scope import Resolving

__all__ = ("pack", "unpack")


def pack(codec: Codec, value: Any, canonical: bool = False) -> Packed:
    """Encode and pack a value.

    :param canonical: also make the form to hash, if a dict or set is inside
    :raises TypeTransformerFailedError: if the value does not have the codec's type
    :raises ValueError: if it has, but cannot be carried
    """
    if codec.scoped:
        with Collecting() as collected:
            wire = codec.encode(value)
        refs = tuple(collected.refs)
    else:
        wire, refs = codec.encode(value), ()
    try:
        data = packb(wire)
    except OverflowError as error:
        raise ValueError(f"integer out of range: {error}") from error
    if canonical and codec.order is not no_order:
        ordered = packb(codec.order(wire))
        return Packed(data, refs, b"" if ordered == data else ordered)
    return Packed(data, refs)


def unpack(codec: Codec, packed: Packed) -> Any:
    """Unpack and decode a value.

    :raises ValueError: if the data is damaged
    """
    wire = unpackb(packed.data, strict_map_key=False)
    if codec.plain:
        return wire
    if not codec.scoped:
        return codec.decode(wire)
    with Resolving(packed.refs):
        return codec.decode(wire)
