"""Content: the digest of what a reference points to. Files are hashed once as long as size, time and inode stay the same."""

from __future__ import annotations

import hashlib
import os

import msgpack

from localflyte.spec.packed import Ref
from localflyte.store.blobs import hash_file

__all__ = ("Contents", "local_path")


def local_path(path: str) -> str | None:
    """:return: the path on this machine, or ``None`` for a URL of elsewhere"""
    if path.startswith("file://"):
        from urllib.parse import unquote

        return unquote(path.removeprefix("file://"))
    return None if "://" in path else path


class Contents:
    def __init__(self) -> None:
        self._known: dict[tuple[str, int, int, int], str] = {}

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
        """:return: the digest of a folder: names and contents of the files below it"""
        rows = []
        for folder, folders, files in os.walk(root, onerror=_raise):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(folder, name)
                rows.append((os.path.relpath(path, root).encode("utf-8", "surrogateescape"), self._file(path)))
        return hashlib.sha256(msgpack.packb(rows)).hexdigest()

    def _file(self, path: str) -> str:
        stat = os.stat(path)
        key = (path, stat.st_size, stat.st_mtime_ns, stat.st_ino)
        digest = self._known.get(key)
        if digest is None:
            digest = self._known[key] = hash_file(path)
        return digest


def _raise(error: OSError) -> None:
    raise error
