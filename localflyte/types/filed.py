"""Filed: pickles and bytes, in the data of a value where they are small, and in a file beside it where they are large.

Flyte uploads what it pickles and `sys.getsizeof` finds large, an array for example, so that only a reference counts against
``max_inline_io_bytes``. So it is here; what is hardly worth a file stays in the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from sys import getsizeof
from typing import Any

from msgpack import ExtType

from localflyte.spec.digest import sha256
from localflyte.spec.packed import Ref
from localflyte.types.opaque import pack_object
from localflyte.types.opaque import unpack_object
from localflyte.types.scope import ASIDE
from localflyte.types.scope import FILED
from localflyte.types.scope import OPAQUE
from localflyte.types.scope import is_collecting
from localflyte.types.scope import register
from localflyte.types.scope import resolve

__all__ = ("LARGE", "LARGE_BYTES", "aside", "count_as", "data_of", "fetched", "is_to_pickle", "pickled", "unpickled")

LARGE = 1 << 18  # bytes of a pickle; below, the way by a file takes longer than the data does
LARGE_BYTES = 1 << 20  # of bytes, which need no pickling
_BULKY = 10 * 1024  # bytes, as sys.getsizeof counts: Flyte's own limit
_NAME, _FORMAT = "value.pickle", "pickle"


def pickled(value: Any) -> ExtType:
    """Make the wire form of what is carried as a pickle.

    :raises TypeTransformerFailedError: if it cannot be pickled
    """
    data = pack_object(value)
    if len(data) <= LARGE or getsizeof(value) <= _BULKY or not is_collecting():
        return ExtType(OPAQUE, data)
    ref = _written(data, _NAME, _FORMAT)
    return ExtType(OPAQUE, data) if ref is None else ExtType(FILED, register(ref).to_bytes(4, "big"))


def unpickled(wire: ExtType) -> Any:
    """Make the value again of what `pickled` gave."""
    return unpack_object(data_of(wire))


def data_of(wire: ExtType) -> bytes:
    """:return: the pickle itself, wherever it lies
    :raises ValueError: if the value came without its file
    """
    if wire.code == OPAQUE:
        return bytes(wire.data)
    with open(resolve(int.from_bytes(wire.data, "big")).path, "rb") as source:
        return source.read()


def aside(value: bytes) -> tuple[ExtType, Ref] | None:
    """Put bytes that are a whole value into a file; Flyte pickles them.

    :return: what stands in their place, and the reference to the file; ``None`` where they can be in no file
    """
    ref = _written(value, "value.bytes", "bytes")
    return None if ref is None else (ExtType(ASIDE, b""), ref)


def fetched(wire: Any, refs: Sequence[Ref]) -> Any:
    """:return: the wire form of a whole value, out of its file if `aside` put it there"""
    if type(wire) is not ExtType or wire.code != ASIDE:
        return wire
    if len(refs) != 1:
        raise ValueError(f"a value lies in its only file, but it came with {len(refs)}")
    with open(refs[0].path, "rb") as source:
        return source.read()


def count_as(key: str, ref: Ref) -> Ref:
    """:return: a reference with a key for its content, if it is one to a pickle"""
    return ref._replace(hash=key) if is_to_pickle(ref) else ref


def is_to_pickle(ref: Ref) -> bool:
    """:return: whether a reference is one that `pickled` made"""
    return (ref.name, ref.format) == (_NAME, _FORMAT)


def _written(data: bytes, name: str, form: str) -> Ref | None:
    """:return: a reference to a new file; ``None`` where a task keeps its data elsewhere"""
    from importlib import import_module

    location = import_module("localflyte.io.location")  # io stands above types; it is loaded when the first large value crosses
    path: str = location.new_location(name)
    if location.is_remote(path):
        return None
    with open(path, "wb") as target:
        target.write(data)
    # the digest stands for the content, so that a call keeps its name and its key wherever the file lies
    return Ref("file", path, sha256(data), name, form)
