"""View: what of a tally fits on one screen."""

from __future__ import annotations

from typing import NamedTuple

from localflyte.observe.tally import Call
from localflyte.observe.tally import Row
from localflyte.observe.tally import Tally
from localflyte.observe.text import one_line

__all__ = ("Glimpse", "view")

WORTH_NAMING = 1.0  # seconds after which one call of many is shown by itself
CALLS_A_ROW = 3  # running calls and failures shown below one row
LONGEST_LABEL = 40  # characters


class Glimpse(NamedTuple):
    """One line of the screen."""

    kind: str
    """``"row"``, ``"running"``, ``"failed"`` or ``"more"``."""
    guide: str
    """The branches of the tree before it."""
    label: str
    row: Row | None = None
    seconds: float | None = None


def view(tally: Tally, now: float, height: int) -> list[Glimpse]:
    """Choose what to show: every row if there is room, then failures and what has been running for long.

    :param now: seconds since the epoch
    :param height: lines there are
    """
    rows = _rows(tally.top, height)
    spare = height - len(rows)
    slow = _slow(tally, now)
    seen: list[Glimpse] = []
    for row, guide, below in rows:
        if row is None:
            seen.append(Glimpse("more", guide, "..."))
            continue
        seen.append(Glimpse("row", guide, one_line(row.label, LONGEST_LABEL), row, _seconds(row, now)))
        details = _details(row, slow.get(row, []), below, now)[: max(0, spare)]
        spare -= len(details)
        seen.extend(details)
    return seen


def _rows(top: Row, height: int) -> list[tuple[Row | None, str, str]]:
    """Flatten the tree: each row with the branches before it and before what hangs below it."""
    flat: list[tuple[Row | None, str, str]] = []
    waiting = [(row, "", "") for row in reversed(top.below.values())]
    while waiting:
        row, guide, below = waiting.pop()
        if len(flat) >= height - 1 and waiting:
            flat.append((None, "", ""))
            break
        flat.append((row, guide, below))
        children = list(row.below.values())
        for place in range(len(children) - 1, -1, -1):
            last = place == len(children) - 1
            waiting.append((children[place], below + ("└─ " if last else "├─ "), below + ("   " if last else "│  ")))
    return flat


def _slow(tally: Tally, now: float) -> dict[Row, list[Call]]:
    slow: dict[Row, list[Call]] = {}
    for call in tally.running.values():
        calls = slow.setdefault(call.row, [])
        if len(calls) < CALLS_A_ROW and call.started is not None and now - call.started >= WORTH_NAMING:
            calls.append(call)
    return slow


def _details(row: Row, running: list[Call], below: str, now: float) -> list[Glimpse]:
    guide = below + ("│  " if row.below else "   ")
    seen = [Glimpse("failed", guide, f"{one_line(name[:8])}  {one_line(error, 200)}") for name, error in row.failures[:CALLS_A_ROW]]
    if row.counts.total > 1:
        seen.extend(Glimpse("running", guide, one_line(call.name[:8]), None, now - (call.started or now)) for call in running)
    return seen


def _seconds(row: Row, now: float) -> float | None:
    if row.first_started is None:
        return None
    end = now if row.counts.running or row.last_ended is None else row.last_ended
    return max(0.0, end - row.first_started)
