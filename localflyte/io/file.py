"""File: one file that a task takes or gives, passed by reference and read where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from typing import Any
from typing import ClassVar
from typing import Self
from typing import TypeVar

from localflyte.io.hashing import HashMethod
from localflyte.io.hashing import hash_of_file
from localflyte.io.hashing import split_hash_method
from localflyte.io.location import base_name
from localflyte.io.location import is_remote
from localflyte.io.location import is_short_lived
from localflyte.io.location import local_path
from localflyte.io.location import named_location
from localflyte.io.location import new_location
from localflyte.io.location import stable_path
from localflyte.io.stored import Stored
from localflyte.io.streams import AsyncOpening
from localflyte.io.streams import open_stream
from localflyte.io.streams import writes
from localflyte.io.transfer import copy
from localflyte.io.transfer import exists
from localflyte.io.transfer import temporary_path

__all__ = ("File",)

T = TypeVar("T")


class File(Stored[T]):
    """A file.

    :param path: a local path, a ``file://`` URL, or a URL that fsspec can open
    :param name: the name for people; the last part of the path by default
    :param format: free text, such as ``"csv"``
    :param hash: the caller's own content key; without it the content decides whether a cached result fits
    :param hash_method: computes `hash` when the file is written through `open`
    """

    flyte_reference: ClassVar[str] = "File"
    _described = "A file, by where it lies."
    _kind: ClassVar[str] = "file"

    @classmethod
    def new_remote(cls, file_name: str | None = None, hash_method: HashMethod | str | None = None) -> Self:
        """Choose a place for a new file among the run's data; write to it with `open`."""
        key, method = split_hash_method(hash_method)
        return cls(new_location(file_name), hash=key, hash_method=method)

    @classmethod
    def named_remote(cls, name: str) -> Self:
        """Choose the place of this name in the run, the same in every attempt of the task.

        :raises ValueError: if no task is running, or the name is no plain file name
        """
        return cls(named_location(name))

    @classmethod
    def from_existing_remote(cls, remote_path: str, file_cache_key: str | None = None) -> Self:
        """Point at a file that is already where it should be; nothing is read or checked."""
        return cls(remote_path, hash=file_cache_key)

    @classmethod
    def from_local_sync(
        cls, local_path: str | os.PathLike[str], remote_destination: str | None = None, hash_method: HashMethod | str | None = None
    ) -> Self:
        """Pass on a local file: from where it is, unless a destination is given, or a task made it among temporary files.

        :raises ValueError: if there is no such file
        """
        origin = _local_file(local_path)
        key, method = split_hash_method(hash_method)
        if method is not None:
            key = hash_of_file(origin, method)
        if remote_destination is None and is_short_lived(origin):
            remote_destination = new_location(base_name(origin))
        place = origin if remote_destination is None else stable_path(copy(origin, remote_destination))
        return cls(place, name=base_name(origin), hash=key, hash_method=method)

    @classmethod
    async def from_local(
        cls, local_path: str | os.PathLike[str], remote_destination: str | None = None, hash_method: HashMethod | str | None = None
    ) -> Self:
        """Pass on a local file, from where it is unless a destination is given.

        :raises ValueError: if there is no such file
        """
        if remote_destination is None and not isinstance(hash_method, HashMethod):
            return cls.from_local_sync(local_path, None, hash_method)
        from asyncio import to_thread

        return await to_thread(cls.from_local_sync, local_path, remote_destination, hash_method)

    def open(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> AsyncOpening:
        """Open the file with awaitable methods: ``async with file.open() as stream: await stream.read()``.

        :param block_size: this and the two cache options matter for remote paths only
        :param compression: ``"gzip"``, ``"bz2"``, ``"xz"`` or ``"infer"``
        :param options: further arguments of Python's `open`
        """
        hints = _hints(self.path, block_size, cache_type, cache_options)
        return AsyncOpening(lambda: open_stream(self.path, mode, compression=compression, **hints, **options), lambda: self._written(mode))

    @contextmanager
    def open_sync(
        self,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str = "readahead",
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **options: Any,
    ) -> Iterator[IO[Any]]:
        """Open the file; parameters as in `open`."""
        hints = _hints(self.path, block_size, cache_type, cache_options)
        with open_stream(self.path, mode, compression=compression, **hints, **options) as stream:
            yield stream
        self._written(mode)

    def _written(self, mode: str) -> None:
        if self.hash_method is not None and writes(mode) and not is_remote(self.path):
            self.hash = hash_of_file(local_path(self.path), self.hash_method)

    def _shown(self, between: str) -> str:
        return f"{super()._shown(between)}{between}hash_method={self.hash_method!r}"

    def exists_sync(self) -> bool:
        """:return: whether the file is there"""
        return exists(self.path)

    async def exists(self) -> bool:
        """:return: whether the file is there"""
        return self.exists_sync()

    def download_sync(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Make a copy that is yours to change.

        :param local_path: where to; into it if it is a folder or ends with a slash; a temporary folder by default
        :return: the absolute path of the copy
        """
        target = temporary_path(self.name) if local_path is None else os.fspath(local_path)
        return os.path.abspath(copy(self.path, target))

    async def download(self, local_path: str | os.PathLike[str] | None = None) -> str:
        """Make a copy that is yours to change; see `download_sync`."""
        from asyncio import to_thread

        return await to_thread(self.download_sync, local_path)


def _local_file(path: str | os.PathLike[str]) -> str:
    origin = os.path.abspath(local_path(path))
    if not os.path.exists(origin):
        raise ValueError(f"File not found: {origin}")
    if os.path.isdir(origin):
        raise ValueError(f"{origin} is a folder, not a file; pass it on with flyte.io.Dir.from_local")
    return origin


def _hints(path: str, block_size: int | None, cache_type: str, cache_options: dict[str, Any] | None) -> dict[str, Any]:
    if not is_remote(path):
        return {}
    hints: dict[str, Any] = {"cache_type": cache_type, "cache_options": cache_options or {}}
    return {**hints, "block_size": block_size} if block_size else hints
