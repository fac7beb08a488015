"""Shelf: the environments that are kept, each in a folder called by what it is made of.

One is made beside, under a name that nobody looks for, and moved in one step; who comes second drops his. Whoever uses one holds a
lock on its mark as long as the process lives, and what is removed is moved away first: so nobody is left with half of one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from psutil import pid_exists

__all__ = ("Shelf",)

MARK = ".ok"
DRAFT = ".tmp-"


class Shelf:
    """:param folder: where they lie
    :param most: how many are kept
    """

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self._most = most
        self._held: dict[str, int] = {}

    def take(self, key: str) -> Path | None:
        """Use an environment, which then stays until `close`.

        :return: its folder, or ``None`` if there is none
        """
        path = self.folder / key
        if key in self._held:
            return path
        try:
            mark = os.open(path / MARK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        fcntl.flock(mark, fcntl.LOCK_SH)
        if not _is_still(mark, path / MARK) or not os.path.exists(python_of(path)):
            os.close(mark)
            return None
        os.utime(mark)
        self._held[key] = mark
        return path

    def draft(self, key: str) -> Path:
        """:return: a folder that is not there yet, to make an environment in"""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{DRAFT}{key}-{os.getpid()}-{os.urandom(3).hex()}"

    def put(self, key: str, draft: Path) -> Path:
        """Put an environment that is complete on the shelf, and use it; of two that are alike the first stays."""
        (draft / MARK).write_text(f"{key}\n", encoding="utf-8")
        while True:
            if (known := self.take(key)) is not None:
                shutil.rmtree(draft, ignore_errors=True)
                return known
            try:
                os.rename(draft, self.folder / key)
            except OSError:  # something is there, and it is no environment that can be used
                self._remove(self.folder / key)

    def sweep(self) -> None:
        """Remove what was used longest ago of more than may be kept, and what makers left that are no more."""
        kept = sorted(self._marked(), key=lambda pair: pair[0], reverse=True)
        for _, path in kept[self._most :]:
            lock = None if path.name in self._held else _lock_alone(path / MARK)
            if lock is not None:
                self._remove(path)  # under the lock: who waits for it looks again whether it is there
                os.close(lock)
        for draft in self.folder.glob(f"{DRAFT}*"):
            owner = draft.name.split("-")[-2]
            if owner.isdigit() and not pid_exists(int(owner)):
                shutil.rmtree(draft, ignore_errors=True)

    def close(self) -> None:
        """Use nothing any more."""
        for mark in self._held.values():
            os.close(mark)
        self._held.clear()

    def _marked(self) -> Iterator[tuple[float, Path]]:
        for mark in self.folder.glob(f"*/{MARK}"):
            if not mark.parent.name.startswith(DRAFT):
                yield mark.stat().st_mtime, mark.parent

    def _remove(self, path: Path) -> None:
        away = self.draft(path.name)
        try:
            os.rename(path, away)
        except OSError:
            return  # somebody else did
        shutil.rmtree(away, ignore_errors=True)


def python_of(folder: Path) -> str:
    """:return: the interpreter of an environment"""
    return str(folder / "bin" / "python")


def _is_still(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one that has that name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _lock_alone(mark: Path) -> int | None:
    """:return: a descriptor that nobody else can lock, or ``None`` if somebody has"""
    try:
        descriptor = os.open(mark, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
