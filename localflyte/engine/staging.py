"""Staging: files and folders for a task that does not see where they are are brought to where it does, as a cluster uploads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from collections.abc import Sequence

import anyio.to_thread

from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref

__all__ = ("is_seen", "stage")

SCHEME = "file://"


def is_seen(values: Iterable[Packed], sees: Sequence[str] | None) -> bool:
    """:return: whether a process that sees these folders, all of them if it is ``None``, sees all that the values point at"""
    return sees is None or not any(_is_hidden(ref, sees) for value in values for ref in value.refs)


async def stage(values: Sequence[Packed], sees: Sequence[str], folder: str) -> tuple[Packed, ...]:
    """Copy what is out of sight.

    :param folder: where to, which the task sees
    :return: the values, pointing at the copies
    """
    copies: dict[str, str] = {}
    moved = tuple(value._replace(refs=tuple(_moved(ref, sees, folder, copies) for ref in value.refs)) for value in values)
    await anyio.to_thread.run_sync(_copy_all, copies)
    return moved


def _is_hidden(ref: Ref, sees: Sequence[str]) -> bool:
    path = ref.path.removeprefix(SCHEME)
    return os.path.isabs(path) and not any(os.path.join(path, "").startswith(os.path.join(root, "")) for root in sees)


def _moved(ref: Ref, sees: Sequence[str], folder: str, copies: dict[str, str]) -> Ref:
    if not _is_hidden(ref, sees):
        return ref
    path = ref.path.removeprefix(SCHEME)
    place = copies.setdefault(path, os.path.join(folder, str(len(copies)), os.path.basename(path.rstrip("/")) or "content"))
    return ref._replace(path=place)


def _copy_all(copies: dict[str, str]) -> None:
    for path, place in copies.items():
        os.makedirs(os.path.dirname(place), 0o700, exist_ok=True)
        if os.path.isdir(path):
            shutil.copytree(path, place, dirs_exist_ok=True)
        elif os.path.exists(path):  # what is nowhere is for the task to miss
            shutil.copyfile(path, place)
