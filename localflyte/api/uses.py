"""Uses: what one task uses, as the objects themselves; found the way its version is made, and without the tasks that it calls.

Each of those has a process, an image and an environment of its own. What has no certain content is no reason to stop here.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import FunctionType
from typing import Any

from localflyte.api.fingerprint import Fingerprint
from localflyte.api.meanings import Meanings
from localflyte.api.members import functions_in
from localflyte.api.members import home_of
from localflyte.api.outline import Chain
from localflyte.api.values import Describer
from localflyte.api.values import UncertainError

__all__ = ("UNTOLD", "Uses", "uses_of")

#: What following code may fail with where it cannot be told what the code uses.
UNTOLD = (UncertainError, OSError, LookupError, ImportError, SyntaxError)


class Uses(Fingerprint):
    """Collects what a task uses."""

    def __init__(self) -> None:
        super().__init__()
        self.values = _Lenient(self.code)
        self._meanings = _Lasting(self)
        self.tasks: dict[str, Any] = {}
        """The tasks that it names, by name."""
        self.variables: dict[str, str] = {}
        """The global variables that it reads, as ``<module>.<name>``, with a description of what is in them."""

    def functions(self) -> list[FunctionType]:
        """:return: the functions and methods of the project's own that are reached"""
        found: list[FunctionType] = []
        for label, value in self._labels.values():
            if label.startswith("function "):
                found.append(value)
            elif label.startswith("class "):
                found += [each for member in list(vars(value).values()) for each in functions_in(member)]
        return found

    def classes(self) -> dict[str, str]:
        """:return: a digest of each class of the project's own, by name"""
        return {label.partition(" ")[2]: digest for label, digest in self.parts.items() if label.startswith("class ")}

    def modules(self) -> list[str]:
        """:return: the modules of the project's own that are reached as a whole"""
        return [label.removeprefix("module ") for label in self.parts if label.startswith("module ")]

    def _task(self, task: Any) -> str:
        self.tasks.setdefault(task.name, task)
        return f"task {task.name}"

    def _work(self) -> None:
        while self._todo:
            with suppress(*UNTOLD):  # one step is lost, and the next goes on
                super()._work()


class _Lenient(Describer):
    """Describes what has no certain content by its type alone."""

    def describe(self, value: Any, where: str) -> str:
        try:
            return super().describe(value, where)
        except UNTOLD:
            return f"a {type(value).__module__}.{type(value).__qualname__}"


class _Lasting(Meanings):
    """Passes over the names that cannot be followed, and notes what is in the others."""

    def _global(self, chain: Chain, namespace: Mapping[str, Any], where: str) -> str:
        try:
            return super()._global(chain, namespace, where)
        except UNTOLD:
            return ""

    def _meant(self, name: str, value: Any, namespace: Mapping[str, Any], where: str) -> str:
        meant = super()._meant(name, value, namespace, where)
        uses: Any = self._parts
        kind, _, rest = meant.partition(" ")
        known = rest if kind == "constant" else f"{home_of(namespace)}.{name}"
        uses.variables[known] = f"{meant} {uses.parts.get(meant, '')}"
        return meant


def uses_of(function: Any) -> Uses:
    """:return: what the function of a task uses, as far as it can be told"""
    uses = Uses()
    with suppress(*UNTOLD):
        uses.add_task(function)
    return uses
