"""Record: what the index holds for a key. 32 bytes of SHA-256, then msgpack; read with suspicion, field by field."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import msgpack

from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.store.blobs import is_digest
from localflyte.store.content import local_path
from localflyte.store.keys import SCHEMA
from localflyte.store.keys import Key
from localflyte.store.tree import is_safe_name

__all__ = (
    "ROW_BYTES",
    "DamagedRecordError",
    "OtherSchemaError",
    "Record",
    "StoredRef",
    "StoredValue",
    "digests_in",
    "pack_code",
    "pack_record",
    "unpack_code",
    "unpack_record",
)

ROW_BYTES = 64 << 20  # of a record, which is read into memory; values of 16 KiB and more are blobs


class DamagedRecordError(Exception):
    """Raised when a record is not one that we wrote for this key."""


class OtherSchemaError(Exception):
    """Raised when a record is of another version of localflyte: it is left alone."""


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


class Record(NamedTuple):
    """A success that was stored."""

    key: str
    task: str
    parts: Mapping[str, str]
    """The components of the key, as in `localflyte.store.keys.Key`."""
    shown: Mapping[str, bytes]
    """The msgpack of small inputs, by name."""
    code: str
    """The digest of what the version was made of, under which that is stored too."""
    outputs: Sequence[StoredValue]
    made: float
    """When, in seconds since the epoch."""
    run: str
    action: str
    seconds: float
    """What it took to compute."""
    scope: str = ""
    """The project and the domain that it was computed for."""

    @property
    def blobs(self) -> set[str]:
        """The digests of the blobs that hold what the record does not."""
        return digests_in(self.outputs)


def digests_in(outputs: Sequence[StoredValue]) -> set[str]:
    """:return: the digests of the blobs that outputs are kept in"""
    digests = {value.data for value in outputs if isinstance(value.data, str)}
    return digests | {digest for value in outputs for ref in value.refs for _, digest, _ in ref.files}


def pack_record(
    key: Key, outputs: Sequence[StoredValue], *, run: str, action: str, seconds: float, code: str = "", scope: str = ""
) -> bytes:
    """Pack the record of a success; the parameters are the fields of `Record`."""
    record = {
        "schema": SCHEMA,
        "key": key.digest,
        "task": key.task,
        "parts": dict(key.parts),
        "shown": dict(key.shown),
        "code": code,
        "outputs": outputs,
        "made": time.time(),
        "run": run,
        "action": action,
        "seconds": seconds,
        "scope": scope,
    }
    body = msgpack.packb(record)
    return hashlib.sha256(body).digest() + bytes(body)


def unpack_record(value: bytes, digest: str) -> Record:
    """:param digest: the key that it was found under
    :return: the record
    :raises DamagedRecordError: if it is damaged, or was not written for the key
    :raises OtherSchemaError: if it is whole, and of another version of localflyte
    """
    body = value[32:]
    if hashlib.sha256(body).digest() != value[:32]:
        raise DamagedRecordError(f"the record of key {digest[:12]} is damaged")
    try:
        fields: Mapping[str, Any] = msgpack.unpackb(body)
        if fields["schema"] != SCHEMA:
            raise OtherSchemaError(f"the record of key {digest[:12]} has schema {fields['schema']!r}, not {SCHEMA}")
        return _record(fields, digest)
    except (ValueError, TypeError, KeyError, msgpack.UnpackException) as error:
        raise DamagedRecordError(f"the record of key {digest[:12]} cannot be used: {error}") from error


def pack_code(parts: Mapping[str, str]) -> tuple[str, bytes]:
    """Pack what a version was made of.

    :return: its digest, and what is stored under that
    """
    body = bytes(msgpack.packb(sorted(parts.items())))
    return hashlib.sha256(body).hexdigest(), body


def unpack_code(value: bytes, digest: str) -> dict[str, str]:
    """:raises DamagedRecordError: if it is not what was stored under the digest"""
    if hashlib.sha256(value).hexdigest() != digest:
        raise DamagedRecordError(f"the parts of version {digest[:12]} are damaged")
    try:
        return _texts(dict(msgpack.unpackb(value)))
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise DamagedRecordError(f"the parts of version {digest[:12]} cannot be used: {error}") from error


def _record(fields: Mapping[str, Any], digest: str) -> Record:
    if fields["key"] != digest:
        raise ValueError("it belongs to another key")
    outputs, shown = fields["outputs"], fields["shown"]
    if not isinstance(outputs, list) or not isinstance(shown, dict) or not all(isinstance(each, bytes) for each in shown.values()):
        raise ValueError("it holds no outputs, or no inputs")
    made, seconds = float(fields["made"]), float(fields["seconds"])
    if not math.isfinite(made) or not math.isfinite(seconds):
        raise ValueError("a time in it is none")
    words = _texts({name: fields[name] for name in ("task", "code", "run", "action", "scope")})
    return Record(
        key=digest,
        parts=_texts(fields["parts"]),
        shown=shown,
        outputs=[_value(row) for row in outputs],
        made=made,
        seconds=seconds,
        **words,
    )


def _texts(found: Any) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(key, str) and isinstance(value, str) for key, value in found.items()):
        raise TypeError("something in it is no text")
    return found


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
    if how == "elsewhere" and local_path(ref.path) is not None:
        raise ValueError("something elsewhere has a path of this machine")
    if not all(is_safe_name(name) for name in folders) or (how == "file" and len(files) != 1):
        raise ValueError("a folder is not one that was stored")
    return StoredRef(ref, how, files, folders)
