"""Mounts: the folders in which secrets lie as files for the tasks that asked for them so, in memory where the system has such a place.

One folder an engine, named after its process, and in it one for each fork server. A server takes its folder with it; what an
engine that was killed could not remove, the next one that starts does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import suppress

from localflyte.runs.folder import make_private_folder
from localflyte.runs.folder import write_private_file
from localflyte.runs.lives import Life
from localflyte.runs.lives import my_life

__all__ = ("Mounts",)

NAME = "localflyte-secrets-"
IN_MEMORY = "/dev/shm"  # noqa: S108 - a folder of a name and a mode of our own is made in it


class Mounts:
    """:param home: the folder of everything that localflyte keeps, where nothing better is found"""

    def __init__(self, home: str) -> None:
        self._home = home
        self._root = ""
        self._made = 0
        self._clean()

    def create(self, files: Sequence[tuple[str, str]]) -> str:
        """Write files into a new folder that only this user can open.

        :param files: their paths below it, and what is in them
        :return: the folder
        :raises OSError: if it cannot be made anywhere
        """
        if not self._root:
            self._root = self._make_root()
        self._made += 1
        folder = os.path.join(self._root, str(self._made))
        make_private_folder(folder)
        for path, text in files:
            write_private_file(os.path.join(folder, path), text.encode("utf-8", "surrogateescape"))
        return folder

    def remove(self, folder: str) -> None:
        """Remove a folder that `create` gave; the server it was for may have done so already."""
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Remove everything that was made."""
        if self._root:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = ""

    def _make_root(self) -> str:
        problem: OSError | None = None
        for place in self._places():
            path = os.path.join(place, f"{NAME}{my_life()}.{os.urandom(4).hex()}")
            try:
                if place.startswith(self._home):
                    make_private_folder(place)
                os.mkdir(path, 0o700)
            except OSError as error:
                problem = error
            else:
                return path
        assert problem is not None
        raise problem

    def _places(self) -> Iterator[str]:
        """Where the folder may be, the best first."""
        yield IN_MEMORY
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if os.path.isabs(runtime):
            yield runtime
        yield os.path.join(self._home, "secrets")

    def _clean(self) -> None:
        """Remove what engines left that are no more."""
        for place in self._places():
            with suppress(OSError), os.scandir(place) as entries:
                for entry in entries:
                    if entry.name.startswith(NAME) and _is_left(entry):
                        shutil.rmtree(entry.path, ignore_errors=True)


def _is_left(entry: os.DirEntry[str]) -> bool:
    owner = Life.parse(entry.name.removeprefix(NAME).rpartition(".")[0])
    mine = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    return mine and owner is not None and owner.is_over
