"""Units: things that are handed out one by one, each with a name: the cores of a machine, and its GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic
from typing import TypeVar

__all__ = ("HELD", "IN_USE", "Units")

T = TypeVar("T", int, str)

#: How much a unit is taken by a task that holds it while it waits for others; by one that may be using it right now.
HELD, IN_USE = 1, 1024


class Units(Generic[T]):
    """:param names: in the order in which they are handed out first"""

    __slots__ = ("_load",)

    def __init__(self, names: Iterable[T]) -> None:
        self._load: dict[T, int] = dict.fromkeys(names, 0)

    def take(self, count: int) -> tuple[T, ...]:
        """Take the units that the fewest others have: free ones first, then those whose holders only wait."""
        chosen = set(sorted(self._load, key=self._load.__getitem__)[:count])
        names = tuple(name for name in self._load if name in chosen)
        self.add(names, IN_USE)
        return names

    def add(self, names: tuple[T, ...], load: int) -> None:
        """Let units be taken that much more, or less."""
        for name in names:
            self._load[name] += load
