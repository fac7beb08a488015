"""Program: the file that a command serves, loaded again when one of its files was edited."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

import click

from localflyte.api.sources import owner_of
from localflyte.api.sources import stamp_of
from localflyte.cli.loading import load_program

__all__ = ("Program",)


class Program:
    """:param path: the absolute path of the file
    :param options: of `load_program`
    :raises click.exceptions.Exit: if it cannot be loaded, after that was said
    """

    def __init__(self, path: str, **options: Any) -> None:
        self._path = path
        self._options = options
        self._modules: set[str] = set()
        self._stamps: dict[str, object] = {}
        self.module = self._load()

    def renewed(self) -> ModuleType | None:
        """Load it again if one of its files has changed since it was loaded last.

        :return: the module, or ``None`` if nothing has changed
        :raises LookupError: if it cannot be loaded any more, after the reason was said; until it is edited again there is nothing to do
        """
        if all(stamp_of(file) == stamp for file, stamp in self._stamps.items()):
            return None
        for name in self._modules:
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        try:
            self.module = self._load()
        except click.exceptions.Exit:
            raise LookupError(f"{os.path.relpath(self._path)} was edited") from None
        return self.module

    def _load(self) -> ModuleType:
        before = set(sys.modules)
        stamp = stamp_of(self._path)
        try:
            return load_program(self._path, **self._options)
        finally:
            # Of what it imported only its own is loaded again: packages do not change, and many cannot be imported twice.
            self._modules = {name for name in set(sys.modules) - before if owner_of(name) == "project"}
            files = {file for name in self._modules if (file := getattr(sys.modules[name], "__file__", None))}
            self._stamps = {**{file: stamp_of(file) for file in files}, self._path: stamp}
