"""Filed: pickles, in the data of a value where they are small, and in a file beside it where they are large.

Flyte uploads what it pickles and `sys.getsizeof` finds large, an array for example, so that only a reference counts against
``max_inline_io_bytes``. So it is here; what is hardly worth a file stays in the data.
"""

from __future__ import annotations

from sys import getsizeof
from typing import Any

from msgpack import ExtType

from localflyte.spec.digest import sha256
from localflyte.spec.packed import Ref
from localflyte.types.opaque import pack_object
from localflyte.types.opaque import unpack_object
from localflyte.types.scope import FILED
from localflyte.types.scope import OPAQUE
from localflyte.types.scope import is_collecting
from localflyte.types.scope import register
from localflyte.types.scope import resolve

__all__ = ("LARGE", "count_as", "data_of", "is_to_pickle", "pickled", "unpickled")

LARGE = 1 << 18  # bytes of a pickle; below, the way by a file takes longer than the data does
_BULKY = 10 * 1024  # bytes, as sys.getsizeof counts: Flyte's own limit
_NAME, _FORMAT = "value.pickle", "pickle"


def pickled(value: Any) -> ExtType:
    """Make the wire form of what is carried as a pickle.

    :raises TypeTransformerFailedError: if it cannot be pickled
    """
    data = pack_object(value)
    if len(data) <= LARGE or getsizeof(value) <= _BULKY or not is_collecting():
        return ExtType(OPAQUE, data)
    path = _place()
    if not path:
        return ExtType(OPAQUE, data)
    with open(path, "wb") as target:
        target.write(data)
    # the digest stands for the content, so that a call keeps its name and its key wherever the file lies
    return ExtType(FILED, register(Ref("file", path, sha256(data), _NAME, _FORMAT)).to_bytes(4, "big"))


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


def count_as(key: str, ref: Ref) -> Ref:
    """:return: a reference with a key for its content, if it is one to a pickle"""
    return ref._replace(hash=key) if is_to_pickle(ref) else ref


def is_to_pickle(ref: Ref) -> bool:
    """:return: whether a reference is one that `pickled` made"""
    return (ref.name, ref.format) == (_NAME, _FORMAT)


def _place() -> str:
    """:return: where the file may be; empty where a task keeps its data elsewhere"""
    from importlib import import_module

    location = import_module("localflyte.io.location")  # io stands above types; it is loaded when the first large value crosses
    path: str = location.new_location(_NAME)
    return "" if location.is_remote(path) else path
