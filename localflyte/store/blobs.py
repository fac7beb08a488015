"""Blobs: content by its SHA-256, in our own folder; written beside and renamed, read-only, verified whenever it is read."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from contextlib import suppress

__all__ = ("Blobs", "CorruptBlobError", "copy_file", "hash_file")

CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FICLONE = 0x40049409


class CorruptBlobError(Exception):
    """Raised when a blob is missing, or does not have the content its name says."""


class Blobs:
    """:param root: the folder, made when the first blob is"""

    def __init__(self, root: str) -> None:
        self._root = root

    def path(self, digest: str) -> str:
        """:raises CorruptBlobError: if the digest is not one"""
        if not _DIGEST.match(digest):
            raise CorruptBlobError(f"{digest!r} is not a digest")
        return os.path.join(self._root, digest[:2], digest)

    def put(self, data: bytes) -> str:
        """Store bytes.

        :return: their digest
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self._has(digest, len(data)):
            temporary = self._temporary()
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                self._seal(file.fileno())
            self._place(temporary, digest)
        return digest

    def put_file(self, source: str) -> tuple[str, int]:
        """Store a file's content as it is copied, so that the digest is that of what was stored.

        :return: digest and size
        """
        temporary = self._temporary()
        digest, size = hashlib.sha256(), 0
        try:
            with (
                open(source, "rb") as origin,
                open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file,
            ):
                while chunk := origin.read(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                    size += len(chunk)
                self._seal(file.fileno())
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        self._place(temporary, digest.hexdigest())
        return digest.hexdigest(), size

    def get(self, digest: str) -> bytes:
        """:raises CorruptBlobError: if the blob is missing or damaged"""
        try:
            with open(self.path(digest), "rb") as file:
                data = file.read()
        except OSError as error:
            raise CorruptBlobError(f"blob {digest} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            self._set_aside(digest)
            raise CorruptBlobError(f"blob {self.path(digest)} does not have the content its name says")
        return data

    def give_out(self, digest: str, target: str) -> None:
        """Copy a blob to `target`, by reflink where the filesystem can, and verify what was copied.

        :raises CorruptBlobError: if the blob is missing or damaged
        """
        path = self.path(digest)
        try:
            copy_file(path, target)
        except FileNotFoundError as error:
            raise CorruptBlobError(f"blob {digest} is missing") from error
        if hash_file(target) != digest:
            os.unlink(target)
            self._set_aside(digest)
            raise CorruptBlobError(f"blob {path} does not have the content its name says")

    def _has(self, digest: str, size: int) -> bool:
        try:
            return os.stat(self.path(digest)).st_size == size
        except OSError:
            return False

    def _temporary(self) -> str:
        folder = os.path.join(self._root, "new")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        return os.path.join(folder, uuid.uuid4().hex)  # unique among machines that share a folder, as a pid is not

    @staticmethod
    def _seal(fd: int) -> None:
        os.fchmod(fd, 0o444)

    def _place(self, temporary: str, digest: str) -> None:
        target = self.path(digest)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        os.replace(temporary, target)

    def _set_aside(self, digest: str) -> None:
        folder = os.path.join(self._root, "damaged")
        with suppress(OSError):
            os.makedirs(folder, mode=0o700, exist_ok=True)
            os.replace(self.path(digest), os.path.join(folder, digest))


def hash_file(path: str) -> str:
    """:return: the SHA-256 of a file's content"""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(source: str, target: str) -> None:
    """Copy content only, sharing the storage where the filesystem can; the copy is the caller's to change."""
    with open(source, "rb") as origin, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy:
        try:
            import fcntl

            fcntl.ioctl(copy.fileno(), _FICLONE, origin.fileno())
        except (ImportError, OSError):
            import shutil

            shutil.copyfileobj(origin, copy, CHUNK)
