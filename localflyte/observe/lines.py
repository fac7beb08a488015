"""Lines: the output of tasks, cut into whole lines that say whose they are, and bounded on the way to a console."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from localflyte.observe.logs import log_bytes
from localflyte.observe.tally import Call
from localflyte.observe.text import bare
from localflyte.observe.text import one_line
from localflyte.observe.text import printable
from localflyte.observe.text import size
from localflyte.spec.event import Event

__all__ = ("Backlog", "Item", "Lines", "whose")

LONGEST_LINE = 8 * 1024  # bytes; longer ones are cut into pieces
MOST_OUTPUT = 1024 * 1024  # bytes of output that wait for a console; what is beyond is in the log files
MOST_ITEMS = 100_000  # events that wait; reached only if the terminal is stuck


class Item(NamedTuple):
    """One thing to say on a console."""

    event: Event
    owner: str
    """Whose it is, ready to print."""


class Backlog:
    """What waits between the engine, which puts, and a console's thread, which takes. It drops rather than grows."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        # Two counters with one writer each need no lock.
        self._put = self._taken = 0
        self._dropped = self._told = 0

    def put(self, event: Event, owner: str) -> None:
        if event.kind == "log":
            count = len(log_bytes(event))
            if self._put - self._taken > MOST_OUTPUT:
                self._dropped += count
                return
            self._put += count
        elif len(self._items) >= MOST_ITEMS:
            return
        self._items.append(Item(event, owner))

    def take(self) -> Item | None:
        try:
            item = self._items.popleft()
        except IndexError:
            return None
        if item.event.kind == "log":
            self._taken += len(log_bytes(item.event))
        return item

    def gap(self) -> str:
        """Say how much was dropped since this was last asked; empty if nothing was."""
        dropped = self._dropped - self._told
        self._told += dropped
        return f"[localflyte] {size(dropped)} of output left out here; `localflyte logs` shows it" if dropped else ""


class Lines:
    """Cuts chunks of output into lines; keeps the beginning of a line until its end comes."""

    def __init__(self, colours: bool = False) -> None:
        self._safe = printable if colours else bare
        self._begun: dict[tuple[str, int, str], bytes] = {}
        self._owners: dict[str, str] = {}

    def feed(self, item: Item) -> list[str]:
        """Return the lines that are whole now."""
        event = item.event
        place = (event.action, event.data.get("attempt", 0), event.data.get("stream", "stdout"))
        data = self._begun.pop(place, b"") + log_bytes(event)
        *whole, begun = data.split(b"\n")
        while len(begun) > LONGEST_LINE:
            whole.append(begun[:LONGEST_LINE])
            begun = begun[LONGEST_LINE:]
        if begun:
            self._begun[place] = begun
            self._owners[event.action] = item.owner
        return [f"{item.owner} | {text}" for line in whole for text in self._pieces(line)]

    def end(self, action: str) -> list[str]:
        """Return what an action left without a line break; empty for most."""
        owner = self._owners.pop(action, None)
        if owner is None:
            return []
        places = [place for place in self._begun if place[0] == action]
        return [f"{owner} | {text}" for place in places for text in self._pieces(self._begun.pop(place))]

    def rest(self) -> list[str]:
        """Return what nobody ended."""
        return [line for action in list(self._owners) for line in self.end(action)]

    def _pieces(self, line: bytes) -> list[str]:
        # A progress bar writes over its own line: what would be seen at last is shown.
        line = line.rstrip(b"\r").rpartition(b"\r")[2]
        return [self._safe(line[start : start + LONGEST_LINE]) for start in range(0, len(line), LONGEST_LINE)] or [""]


def whose(call: Call | None, event: Event) -> str:
    """Name an action for people: by its task alone where that says which, else with the first letters of its own name."""
    if call is None:
        return one_line(event.action, 12)
    label = one_line(call.label, 40)
    if call.row.counts.total > 1:
        label = f"{label} {one_line(call.name[:6])}"
    return f"{label} #{call.attempt}" if call.retried and event.kind == "log" else label
