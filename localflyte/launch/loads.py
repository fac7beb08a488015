"""Loads: the modules that a fork server was told to import, and what came of each."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import anyio

__all__ = ("Load", "Loads")


@dataclass(slots=True, eq=False)
class Load:
    """One module that is to be imported."""

    over: anyio.Event = field(default_factory=anyio.Event)
    problem: str = ""
    """Why the server cannot be used so; empty when it can."""


class Loads:
    """Each module is asked for once, in an order that the server keeps: a child knows how many were done when it was forked."""

    def __init__(self) -> None:
        self.done = 0
        self._loads: dict[str, Load] = {}

    @property
    def asked(self) -> int:
        """How many modules were asked for."""
        return len(self._loads)

    @property
    def current(self) -> str:
        """The module that is being imported, empty if none is."""
        return next((module for module, load in self._loads.items() if not load.over.is_set()), "")

    def find(self, module: str) -> tuple[Load, bool]:
        """:return: the load of a module, and whether it is new and so is to be told to the server"""
        known = self._loads.get(module)
        if known is not None:
            return known, False
        load = self._loads[module] = Load()
        return load, True

    def finish(self, module: str, problem: str) -> None:
        """Take note that a module was imported, or could not be."""
        self.done += 1
        load = self._loads[module]
        load.problem = problem
        load.over.set()

    def abandon(self, reason: str) -> None:
        """Tell all who wait that nothing more will be imported."""
        for load in self._loads.values():
            if not load.over.is_set():
                load.problem = reason
                load.over.set()
