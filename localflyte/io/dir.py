"""Dir: a folder that a task takes or gives, passed by reference."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from collections.abc import Iterator
from typing import Any
from typing import ClassVar
from typing import Self
from typing import TypeVar

from localflyte.io.file import File
from localflyte.io.location import base_name
from localflyte.io.location import is_remote
from localflyte.io.location import is_short_lived
from localflyte.io.location import join
from localflyte.io.location import local_path as without_scheme
from localflyte.io.location import new_location
from localflyte.io.location import remote_filesystem
from localflyte.io.location import stable_path
from localflyte.io.stored import Stored
from localflyte.io.transfer import copy
from localflyte.io.transfer import exists
from localflyte.io.transfer import temporary_path
from localflyte.spec.packed import Ref

__all__ = ("Dir", "EmptyDir")

T = TypeVar("T")

_NOWHERE = "empty:"


class Dir(Stored[T]):
    """A folder with all that is in it.

    :param path: a local path, a ``file://`` URL, or a URL that fsspec can open
    :param name: the name for people; the last part of the path by default
    :param format: free text
    :param hash: the caller's own content key; without it the content decides whether a cached result fits
    """

    flyte_reference: ClassVar[str] = "Dir"
    _described = "A folder, by where it lies."
    _kind: ClassVar[str] = "dir"

    @classmethod
    def empty(cls) -> Dir[Any]:
        """:return: the Dir that stands for no folder at all; ask `is_empty`"""
        return EmptyDir()

    @property
    def is_empty(self) -> bool:
        """Whether this stands for no folder at all. A folder without files in it is none of these."""
        return self.path == _NOWHERE

    def to_ref(self) -> Ref | None:
        """Point at the content; an empty Dir has none."""
        return None if self.is_empty else super().to_ref()

    @classmethod
    def from_ref(cls, ref: Ref | None) -> Self:
        """Make the value again where its content arrived."""
        return cls(_NOWHERE, name="") if ref is None else super().from_ref(ref)

    @classmethod
    def new_remote(cls, dir_name: str | None = None, hash: str | None = None) -> Self:
        """Choose a place for a new folder among the run's data, and make it."""
        place = new_location(dir_name)
        if not is_remote(place):
            os.makedirs(place, exist_ok=True)
        return cls(place, name=dir_name or base_name(place), hash=hash)

    @classmethod
    def from_existing_remote(cls, remote_path: str, dir_cache_key: str | None = None) -> Self:
        """Point at a folder that is already where it should be; nothing is read or checked."""
        return cls(remote_path, hash=dir_cache_key)

    @classmethod
    def from_local_sync(
        cls, local_path: str | os.PathLike[str], remote_destination: str | None = None, dir_cache_key: str | None = None
    ) -> Self:
        """Pass on a local folder: from where it is, unless a destination is given, or a task made it among temporary files.

        :raises ValueError: if there is no such folder
        """
        origin = os.path.abspath(without_scheme(local_path))
        if not os.path.isdir(origin):
            raise ValueError(f"{'This is a file, not a folder' if os.path.exists(origin) else 'Folder not found'}: {origin}")
        if remote_destination is None and is_short_lived(origin):
            remote_destination = new_location(base_name(origin))
        place = origin if remote_destination is None else stable_path(copy(origin, remote_destination, recursive=True))
        return cls(place, name=base_name(origin), hash=dir_cache_key)

    @classmethod
    async def from_local(
        cls,
        local_path: str | os.PathLike[str],
        remote_destination: str | None = None,
        dir_cache_key: str | None = None,
        batch_size: int | None = None,  # noqa: ARG003 - flyte's name for a limit that only uploads need
    ) -> Self:
        """Pass on a local folder, from where it is unless a destination is given.

        :param batch_size: has a meaning on a cluster only
        :raises ValueError: if there is no such folder
        """
        if remote_destination is None:
            return cls.from_local_sync(local_path, None, dir_cache_key)
        from asyncio import to_thread

        return await to_thread(cls.from_local_sync, local_path, remote_destination, dir_cache_key)

    def walk_sync(self, recursive: bool = True, file_pattern: str = "*", max_depth: int | None = None) -> Iterator[File[T]]:
        """Go through the files in a fixed order.

        :param recursive: false for the files of the folder itself only
        :param file_pattern: what the name of a file has to match, such as ``"*.csv"``
        :param max_depth: how many levels of folders; 1 is the folder itself
        """
        from fnmatch import fnmatchcase

        depth = 1 if not recursive else max_depth
        for path in _remote_files(self.path, depth) if is_remote(self.path) else _files(self._folder(), depth):
            if file_pattern == "*" or fnmatchcase(base_name(path), file_pattern):
                yield File(path)

    async def walk(self, recursive: bool = True, max_depth: int | None = None, file_pattern: str = "*") -> AsyncIterator[File[T]]:
        """Go through the files in a fixed order; parameters as in `walk_sync`."""
        for file in self.walk_sync(recursive, file_pattern, max_depth):
            yield file

    def list_files_sync(self) -> list[File[T]]:
        """:return: the files of the folder itself, not of folders in it"""
        return list(self.walk_sync(recursive=False))

    async def list_files(self) -> list[File[T]]:
        """:return: the files of the folder itself, not of folders in it"""
        return self.list_files_sync()

    def get_file_sync(self, file_name: str) -> File[T] | None:
        """Find a file by its name, or by its path inside of the folder.

        :return: the file, or ``None`` if there is none
        """
        path = join(self.path, file_name)
        if is_remote(path):
            return File(path) if exists(path) else None
        return File(path) if os.path.isfile(without_scheme(path)) else None

    async def get_file(self, file_name: str) -> File[T] | None:
        """Find a file by its name; see `get_file_sync`."""
        return self.get_file_sync(file_name)

    def exists_sync(self) -> bool:
        """:return: whether the folder is there"""
        return not self.is_empty and exists(self.path)

    async def exists(self) -> bool:
        """:return: whether the folder is there"""
        return self.exists_sync()

    def download_sync(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Make a copy that is yours to change.

        :param local_path: the folder whose contents the copy becomes; a temporary folder by default
        :return: the absolute path of the copy
        """
        target = temporary_path(self.name) if local_path is None else os.fspath(local_path)
        if not is_remote(self.path) and os.path.realpath(target) == os.path.realpath(self._folder()):
            return os.path.abspath(target)
        return os.path.abspath(copy(self.path if is_remote(self.path) else self._folder(), target, recursive=True))

    async def download(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Make a copy that is yours to change; see `download_sync`."""
        from asyncio import to_thread

        return await to_thread(self.download_sync, local_path)

    def _folder(self) -> str:
        if self.is_empty:
            raise ValueError("This Dir stands for no folder at all; ask its is_empty before you use it.")
        return without_scheme(self.path)


class EmptyDir(Dir[Any]):
    """The Dir that stands for no folder at all. It arrives as a plain Dir whose `is_empty` is true."""

    def __init__(
        self, path: Any = None, name: str | None = None, format: str = "", hash: str | None = None, hash_method: Any = None
    ) -> None:
        super().__init__(_NOWHERE, name or "", format, hash, hash_method)


def _files(folder: str, depth: int | None) -> Iterator[str]:
    inner: list[str] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                inner.append(entry.path)
            elif entry.is_file():
                yield entry.path
    if depth is None or depth > 1:
        for path in inner:
            yield from _files(path, None if depth is None else depth - 1)


def _remote_files(path: str, depth: int | None) -> Iterator[str]:
    system, inner = remote_filesystem(path)
    for found in sorted(system.find(inner, maxdepth=depth)):
        yield system.unstrip_protocol(found)
