"""Keep: values, files and folders into blobs, and out again as they were."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.store.blobs import Blobs
from localflyte.store.content import local_path
from localflyte.store.private import make_folder
from localflyte.store.record import StoredRef
from localflyte.store.record import StoredValue
from localflyte.store.record import digests_in
from localflyte.store.tree import survey

__all__ = ("give_out", "is_light", "take_in")

INLINE_BYTES = 1 << 14  # larger values lie beside the index: SQLite reads rows of this size faster than files, not larger ones


def is_light(outputs: Sequence[Packed]) -> bool:
    """:return: whether a record alone can hold the outputs"""
    return not any(value.refs or len(value.data) > INLINE_BYTES for value in outputs)


def take_in(blobs: Blobs, outputs: Sequence[Packed]) -> list[StoredValue]:
    """Store what a record cannot hold.

    :raises OSError: if a file or folder cannot be read, or not be given back as it is, or the store cannot be written
    """
    stored = []
    for value in outputs:
        data = blobs.put(value.data) if len(value.data) > INLINE_BYTES else value.data
        stored.append(StoredValue(data, value.canonical, [_take_ref(blobs, ref) for ref in value.refs]))
    blobs.settle(digests_in(stored))
    return stored


def give_out(blobs: Blobs, stored: Sequence[StoredValue], folder: str) -> tuple[Packed, ...]:
    """Give values back, their files and folders as new copies below `folder`.

    :raises CorruptBlobError: if a blob is missing or damaged
    :raises OSError: if the copies cannot be written
    """
    try:
        return tuple([_value(blobs, value, os.path.join(folder, str(number))) for number, value in enumerate(stored)])
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _take_ref(blobs: Blobs, ref: Ref) -> StoredRef:
    path = local_path(ref.path)
    if path is None:
        return StoredRef(ref, "elsewhere", [], [])
    if ref.kind == "file":
        executable = bool(os.stat(path).st_mode & 0o100)
        return StoredRef(ref, "file", [(b"", blobs.put_file(path), executable)], [])
    tree = survey(path)
    return StoredRef(ref, "dir", [(entry.name, blobs.put_file(entry.path), entry.executable) for entry in tree.files], tree.folders)


def _value(blobs: Blobs, stored: StoredValue, folder: str) -> Packed:
    data = stored.data if isinstance(stored.data, bytes) else blobs.get(stored.data)
    refs = [_give_ref(blobs, ref, os.path.join(folder, str(place))) for place, ref in enumerate(stored.refs)]
    return Packed(data, tuple(refs), stored.canonical)


def _give_ref(blobs: Blobs, stored: StoredRef, folder: str) -> Ref:
    if stored.how == "elsewhere":
        return stored.ref
    name = os.path.basename((local_path(stored.ref.path) or "").rstrip("/"))
    target = os.path.join(folder, name if name not in ("", ".", "..") else "content")
    make_folder(target if stored.how == "dir" else folder)
    for below in sorted(stored.folders):
        make_folder(os.path.join(target, os.fsdecode(below)))
    for relative, digest, executable in stored.files:
        blobs.give_out(digest, os.path.join(target, os.fsdecode(relative)) if relative else target, executable=executable)
    return stored.ref._replace(path=target)
