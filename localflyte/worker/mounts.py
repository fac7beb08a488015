"""Mounts: has a folder seen under another path, for what Python code opens, lists and asks about.

A program finds its secrets in ``/etc/flyte/secrets/<group>/<key>``, as on a cluster, and no ordinary user can make that
folder. So the functions that take a path are wrapped, in the processes of tasks that asked for such a file and nowhere else.
Programs that a task starts and libraries that open files in C see the system as it is; ``FLYTE_SECRETS_DEFAULT_DIR`` tells
them where the files really are.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

__all__ = ("mount", "remove_folder")

_IN_OS = ("access", "listdir", "lstat", "open", "readlink", "scandir", "stat")
_SUPPORT = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")

_lstat = os.lstat  # as it was
_mounts: dict[str, str] = {}


def mount(mounts: Mapping[str, str]) -> None:
    """Have folders seen under other paths from now on.

    :param mounts: where they are to be seen, and where they are
    """
    if not _mounts:
        builtins.open = io.open = _wrapped(io.open, "file")
        for name in _IN_OS:
            original = getattr(os, name)
            wrapped = _wrapped(original, "path")
            setattr(os, name, wrapped)
            for known in _SUPPORT:  # the standard library looks there for what it may do
                if original in getattr(os, known):
                    getattr(os, known).add(wrapped)
    _mounts.update(mounts)


def remove_folder(folder: str) -> None:
    """Remove a folder of plain files."""
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            with suppress(OSError):
                os.unlink(os.path.join(path, name))
        with suppress(OSError):
            os.rmdir(path)


def _wrapped(original: Any, keyword: str) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        if args:
            args = (_found(args[0]), *args[1:])
        elif keyword in kwargs:
            kwargs[keyword] = _found(kwargs[keyword])
        return original(*args, **kwargs)

    for name in ("__name__", "__qualname__", "__doc__", "__module__"):
        setattr(function, name, getattr(original, name))
    return function


def _found(path: Any) -> Any:
    """:return: where what is asked for really is; anything that is not below a mount stays as it is"""
    if not isinstance(path, str):
        if not hasattr(path, "__fspath__") and not isinstance(path, bytes):
            return path  # a descriptor, or what the function will complain about
        text = os.fsdecode(path)
    else:
        text = path
    for seen, real in _mounts.items():
        if text.startswith(seen) and text[len(seen) : len(seen) + 1] in ("", "/"):
            below = text[len(seen) :].strip("/")
            folder, _, name = below.rpartition("/")
            for place in (below, os.path.join(folder, name.lower())):
                there = os.path.join(real, place).rstrip("/")
                if _exists(there):
                    return os.fsencode(there) if isinstance(path, bytes) else there
    return path


def _exists(path: str) -> bool:
    try:
        _lstat(path)
    except (OSError, ValueError):
        return False
    return True
