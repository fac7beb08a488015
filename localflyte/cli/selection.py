"""Selection: which entries of the store a person means, by task, by run and by when they were used last."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click

from localflyte.cli.near import near
from localflyte.observe.text import one_line
from localflyte.runs.history import list_runs
from localflyte.spec.span import parse_seconds
from localflyte.store.entries import Entry
from localflyte.store.entries import list_entries
from localflyte.store.index import Index
from localflyte.store.layout import Layout

__all__ = ("Selection", "read_span", "run_option", "select", "task_option")

NAMED = 3  # runs that are named where several are meant


def read_span(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """Read a span of time that a person typed.

    :return: its seconds
    :raises click.BadParameter: if it is none
    """
    try:
        return None if text is None else parse_seconds(text)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


@dataclass(frozen=True, slots=True)
class Selection:
    """Whether an entry is meant; all are where nothing is said."""

    task: str | None = None
    run: str | None = None
    used_before: float | None = None
    hint: str = ""
    """What to say where nothing is found."""

    def __call__(self, entry: Entry) -> bool:
        if self.task is not None and self.task not in {entry.task, entry.task.rpartition(".")[2]}:
            return False
        if self.run is not None and (entry.record is None or entry.record.run != self.run):
            return False
        return self.used_before is None or (bool(entry.digest) and entry.row.used < self.used_before)


def task_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--task`` to a command."""
    text = "Only entries of this task, by its full name or the part after the last dot."
    return click.option("--task", metavar="TASK", help=text)(command)


def run_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--run`` to a command."""
    text = "Only entries that this run computed; the beginning of its name will do, or `last`."
    return click.option("--run", metavar="RUN", help=text)(command)


def select(layout: Layout, task: str | None, run: str | None, older_than: float | None = None) -> Selection:
    """Find out what is meant.

    :param older_than: seconds since the last use
    :raises click.UsageError: if it could be several runs
    :raises UnusableIndexError: if the index cannot be read
    """
    before = None if older_than is None else time.time() - older_than
    if task is None and run is None:
        return Selection(used_before=before)
    with closing(Index(layout.index)) as index:
        known = {(entry.task, entry.record.run if entry.record else "") for entry in list_entries(index)}
    tasks = {name for name, _ in known}
    names = {*tasks, *(name.rpartition(".")[2] for name in tasks)}
    hint = ""
    if task is not None and task not in names:
        close = near(task, names)
        hint = f"nothing is stored for a task {task!r}; " + (
            f"did you mean {close!r}?" if close else "`localflyte cache stat` names the tasks"
        )
    if run is not None:
        runs = {name for _, name in known}
        run = _run(layout, run, runs)
        if run not in runs:
            hint = hint or f"nothing is stored that run {one_line(run)} computed"
    return Selection(task, run, before, hint)


def _run(layout: Layout, text: str, known: set[str]) -> str:
    if text == "last":
        newest = list_runs(layout.home, limit=1)
        return newest[0].name if newest else text
    found = sorted(name for name in known if name.startswith(text))
    if text in found or not found:
        return text
    if len(found) > 1:
        some = ", ".join(map(one_line, found[:NAMED])) + (" and others" if len(found) > NAMED else "")
        raise click.UsageError(f"{len(found)} runs begin with {text!r}: {some}; give a letter more")
    return found[0]
