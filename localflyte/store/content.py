"""Content: the digest of what a reference points to. A file is hashed once as long as its size, times and inode stay the same."""

from __future__ import annotations

import hashlib
import os
import time

import msgpack

from localflyte.spec.packed import Ref
from localflyte.store.blobs import hash_file
from localflyte.store.tree import survey

__all__ = ("Contents", "local_path")

KNOWN_FILES = 200_000  # some 60 MB; more than that is forgotten at once and hashed again
# A file can change twice within one tick of its filesystem's clock, so what changed just now is not trusted to its times.
TICK_NS = 20_000_000
COARSE_TICK_NS = 2_000_000_000


def local_path(path: str) -> str | None:
    """:return: the path on this machine, or ``None`` for a URL of elsewhere"""
    if path.startswith("file://"):
        from urllib.parse import unquote

        return unquote(path.removeprefix("file://"))
    return None if "://" in path else path


class Contents:
    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, ...], str]] = {}

    def digest(self, ref: Ref) -> str:
        """:return: the digest of the content; the caller's own hash wins, and content elsewhere counts by its address
        :raises OSError: if the content cannot be read
        """
        if ref.hash:
            return f"given:{ref.hash}"
        path = local_path(ref.path)
        if path is None:
            return f"address:{ref.path}"
        return self._file(path) if ref.kind == "file" else self.tree(path)

    def tree(self, root: str) -> str:
        """:return: the digest of a folder: the names of all that is in it, and the contents of the files"""
        found = survey(root)
        rows = [(entry.name, entry.executable, self._file(entry.path)) for entry in found.files]
        return hashlib.sha256(msgpack.packb([rows, found.folders])).hexdigest()

    def _file(self, path: str) -> str:
        now = time.time_ns()
        stat = os.stat(path)
        state = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        known = self._known.get(path)
        if known is not None and known[0] == state:
            return known[1]
        digest = hash_file(path)
        changed = max(stat.st_mtime_ns, stat.st_ctime_ns)
        if now - changed > (TICK_NS if stat.st_ctime_ns % 1_000_000 else COARSE_TICK_NS):
            if len(self._known) >= KNOWN_FILES:
                self._known.clear()
            self._known[path] = (state, digest)
        return digest
