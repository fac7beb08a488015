"""Scope: all code that the process of one task runs, from the import of its module on, and what that code imports."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any
from typing import NamedTuple

from localflyte.api.sources import file_of
from localflyte.api.sources import owner_of
from localflyte.api.uses import Uses
from localflyte.api.uses import uses_of
from localflyte.portability.code import Code
from localflyte.portability.code import Sure
from localflyte.portability.code import Texts

__all__ = ("Imported", "Scope", "scope_of")


class Imported(NamedTuple):
    """A module that the code needs."""

    module: str
    file: str
    """Where it is imported, and in which line."""
    line: int


class Scope:
    """:param task: the task
    :param uses: what its function uses
    """

    def __init__(self, task: Any, uses: Uses, texts: Texts) -> None:
        self.task = task
        self.uses = uses
        self.functions = [code for each in uses.functions() if (code := texts.of_function(each)) is not None]
        self.modules: list[Code] = []
        """What its modules do when they are imported."""
        self.imports: list[Imported] = []
        for code in self.functions:
            self._note_imports(code)
        self._follow_modules(texts)

    @property
    def codes(self) -> list[Code]:
        """All of its code."""
        return [*self.functions, *self.modules]

    def _follow_modules(self, texts: Texts) -> None:
        whole = set(self.uses.modules())
        homes = [str(each.__globals__.get("__name__", "")) for each in self.uses.functions()]
        ahead = deque([*homes, *sorted(whole), *(each.module for each in self.imports)])
        known: set[str] = set()
        while ahead:
            module = ahead.popleft()
            if not module or module in known or owner_of(module) != "project":
                continue
            known.add(module)
            ahead.append(module.rpartition(".")[0])  # importing a module imports the packages around it
            code = texts.of_module(module, file_of(module) or "", deep=module in whole)
            if code is not None:
                self.modules.append(code)
                ahead.extend(self._note_imports(code))

    def _note_imports(self, code: Code) -> list[str]:
        found = []
        for module, name, line, sure in code.imports():
            inner = f"{module}.{name}" if name not in ("", "*") and owner_of(module) == "project" and _is_module(module, name) else ""
            for each in (module, inner):
                if each and (sure is Sure.YES or (sure is Sure.MAYBE and each in sys.modules)):
                    self.imports.append(Imported(each, code.file, line))
                    found.append(each)
        return found


def _is_module(package: str, name: str) -> bool:
    loaded = sys.modules.get(package)
    is_name = loaded is not None and hasattr(loaded, "__dict__") and name in vars(loaded) and f"{package}.{name}" not in sys.modules
    return not is_name and file_of(f"{package}.{name}") is not None


def scope_of(task: Any, texts: Texts) -> Scope:
    """:return: the scope of a task that is a Python function"""
    return Scope(task, uses_of(task.function), texts)
