"""Listing: the files of a folder in which each lies under its digest, below the first two letters of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from localflyte.store.blobs import is_digest

__all__ = ("StoredFile", "list_files", "list_strange")


class StoredFile(NamedTuple):
    digest: str
    path: str
    size: int
    changed: float
    """When it was written, in seconds since the epoch, as its filesystem tells time."""


def list_files(root: str) -> Iterator[StoredFile]:
    """List regular files under their digests. Links are not followed, and what has another name is passed over.

    :param root: need not be there
    """
    for folder in _folders(root):
        for entry in _entries(folder.path):
            if _is_ours(folder, entry):
                with suppress(FileNotFoundError):  # somebody else has just removed it
                    info = entry.stat(follow_symlinks=False)
                    yield StoredFile(entry.name, entry.path, info.st_size, info.st_mtime)


def list_strange(root: str, known: tuple[str, ...] = ()) -> Iterator[str]:
    """List the paths of what else is there.

    :param known: the names of folders that belong there
    """
    names = {folder.name for folder in _folders(root)}
    yield from (entry.path for entry in _entries(root) if entry.name not in names and entry.name not in known)
    for folder in _folders(root):
        yield from (entry.path for entry in _entries(folder.path) if not _is_ours(folder, entry))


def _folders(root: str) -> list[os.DirEntry[str]]:
    return sorted(
        (entry for entry in _entries(root) if is_digest(entry.name * 32) and entry.is_dir(follow_symlinks=False)),
        key=lambda entry: entry.name,
    )


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []


def _is_ours(folder: os.DirEntry[str], entry: os.DirEntry[str]) -> bool:
    return is_digest(entry.name) and entry.name.startswith(folder.name) and entry.is_file(follow_symlinks=False)
