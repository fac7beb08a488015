"""Blobs: content by its SHA-256, in our own folder; written beside and renamed, read-only, verified whenever it is read.

A record names a blob only once `Blobs.settle` has had it written to the disk. After a loss of power one that no record names may be
empty or missing: its digest says so.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import uuid
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from io import BufferedReader
from typing import IO
from typing import Protocol

from localflyte.store.private import create_file
from localflyte.store.private import make_folder

__all__ = ("Blobs", "CorruptBlobError", "Readable", "hash_file", "is_digest", "open_regular")

CHUNK = 1 << 20
FEW = 16  # blobs that are written to the disk one by one
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_FICLONE = 0x40049409


class CorruptBlobError(Exception):
    """Raised when a blob is missing, or does not have the content its name says."""


class Readable(Protocol):
    """What bytes can be read from: a file, or a part of one."""

    def read(self, size: int, /) -> bytes: ...


class Blobs:
    """:param root: the folder, made when the first blob is
    :param writable: whether what is damaged may be put aside
    """

    def __init__(self, root: str, *, writable: bool = True) -> None:
        self._root = root
        self._writable = writable

    def path(self, digest: str) -> str:
        """:raises CorruptBlobError: if the digest is not one"""
        if not is_digest(digest):
            raise CorruptBlobError(f"{digest!r} is not a digest")
        return os.path.join(self._root, digest[:2], digest)

    def put(self, data: bytes) -> str:
        """Store bytes.

        :return: their digest
        """
        digest = hashlib.sha256(data).hexdigest()
        if not self._has(digest, len(data)):
            with self._draft() as (file, place):
                file.write(data)
                file.flush()
                place(digest)
        return digest

    def put_file(self, source: str) -> str:
        """Store a file's content as it is copied, so that the digest is that of what was stored.

        :return: the digest
        :raises OSError: if it cannot be read, or is no regular file
        """
        with open_regular(source) as origin:
            return self.put_stream(origin)

    def put_stream(self, origin: Readable, expected: str = "") -> str:
        """Store what can be read.

        :param expected: the digest that it has to have, if that is known
        :return: the digest
        :raises CorruptBlobError: if it has another one; nothing is stored then
        :raises OSError: if it cannot be read, or the store not be written
        """
        digest = hashlib.sha256()
        with self._draft() as (file, place):
            while chunk := origin.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
            if expected and digest.hexdigest() != expected:
                raise CorruptBlobError(f"what should be blob {expected[:12]} has other content")
            file.flush()
            place(digest.hexdigest())
        return digest.hexdigest()

    def check(self, digest: str) -> None:
        """Read a blob to see whether it is what its name says; one that is not is put aside.

        :raises CorruptBlobError: if the blob is missing or damaged
        """
        path = self.path(digest)
        try:
            found = hash_file(path)
        except OSError as error:
            raise CorruptBlobError(f"blob {path} cannot be read: {error.strerror}") from error
        if found != digest:
            raise self._damaged(digest)

    def settle(self, digests: Collection[str]) -> None:
        """Have blobs written to the disk, before something says that they are there.

        :raises OSError: if the disk refuses, or one has gone meanwhile
        """
        if len(digests) > FEW:  # one by one they would take seconds
            os.sync()
            return
        paths = [self.path(digest) for digest in digests]
        for path in [*paths, *{os.path.dirname(path) for path in paths}]:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def get(self, digest: str) -> bytes:
        """:raises CorruptBlobError: if the blob is missing or damaged"""
        path = self.path(digest)
        try:
            with open_regular(path) as file:
                data = file.read()
        except OSError as error:
            raise CorruptBlobError(f"blob {path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise self._damaged(digest)
        return data

    def give_out(self, digest: str, target: str, *, executable: bool = False) -> None:
        """Copy a blob to a new file, by reflink where the filesystem can, and verify what was copied.

        :raises CorruptBlobError: if the blob is missing or damaged
        :raises OSError: if the file cannot be written
        """
        path = self.path(digest)
        try:
            origin = open_regular(path)
        except OSError as error:
            raise CorruptBlobError(f"blob {path} cannot be read: {error.strerror}") from error
        with origin:
            fd = create_file(target, 0o700 if executable else 0o600)
            try:
                with open(fd, "wb") as copy:
                    _copy(origin, copy)
                if hash_file(target) != digest:
                    raise self._damaged(digest)
            except BaseException:
                with suppress(OSError):
                    os.unlink(target)
                raise

    def _has(self, digest: str, size: int) -> bool:
        path = self.path(digest)
        try:
            if os.stat(path).st_size != size:
                return False
            os.utime(path)  # as new as one written now, so that a sweep leaves it to the record that is to name it
        except OSError:
            return False
        return True

    @contextmanager
    def _draft(self) -> Iterator[tuple[IO[bytes], Callable[[str], None]]]:
        """Open a file beside the blobs; it becomes one when it is placed, and nothing when it is not."""
        folder = os.path.join(self._root, "new")
        make_folder(folder)
        path = os.path.join(folder, uuid.uuid4().hex)  # unique among machines that share a folder, as a pid is not

        def place(digest: str) -> None:
            target = self.path(digest)
            make_folder(os.path.dirname(target))
            os.replace(path, target)

        try:
            with open(create_file(path, 0o444), "wb") as file:
                yield file, place
        finally:
            with suppress(OSError):
                os.unlink(path)

    def _damaged(self, digest: str) -> CorruptBlobError:
        """Put a damaged blob aside, so that the next to store this content stores it anew."""
        path, folder = self.path(digest), os.path.join(self._root, "damaged")
        if not self._writable:
            return CorruptBlobError(f"blob {path} does not have the content its name says")
        with suppress(OSError):
            make_folder(folder)
            os.replace(path, os.path.join(folder, digest))
        return CorruptBlobError(f"blob {path} does not have the content its name says; it is set aside in {folder}")


def is_digest(text: object) -> bool:
    """:return: whether it is a SHA-256 as we write it, and so safe in a path"""
    return isinstance(text, str) and _DIGEST.match(text) is not None


def hash_file(path: str) -> str:
    """:return: the SHA-256 of a file's content
    :raises OSError: if it cannot be read, or is no regular file
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_regular(path: str) -> BufferedReader:
    """Open a regular file for reading; opening anything else, a pipe for example, could wait for ever.

    :raises OSError: if it cannot be read, or is no regular file
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(0, "not a regular file", path)
    return open(fd, "rb")


def _copy(origin: IO[bytes], copy: IO[bytes]) -> None:
    try:
        import fcntl

        fcntl.ioctl(copy.fileno(), _FICLONE, origin.fileno())
    except (ImportError, OSError):
        import shutil

        shutil.copyfileobj(origin, copy, CHUNK)
