"""Transfer: copies of files and folders between places of this machine and others."""

from __future__ import annotations

import os

from localflyte.io.location import base_name
from localflyte.io.location import is_remote
from localflyte.io.location import local_path
from localflyte.io.location import remote_filesystem

__all__ = ("copy", "exists", "temporary_path")


def copy(source: str, target: str, *, recursive: bool = False) -> str:
    """Copy a file, or with `recursive` the contents of a folder, making the folders above.

    :param target: where to; a file goes into it if it is a folder or ends with a slash
    :return: where the copy is
    :raises FileNotFoundError: if there is nothing to copy
    """
    if is_remote(source) or is_remote(target):
        return _copy_remote(source, target, recursive=recursive)
    origin, place = local_path(source), local_path(target)
    if recursive:
        from shutil import copytree

        if _is_inside(place, origin):
            raise ValueError(f"cannot copy the folder {origin} into itself ({place})")
        copytree(origin, place, dirs_exist_ok=True)
        return place
    from shutil import copyfile

    if place.endswith(os.sep) or os.path.isdir(place):
        place = os.path.join(place, base_name(origin))
    os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
    if not (os.path.exists(place) and os.path.samefile(origin, place)):
        copyfile(origin, place)
    return place


def _is_inside(place: str, folder: str) -> bool:
    inner, outer = os.path.realpath(place), os.path.realpath(folder)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def _copy_remote(source: str, target: str, *, recursive: bool) -> str:
    if is_remote(source):
        system, inner = remote_filesystem(source)
        if is_remote(target):
            raise ValueError(f"localflyte copies from or to this machine, not from {source} to {target}")
        place = local_path(target)
        if not recursive and (place.endswith(os.sep) or os.path.isdir(place)):
            place = os.path.join(place, base_name(source))
        os.makedirs(os.path.dirname(os.path.abspath(place)), exist_ok=True)
        system.get(inner, place, recursive=recursive)
        return place
    system, inner = remote_filesystem(target)
    system.put(local_path(source), inner, recursive=recursive)
    return target


def exists(path: str) -> bool:
    """:return: whether there is a file or folder at the path"""
    if is_remote(path):
        system, inner = remote_filesystem(path)
        return bool(system.exists(inner))
    return os.path.exists(local_path(path))


def temporary_path(name: str | None = None) -> str:
    """:return: a path of this name in a fresh temporary folder; nothing is there yet"""
    from tempfile import mkdtemp

    return os.path.join(mkdtemp(prefix="localflyte-"), name or "content")
