"""Layout: where things lie in a store, below the home of localflyte."""

from __future__ import annotations

import os
from dataclasses import dataclass

from localflyte.store.private import check_folder
from localflyte.store.private import make_folder

__all__ = ("Layout",)


@dataclass(frozen=True, slots=True)
class Layout:
    """:param home: the folder of everything that is kept"""

    home: str

    @property
    def root(self) -> str:
        return os.path.join(self.home, "store")

    @property
    def index(self) -> str:
        """The folder of the database."""
        return os.path.join(self.root, "index")

    @property
    def blobs(self) -> str:
        return os.path.join(self.root, "blobs")

    @property
    def live(self) -> str:
        """What the engines at work have used, a file for each."""
        return os.path.join(self.root, "live")

    @property
    def turns(self) -> str:
        """Locks: who computes what, where only one may."""
        return os.path.join(self.root, "turns")

    @property
    def swept(self) -> str:
        """A lock for whoever sweeps; its time is that of the last sweep."""
        return os.path.join(self.root, "swept")

    def prepare(self) -> None:
        """Make the folders, and make sure that nobody else can write to them.

        :raises PermissionError: if one is a link, of another user, or can be written by others; it says what mends it
        :raises OSError: if one cannot be made
        """
        make_folder(self.root)
        for folder in (self.home, self.root, self.index, self.blobs):
            make_folder(folder)
            check_folder(folder)
