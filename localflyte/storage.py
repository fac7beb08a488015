"""flyte.storage: copying, opening and joining paths. Local ones need nothing; others go through fsspec where it is installed."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

from localflyte.io.location import base_name
from localflyte.io.location import is_remote
from localflyte.io.location import join
from localflyte.io.location import local_path
from localflyte.io.location import new_location
from localflyte.io.location import remote_filesystem
from localflyte.io.location import stable_path
from localflyte.io.streams import AsyncStream
from localflyte.io.streams import open_stream
from localflyte.io.transfer import copy
from localflyte.io.transfer import exists as exists_sync
from localflyte.io.transfer import temporary_path

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

__all__ = (
    "ABFS",
    "GCS",
    "S3",
    "Storage",
    "exists",
    "exists_sync",
    "get",
    "get_configured_fsspec_kwargs",
    "get_random_local_directory",
    "get_random_local_path",
    "get_stream",
    "get_underlying_filesystem",
    "is_remote",
    "join",
    "open",
    "put",
    "put_stream",
)


@dataclass(frozen=True)
class Storage:
    """How a Flyte cluster's object store is reached. localflyte takes it and needs none of it: its store is a local folder."""

    retries: int = 3
    backoff: timedelta | None = None
    enable_debug: bool = False
    attach_execution_metadata: bool = True

    @classmethod
    def auto(cls, **settings: Any) -> Any:
        """Take the settings that were given, the rest from the environment of the cluster."""
        return cls(**settings)


@dataclass(frozen=True)
class S3(Storage):
    """Amazon S3 or what speaks like it."""

    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    region: str | None = None
    addressing_style: str | None = None

    @classmethod
    def for_sandbox(cls) -> S3:
        """:return: the settings of Flyte's sandbox"""
        return cls(endpoint="http://localhost:4566", access_key_id="minio", secret_access_key="miniostorage")  # noqa: S106 - published by the sandbox


@dataclass(frozen=True)
class GCS(Storage):
    """Google Cloud Storage."""

    gsutil_parallelism: bool = False


@dataclass(frozen=True)
class ABFS(Storage):
    """Azure Blob Storage."""

    account_name: str | None = None
    account_key: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


async def get(from_path: str, to_path: str | os.PathLike[str] | None = None, recursive: bool = False, **_: Any) -> str:
    """Copy to this machine.

    :param to_path: where to; a file goes into it if it is a folder; a temporary folder by default
    :return: where the copy is
    """
    from asyncio import to_thread

    target = temporary_path(base_name(from_path)) if not to_path else os.fspath(to_path)
    return await to_thread(copy, from_path, target, recursive=recursive)


async def put(from_path: str, to_path: str | None = None, recursive: bool = False, batch_size: int | None = None, **_: Any) -> str:
    """Copy from this machine.

    :param to_path: where to; a place among the run's data by default
    :return: where the copy is
    """
    from asyncio import to_thread

    target = to_path or new_location(base_name(from_path))
    return stable_path(await to_thread(copy, from_path, target, recursive=recursive))


async def open(path: str, mode: str = "rb", **options: Any) -> AsyncStream:
    """Open a file with awaitable methods."""
    return AsyncStream(open_stream(path, mode, **options))


async def put_stream(
    data_iterable: AsyncIterable[bytes] | bytes, *, name: str | None = None, to_path: str | None = None, **options: Any
) -> str:
    """Write a stream of bytes to a file, with the folders that it lies in: the store of a cluster has none to be missing.

    :param name: the name of the file, if `to_path` is not given
    :return: where the file is
    """
    target = to_path or new_location(name)
    _make_room(target)
    with open_stream(target, "wb", **options) as stream:
        if isinstance(data_iterable, bytes):
            stream.write(data_iterable)
        else:
            async for part in data_iterable:
                stream.write(part)
    return target


def _make_room(path: str) -> None:
    if not is_remote(path):
        os.makedirs(os.path.dirname(os.path.abspath(local_path(path))), exist_ok=True)


async def get_stream(path: str, chunk_size: int = 10 * 2**20, **options: Any) -> AsyncGenerator[bytes, None]:
    """Read a file in pieces."""
    with open_stream(path, "rb", **options) as stream:
        while chunk := stream.read(chunk_size):
            yield chunk


async def exists(path: str, **_: Any) -> bool:
    """:return: whether there is a file or folder at the path"""
    return exists_sync(path)


def get_random_local_path(file_path_or_file_name: str | os.PathLike[str] | None = None) -> Path:
    """:return: a path in a fresh temporary folder, with the name of the one that was given"""
    from pathlib import Path

    name = base_name(os.fspath(file_path_or_file_name)) if file_path_or_file_name else None
    return Path(temporary_path(name))


def get_random_local_directory() -> Path:
    """:return: a fresh temporary folder"""
    folder = get_random_local_path()
    folder.mkdir()
    return folder


def get_configured_fsspec_kwargs(protocol: str | None = None, anonymous: bool = False) -> dict[str, Any]:
    """:return: nothing: localflyte leaves the settings of fsspec as they are"""
    return {}


def get_underlying_filesystem(protocol: str | None = None, anonymous: bool = False, path: str | None = None, **_: Any) -> Any:
    """Find the fsspec filesystem of a protocol or path.

    :raises RuntimeError: if fsspec, or what it needs for the protocol, is not installed
    """
    where = path if path is not None and protocol is None else f"{protocol or 'file'}://"
    return remote_filesystem(where if is_remote(where) else f"file://{os.path.abspath(path or os.sep)}")[0]
