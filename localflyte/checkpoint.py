"""Checkpoint: what an attempt leaves for the attempt after it, so that a retry need not start from the beginning."""

from __future__ import annotations

import os
from abc import ABC
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("BaseCheckpoint", "Checkpoint", "latest_checkpoint")

PAYLOAD = "payload"  # Flyte's name for a checkpoint that is one file


class BaseCheckpoint(ABC):
    """What every checkpoint can do. Async tasks await `load` and `save`; sync tasks use the forms with ``_sync``."""

    @property
    @abstractmethod
    def path(self) -> Path:
        """A folder of this attempt's own, which a loaded checkpoint lies in."""

    @abstractmethod
    def prev_exists(self) -> bool:
        """:return: whether an attempt before this one has left a checkpoint"""

    @abstractmethod
    async def load(self) -> Path | None:
        """Get what the attempt before this one saved.

        :return: a file for one file or bytes, a folder for a folder; ``None`` where nothing was saved
        """

    @abstractmethod
    async def save(self, data: Path | str | bytes) -> None:
        """Leave something for the next attempt, in place of what this attempt saved before.

        :param data: bytes, or a file or a folder to be copied
        :raises FileNotFoundError: if there is no such file
        """

    @abstractmethod
    def load_sync(self) -> Path | None:
        """Do as `load`."""

    @abstractmethod
    def save_sync(self, data: Path | str | bytes) -> None:
        """Do as `save`."""


class Checkpoint(BaseCheckpoint):
    """The checkpoint of one action. Each attempt has a place of its own, and sees what the last one before it saved.

    What is saved is there whole or not at all, however the task ends: it is written beside, and renamed.

    :param checkpoint_dest: the path, or its ``file://`` URL, that this attempt saves to
    :param checkpoint_src: the one that an attempt before has saved to
    """

    def __init__(self, checkpoint_dest: str | os.PathLike[str], checkpoint_src: str | os.PathLike[str] | None = None) -> None:
        self._given = os.fspath(checkpoint_dest), os.fspath(checkpoint_src) if checkpoint_src else None
        self._destination = _local(self._given[0])
        self._source = _local(self._given[1]) if self._given[1] else None
        self._loaded: Path | None = None

    @property
    def remote_destination(self) -> str:
        """Where this attempt saves."""
        return self._given[0]

    @property
    def remote_source(self) -> str | None:
        """Where an attempt before this one has saved."""
        return self._given[1]

    @property
    def path(self) -> Path:
        """A folder of this attempt's own, which a loaded checkpoint lies in."""
        from pathlib import Path

        folder = Path(f"{self._destination}.loaded")
        folder.mkdir(0o700, parents=True, exist_ok=True)
        return folder

    def prev_exists(self) -> bool:
        """:return: whether an attempt before this one has left a checkpoint"""
        return self._source is not None and os.path.exists(self._source)

    async def load(self) -> Path | None:
        """Get what the attempt before this one saved, as `load_sync` does."""
        from asyncio import to_thread

        return await to_thread(self.load_sync)

    async def save(self, data: Path | str | bytes) -> None:
        """Leave something for the next attempt, as `save_sync` does."""
        from asyncio import to_thread

        await to_thread(self.save_sync, data)

    def load_sync(self) -> Path | None:
        """Get what the attempt before this one saved. What was loaded once is not loaded over: the task may have changed it.

        :return: a file for one file or bytes, a folder for a folder or a tar archive; ``None`` where nothing was saved
        """
        if self._loaded is None and self._source is not None and os.path.exists(self._source):
            self._loaded = self._load(self._source)
        return self._loaded

    def _load(self, source: str) -> Path:
        import tarfile
        from shutil import copy2
        from shutil import copytree

        if os.path.isdir(source):
            copytree(source, self.path, symlinks=True, dirs_exist_ok=True)
            return self.path
        if tarfile.is_tarfile(source):  # Flyte keeps a folder as one, and so unpacks those that programs save themselves
            with tarfile.open(source) as archive:
                archive.extraction_filter = getattr(tarfile, "data_filter", None)  # the first releases of Python 3.11 have none
                archive.extractall(self.path)  # noqa: S202 - the filter holds it in its folder
            return self.path
        copy2(source, self.path / PAYLOAD)
        return self.path / PAYLOAD

    def save_sync(self, data: Path | str | bytes) -> None:
        """Leave something for the next attempt, in place of what this attempt saved before.

        :param data: bytes, or a file or a folder to be copied
        :raises FileNotFoundError: if there is no such file
        """
        from shutil import copy2
        from shutil import copytree

        os.makedirs(os.path.dirname(self._destination), 0o700, exist_ok=True)
        part = f"{self._destination}.part"
        _remove(part)
        if isinstance(data, bytes):
            with open(part, "wb") as file:
                file.write(data)
        elif os.path.isdir(data):
            copytree(data, part, symlinks=True)
        else:
            copy2(data, part)
        old = f"{self._destination}.old"
        if os.path.isdir(part) or os.path.isdir(self._destination):
            if os.path.lexists(self._destination):  # a folder cannot be renamed over what is there
                _remove(old)
                os.rename(self._destination, old)
            os.rename(part, self._destination)
            _remove(old)
        else:
            os.replace(part, self._destination)


def latest_checkpoint(root: Path | str, glob_pattern: str = "**/last.ckpt", *, key: Callable[[Path], Any] | None = None) -> Path | None:
    """Find the newest file of a loaded checkpoint, for libraries that number theirs.

    :param root: the folder to look in
    :param glob_pattern: which files; the default is what Lightning writes
    :param key: what to compare files by, the largest wins; the time of modification by default
    :return: the file, or ``None`` where none matches
    """
    from pathlib import Path

    return max(Path(root).glob(glob_pattern), key=key or (lambda path: path.stat().st_mtime), default=None)


def _local(place: str) -> str:
    """:return: the path that a ``file://`` URL means; any other text as it is"""
    if not place.startswith("file://"):
        return place
    from urllib.parse import unquote

    return unquote(place.removeprefix("file://"))


def _remove(path: str) -> None:
    from shutil import rmtree

    if os.path.isdir(path) and not os.path.islink(path):
        rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)
