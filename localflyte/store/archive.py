"""Archive: a store as plain files, in a folder or a tar file: ``records/ab/<key>``, ``code/ab/<digest>``, ``blobs/ab/<digest>``.

What an archive holds was written by others. A tar file is read header by header and never extracted: only regular members count whose
names are of that shape, whatever else its format can say (links, devices, long names, sparse files) is passed over, and what the
headers declare is added up before it is read.
"""

from __future__ import annotations

import os
import re
import tarfile
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from typing import IO
from typing import NamedTuple
from typing import Protocol

from localflyte.store.blobs import CHUNK
from localflyte.store.blobs import Readable
from localflyte.store.blobs import hash_file
from localflyte.store.blobs import open_regular
from localflyte.store.listing import list_files
from localflyte.store.listing import list_strange
from localflyte.store.private import create_file
from localflyte.store.private import make_folder
from localflyte.store.tier import CODE
from localflyte.store.tier import RECORDS

__all__ = (
    "BLOBS",
    "CODE",
    "KINDS",
    "RECORDS",
    "Archive",
    "ArchiveError",
    "DamagedArchiveError",
    "Member",
    "Writer",
    "create_archive",
    "open_archive",
)

BLOBS = "blobs"
KINDS = (BLOBS, CODE, RECORDS)  # in the order in which they are written: blobs are there before what names them
SUFFIXES = (".tar", ".tar.gz", ".tgz")
MOST_MEMBERS = 2_000_000
MOST_REFUSED = 1000  # names that are kept
BLOCK = tarfile.BLOCKSIZE
_NAME = re.compile(rf"(?:\./)?({'|'.join(KINDS)})/([0-9a-f]{{2}})/(\2[0-9a-f]{{62}})\Z")
#: what a tar file says of itself or of the next member, and folders
_PASSED = (tarfile.DIRTYPE, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class ArchiveError(Exception):
    """Raised when an archive cannot be read or written, or declares more than is let in."""


class DamagedArchiveError(ArchiveError):
    """Raised where an archive cannot be read any further. What came before was as it should be."""


class Member(NamedTuple):
    kind: str
    digest: str
    size: int
    data: Readable
    """To be read before the next member is asked for."""


class Archive(Protocol):
    """What is read from."""

    refused: set[str]
    """The names of what is no member of an archive."""

    def members(self, *kinds: str) -> Iterator[Member]:
        """List members, each time from the beginning.

        :raises DamagedArchiveError: where the archive cannot be read any further
        :raises ArchiveError: if it is none, or declares more than is let in
        """


class Writer(Protocol):
    """What is written to."""

    def add(self, kind: str, digest: str, size: int, data: Readable) -> None: ...


def open_archive(path: str, max_bytes: int) -> Archive:
    """:param max_bytes: that the members may have together
    :raises ArchiveError: if there is none
    """
    if os.path.isdir(path):
        if not any(os.path.isdir(os.path.join(path, kind)) for kind in KINDS):
            raise ArchiveError(f"{path} is no archive of localflyte: it has none of the folders {', '.join(KINDS)}")
        return _Folder(path, max_bytes)
    if not os.path.exists(path):
        raise ArchiveError(f"there is no {path}")
    return _Tar(path, max_bytes)


@contextmanager
def create_archive(path: str) -> Iterator[Writer]:
    """Write an archive. A tar file is there when it is whole; what is in a folder already stays.

    :param path: a name that ends like that of a tar file stands for one, any other for a folder
    :raises ArchiveError: if something else is there
    :raises OSError: if it cannot be written
    """
    if path.endswith(SUFFIXES):
        if os.path.isdir(path):
            raise ArchiveError(f"{path} is a folder; name a file, or a folder without {' or '.join(SUFFIXES)} at its end")
        make_folder(os.path.dirname(os.path.abspath(path)))
        with _draft(path) as file, _packed(path, file) as packed, tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar:
            yield _TarWriter(tar)
        return
    if path.endswith((".zip", ".gz", ".bz2", ".xz", ".zst", ".7z")):
        raise ArchiveError(f"{path} would be a folder of that name; name a folder, or a file that ends with {' or '.join(SUFFIXES)}")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ArchiveError(f"{path} is a file; name a folder, or a file that ends with {' or '.join(SUFFIXES)}")
    other = sorted(set(os.listdir(path)) - set(KINDS)) if os.path.isdir(path) else []
    if other:
        raise ArchiveError(f"{path} holds {other[0]!r}, which is no part of an archive; name another folder")
    for kind in KINDS:
        make_folder(os.path.join(path, kind))
    yield _FolderWriter(path)


class _Count:
    """What an archive has declared so far."""

    def __init__(self, path: str, max_bytes: int) -> None:
        self._path = path
        self._left = max_bytes
        self.members = 0

    def add(self, size: int) -> None:
        self._left -= size
        self.members += 1
        if self._left < 0:
            raise ArchiveError(f"{self._path} declares more bytes than cache_max_bytes lets in; set LOCALFLYTE_CACHE_MAX_BYTES higher")
        if self.members > MOST_MEMBERS:
            raise ArchiveError(f"{self._path} has more than {MOST_MEMBERS:,} members; export it in parts, with --task or --run")


# -- folders ----------------------------------------------------------------------------------------------------------


class _Folder:
    def __init__(self, path: str, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self.refused: set[str] = set()

    def members(self, *kinds: str) -> Iterator[Member]:
        count = _Count(self._path, self._max_bytes)
        for kind in kinds:
            folder = os.path.join(self._path, kind)
            self.refused.update(os.path.relpath(path, self._path) for path in list_strange(folder))
            for file in list_files(folder):
                count.add(file.size)
                try:
                    data = open_regular(file.path)
                except OSError:
                    self.refused.add(os.path.relpath(file.path, self._path))
                    continue
                with data:
                    yield Member(kind, file.digest, file.size, data)


class _FolderWriter:
    def __init__(self, path: str) -> None:
        self._path = path

    def add(self, kind: str, digest: str, size: int, data: Readable) -> None:
        path = os.path.join(self._path, kind, digest[:2], digest)
        with suppress(OSError):
            if kind != RECORDS and os.path.getsize(path) == size and hash_file(path) == digest:
                return
        make_folder(os.path.dirname(path))
        with _draft(path) as file:
            while chunk := data.read(CHUNK):
                file.write(chunk)


# -- tar files --------------------------------------------------------------------------------------------------------


class _Tar:
    def __init__(self, path: str, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self.refused: set[str] = set()

    def members(self, *kinds: str) -> Iterator[Member]:
        count = _Count(self._path, self._max_bytes)
        with self._open() as file:
            while (header := self._header(file, is_first=not count.members)) is not None:
                count.add(header.size)
                part = _Part(file, header.size, self._path)
                match = _NAME.match(header.name) if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE) else None
                if match is None and header.type not in _PASSED and len(self.refused) < MOST_REFUSED:
                    self.refused.add(header.name)
                elif match is not None and match[1] in kinds:
                    yield Member(match[1], match[3], header.size, part)
                part.skip()

    def _header(self, file: IO[bytes], *, is_first: bool) -> tarfile.TarInfo | None:
        """:return: the next header; ``None`` at the end"""
        block = _Part(file, BLOCK, self._path).read(BLOCK)
        if not any(block):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError, OverflowError) as error:
            if is_first:
                raise ArchiveError(f"{self._path} is no tar file") from error
            raise DamagedArchiveError(f"{self._path} is damaged: {error}") from error
        if header.size < 0:
            raise DamagedArchiveError(f"{self._path} is damaged: a member has {header.size} bytes")
        return header

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        try:
            with open_regular(self._path) as file:
                packed = file.peek(2)[:2] == b"\x1f\x8b"
                if not packed:
                    yield file
                    return
                import gzip

                with gzip.GzipFile(fileobj=file) as unpacked:
                    yield unpacked  # type: ignore[misc]  # it reads like a file
        except OSError as error:
            raise ArchiveError(f"{self._path} cannot be read: {error.strerror or error}") from error


class _Part:
    """The bytes of one member."""

    def __init__(self, file: IO[bytes], size: int, path: str) -> None:
        self._file = file
        self._left = size
        self._padding = -size % BLOCK
        self._path = path

    def read(self, size: int, /) -> bytes:
        wanted = min(size, self._left)
        try:
            data = self._file.read(wanted)
        except (EOFError, zlib.error, OSError) as error:
            raise DamagedArchiveError(f"{self._path} is damaged: {error}") from error
        if len(data) < wanted:
            raise DamagedArchiveError(f"{self._path} is damaged: it ends in the middle")
        self._left -= len(data)
        return data

    def skip(self) -> None:
        """Go on to the next header."""
        self._left += self._padding
        while self._left:
            self.read(CHUNK)


class _TarWriter:
    """The same content makes the same bytes: members come in order, and have no times and owners."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, kind: str, digest: str, size: int, data: Readable) -> None:
        member = tarfile.TarInfo(f"{kind}/{digest[:2]}/{digest}")
        member.size, member.mode = size, 0o600
        self._tar.addfile(member, data)  # type: ignore[arg-type]  # which reads from it, and no more


@contextmanager
def _packed(path: str, file: IO[bytes]) -> Iterator[IO[bytes]]:
    if path.endswith(".tar"):
        yield file
        return
    import gzip

    with gzip.GzipFile("", "wb", 6, file, mtime=0) as packer:
        yield packer  # type: ignore[misc]  # it is written to like a file


@contextmanager
def _draft(path: str) -> Iterator[IO[bytes]]:
    """Write a file beside its place, and put it there when it is whole."""
    beside = f"{path}.{uuid.uuid4().hex}.part"
    try:
        with open(create_file(beside, 0o600), "wb") as file:
            yield file
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
