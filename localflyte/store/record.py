"""Record: what the index holds for a key. 32 bytes of SHA-256, then msgpack; read with suspicion, field by field."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import msgpack

from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.store.blobs import is_digest
from localflyte.store.keys import SCHEMA
from localflyte.store.keys import Key
from localflyte.store.tree import is_safe_name

__all__ = ("DamagedRecordError", "StoredRef", "StoredValue", "pack_record", "unpack_record")


class DamagedRecordError(Exception):
    """Raised when a record is not one that we wrote for this key."""


class StoredRef(NamedTuple):
    """A file or folder among the outputs."""

    ref: Ref
    how: str
    """``"file"`` and ``"dir"``: stored here. ``"elsewhere"``: a URL, kept as it is."""
    files: Sequence[tuple[bytes, str, bool]]
    """Name in the folder (empty for a file itself), digest, whether it can be executed."""
    folders: Sequence[bytes]


class StoredValue(NamedTuple):
    data: bytes | str
    """The bytes, or the digest of the blob that holds them."""
    canonical: bytes
    refs: Sequence[StoredRef]

    @property
    def as_packed(self) -> Packed | None:
        """The value, where the record alone is enough to give it back."""
        return Packed(self.data, (), self.canonical) if isinstance(self.data, bytes) and not self.refs else None


def pack_record(key: Key, outputs: Sequence[StoredValue], action: str) -> bytes:
    """:return: the record of a success"""
    record = {"schema": SCHEMA, "key": key.digest, "outputs": outputs, "parts": dict(key.parts), "made": time.time(), "action": action}
    body = msgpack.packb(record)
    return hashlib.sha256(body).digest() + bytes(body)


def unpack_record(value: bytes, key: Key) -> list[StoredValue]:
    """:return: the outputs that were stored for the key
    :raises DamagedRecordError: if the record is damaged, or was not written for the key
    """
    body = value[32:]
    if hashlib.sha256(body).digest() != value[:32]:
        raise DamagedRecordError(f"the record of key {key.digest[:12]} is damaged")
    try:
        record: Mapping[str, Any] = msgpack.unpackb(body)
        if record["schema"] != SCHEMA or record["key"] != key.digest:
            raise ValueError("it belongs to another key")
        if not isinstance(record["outputs"], list):
            raise ValueError("it holds no list of outputs")
        return [_value(row) for row in record["outputs"]]
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise DamagedRecordError(f"the record of key {key.digest[:12]} cannot be used: {error}") from error


def _value(row: Any) -> StoredValue:
    data, canonical, refs = row
    if not (isinstance(data, bytes) or is_digest(data)) or not isinstance(canonical, bytes):
        raise ValueError("an output is neither bytes nor a digest")
    return StoredValue(data, canonical, [_ref(ref) for ref in refs])


def _ref(row: Any) -> StoredRef:
    fields, how, files, folders = row
    ref = Ref(*fields)
    if not all(isinstance(field, str) for field in ref) or how not in ("elsewhere", "file", "dir"):
        raise ValueError("a reference is not one")
    for name, digest, executable in files:
        if not is_digest(digest) or not isinstance(executable, bool) or not (is_safe_name(name) if how == "dir" else name == b""):
            raise ValueError(f"a file {name!r} is not one that was stored")
    if not all(is_safe_name(name) for name in folders) or (how == "file" and len(files) != 1):
        raise ValueError("a folder is not one that was stored")
    return StoredRef(ref, how, files, folders)
