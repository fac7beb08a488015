"""Tree: what lies in a folder. Only what can be stored and given back as it was: files and folders, by name."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

__all__ = ("Entry", "Tree", "UnstorableError", "is_safe_name", "survey")


class UnstorableError(OSError):
    """Raised when a folder holds what cannot be stored and given back as it was."""


class Entry(NamedTuple):
    """A file in a folder."""

    name: bytes
    """The path from the folder down, with slashes; bytes, since names need not be text."""
    path: str
    executable: bool


class Tree(NamedTuple):
    files: list[Entry]
    folders: list[bytes]


def survey(root: str) -> Tree:
    """List what lies in a folder, in a fixed order.

    :raises UnstorableError: if there is a link, a pipe, a socket or a device in it
    :raises OSError: if it cannot be read
    """
    tree = Tree([], [])
    todo = [(root, b"")]
    while todo:
        folder, above = todo.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                name = above + os.fsencode(entry.name)
                _add(tree, entry, name)
                if entry.is_dir(follow_symlinks=False):
                    todo.append((entry.path, name + b"/"))
    tree.files.sort()
    tree.folders.sort()
    return tree


def is_safe_name(name: object) -> bool:
    """:return: whether it is a name that `survey` could have given, and so one that stays in its folder"""
    if not isinstance(name, bytes) or not name or b"\0" in name:
        return False
    return not any(part in (b"", b".", b"..") for part in name.split(b"/"))


def _add(tree: Tree, entry: os.DirEntry[str], name: bytes) -> None:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISREG(mode):
        tree.files.append(Entry(name, entry.path, bool(mode & 0o100)))
    elif stat.S_ISDIR(mode):
        tree.folders.append(name)
    else:
        kind = "a link" if stat.S_ISLNK(mode) else "no regular file"
        raise UnstorableError(f"{entry.path} is {kind}, and only files and folders can be stored; put a copy in its place")
