"""Live: the console of a terminal, a tree with progress that stays on one screen, with the output of tasks above it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import TextIO

from localflyte.observe.lending import Turns
from localflyte.observe.lending import lent
from localflyte.observe.lines import Backlog
from localflyte.observe.lines import Item
from localflyte.observe.lines import Lines
from localflyte.observe.lines import whose
from localflyte.observe.plain import TOLD
from localflyte.observe.plain import describe
from localflyte.observe.plain import tell_failure
from localflyte.observe.pump import Pump
from localflyte.observe.tally import Counts
from localflyte.observe.tally import Tally
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.view import Glimpse
from localflyte.observe.view import view
from localflyte.spec.event import Event

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

__all__ = ("LiveConsole",)

PAUSE = 0.1  # seconds between two drawings at least
IDLE = 0.25  # seconds after which the clocks of what runs are drawn again
BAR = 24  # characters
ROOM_ABOVE = 4  # lines of the screen left to the output of tasks
LINES_A_DRAWING = 500  # of output; what is beyond is left out and said so

#: told above the tree; what the tree itself shows is not
_ABOVE = frozenset(TOLD - {"run.started", "action.report"})


class LiveConsole:
    """A tree of what was called with a row of counters and a bar for each task, redrawn a few times a second.

    :param stream: the terminal
    :param notice: called once, with a sentence for people, if it cannot be drawn on; the run goes on without it
    """

    never_blocks = True

    def __init__(self, stream: TextIO, notice: Callable[[str], None] | None = None) -> None:
        self.tally = Tally()
        self._stream = stream
        self._turns = Turns(stream)
        self._notice = notice
        self._lock = threading.Lock()
        self._backlog = Backlog()
        self._lines = Lines(colours=True)
        self._pump = Pump(self._draw, self._failed, pause=PAUSE, idle=IDLE)
        self._screen: _Screen | None = None
        self._set_aside = False
        self._fresh = False
        #: how many tasks are looked into with a debugger: the terminal is theirs
        self._lent = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            call = self.tally(event)
            self._lent += lent(event)
        if self._set_aside:
            return
        self._fresh = True
        if event.kind in _ABOVE:
            self._backlog.put(event, whose(call, event))

    def tell(self, text: str) -> None:
        """Say something above the tree that is no event; may be called while a signal is handled."""
        self._backlog.put(Event("notice", "", "", time.time(), {"text": text}), "")
        self._pump.wake()

    def flush(self) -> None:
        """Have the screen drawn soon."""
        if self._fresh:
            self._fresh = False
            self._pump.wake()

    def close(self) -> None:
        """Draw the last state, the summary, and give the terminal back."""
        self._lent = 0
        self.flush()
        if self._pump.stop() and self._screen is not None and not self._set_aside:
            screen, self._screen = self._screen, None
            try:
                screen.close(self.tally.summary() if self.tally.status else "", self.tally)
            except Exception as error:  # noqa: BLE001 - whatever a terminal does, the run goes on
                self._failed(error)
        self._turns.close()

    def _draw(self) -> None:
        if self._set_aside:
            return
        with self._turns.taken() as is_ours:
            if is_ours:
                self._draw_now()
            else:
                self._screen = None  # a debugger prints below it by now: a new tree comes below that

    def _draw_now(self) -> None:
        if self._lent:
            if self._screen is not None:
                self._screen.close("", self.tally)  # what is drawn stays above, and a new tree comes below
                self._screen = None
            return
        if self._screen is None:
            self._screen = _Screen(self._stream)
            if self._lent:  # by now: importing rich has taken a while
                return
        above = []
        while (item := self._backlog.take()) is not None:
            above.extend(self._tell(item))
        if len(above) > LINES_A_DRAWING:
            left_out = len(above) - LINES_A_DRAWING
            above = [f"[localflyte] {left_out:,} lines of output left out here; `localflyte logs` shows them", *above[left_out:]]
        gap = self._backlog.gap()
        with self._lock:
            seen = view(self.tally, time.time(), self._screen.room())
        self._screen.draw([*above, gap] if gap else above, seen)

    def _tell(self, item: Item) -> list[str]:
        if item.event.kind == "log":
            return self._lines.feed(item)
        if item.event.kind == "run.finished":
            return self._lines.rest()
        told = self._lines.end(item.event.action)
        # Successes are only counted: the tree shows them.
        good = item.event.kind == "action.finished" and item.event.data.get("status") == "succeeded"
        line = "" if good else describe(item)
        return [*told, f"{clock(item.event.at)}  {line}"] if line else told

    def _failed(self, error: Exception) -> None:
        self._set_aside = True
        tell_failure(error, self._notice)


class _Screen:
    """The part that knows rich. It is made on the drawing thread, since importing rich takes longer than a small run."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console as RichConsole
        from rich.live import Live

        class Terminal(RichConsole):
            def on_broken_pipe(self) -> None:
                # rich would end the thread, and point the standard output of the whole program elsewhere.
                raise BrokenPipeError

        self._console = Terminal(file=stream, highlight=False, markup=False, emoji=False)
        self._live: Live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        # An engine that is killed cannot give the cursor back, so it is never taken.
        self._console.show_cursor(True)

    def room(self) -> int:
        return max(3, self._console.size.height - ROOM_ABOVE)

    def draw(self, above: list[str], seen: list[Glimpse]) -> None:
        from rich.table import Table
        from rich.text import Text

        if above:
            self._console.print(Text("\n").join(Text.from_ansi(line) for line in above), soft_wrap=True)
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, justify="right")
        for glimpse in seen:
            table.add_row(*self._cells(glimpse))
        self._live.update(table, refresh=True)

    def close(self, summary: str, tally: Tally) -> None:
        from rich.text import Text

        self._live.stop()
        if summary:
            style = {"succeeded": "bold green", "aborted": "bold yellow"}.get(tally.status, "bold red")
            self._console.print(Text(summary, style=style), soft_wrap=True)

    @staticmethod
    def _cells(glimpse: Glimpse) -> list[Text]:
        from rich.text import Text

        label = Text(glimpse.guide, style="dim")
        if glimpse.row is not None:
            counts = glimpse.row.counts
            label.append(_mark(counts) + " ", style=_colour(counts)).append(glimpse.label, style="bold")
            so_far = Text(f"{counts.over:,}/{counts.total:,}") if counts.total > 1 else Text("")
            words = Text(counts.describe(), style="red" if counts.failed else "")
            return [label, _bar(counts), so_far, words, Text(duration(glimpse.seconds), style="dim")]
        if glimpse.kind == "failed":
            name, _, error = glimpse.label.partition("  ")
            label.append(f"✗ {name}", style="red")
            return [label, Text(""), Text(""), Text(error, style="red"), Text("")]
        label.append(glimpse.label, style="dim")
        return [label, Text(""), Text(""), Text(""), Text(duration(glimpse.seconds), style="dim")]


def _bar(counts: Counts) -> Text:
    from rich.text import Text

    if counts.total < 2:
        return Text("")
    bar = Text()
    used = 0
    for count, style in ((counts.cached, "cyan"), (counts.done, "green"), (counts.aborted, "yellow"), (counts.failed, "red")):
        # A single failure among ten thousand still shows.
        width = min(BAR - used, max(1, count * BAR // counts.total)) if count else 0
        bar.append("━" * width, style=style)
        used += width
    return bar.append("─" * (BAR - used), style="dim")


def _mark(counts: Counts) -> str:
    if counts.failed:
        return "✗"
    if counts.aborted:
        return "■"
    return "✓" if counts.over == counts.total else "●"


def _colour(counts: Counts) -> str:
    if counts.failed:
        return "red"
    if counts.aborted:
        return "yellow"
    return "green" if counts.over == counts.total else "yellow" if counts.running else "dim"
