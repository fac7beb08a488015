"""Projects: small programs that a test writes, imports and changes for real."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from localflyte.api import packages
from localflyte.api import sources
from localflyte.api.resolve import plan_for
from localflyte.api.version import forget_code
from localflyte.spec.plan import CacheTerms

__all__ = ("HEAD", "Project")

HEAD = "from localflyte.api.environment import TaskEnvironment\nenv = TaskEnvironment('env', cache='auto')\n"


class Project:
    """Modules with a ``task`` in ``main``. Each version lies in a folder of its own, so that nothing of the one before is taken for it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._number = 0
        self._path: list[str] = []
        self._modules = set(sys.modules)

    def __call__(self, modules: Mapping[str, str], *, files: Mapping[str, str] | None = None, path: str = "") -> CacheTerms:
        """Write a version of the project, import it, and give the cache terms of its task.

        :param modules: text by name; packages with slashes
        :param files: other files
        :param path: a folder of the project that programs import from as well
        """
        return self.load(self.write(modules, files), path)

    def write(self, modules: Mapping[str, str], files: Mapping[str, str] | None = None) -> Path:
        """:return: the folder of a new version"""
        self._number += 1
        folder = self._root / str(self._number)
        texts = {f"{name}.py": textwrap.dedent(text) for name, text in modules.items()}
        texts["main.py"] = HEAD + texts["main.py"]
        for name, text in {**texts, **(files or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    def load(self, folder: Path, path: str = "") -> CacheTerms:
        """:return: the cache terms of the task of a version that was written"""
        self.imported(folder, path)
        return self.again()

    def imported(self, folder: Path, path: str = "") -> None:
        """Import a version that was written, and nothing more."""
        self.forget()
        self._path = [str(folder), *([str(folder / path)] if path else [])]
        sys.path[:0] = self._path
        importlib.import_module("main")

    def again(self) -> CacheTerms:
        """:return: the cache terms of the task of the version that was imported"""
        task = sys.modules["main"].task
        task.plans.clear()
        terms: CacheTerms = plan_for(task).cache
        return terms

    def forget(self) -> None:
        """Let nothing remember a version."""
        for name in set(sys.modules) - self._modules:
            file = getattr(sys.modules[name], "__file__", None) or next(iter(getattr(sys.modules[name], "__path__", ())), "")
            if str(file).startswith(str(self._root)):
                del sys.modules[name]
        sys.path[:] = [each for each in sys.path if each not in self._path]
        importlib.invalidate_caches()
        sources._owners.clear()
        packages.package_version.cache_clear()
        for each in (packages._distributions, packages._distributions_in, packages._provides):
            each.cache_clear()
        forget_code()
