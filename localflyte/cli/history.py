"""History: ``localflyte runs``, ``show`` and ``logs``, what the runs of this machine left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.near import near
from localflyte.errors import RunNotFoundError
from localflyte.observe.logs import read_logs
from localflyte.observe.text import HEADLINE
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import further_lines
from localflyte.observe.text import one_line
from localflyte.observe.text import printable
from localflyte.observe.text import size
from localflyte.runs.folder import INDEX
from localflyte.runs.folder import REPORTS
from localflyte.runs.history import RunSummary
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run
from localflyte.runs.record import ActionRecord
from localflyte.runs.record import AttemptRecord
from localflyte.runs.record import RunRecord
from localflyte.runs.record import State
from localflyte.settings import load_settings

__all__ = ("find_actions", "load_named", "logs", "runs", "show")

MOST_REPORTS = 20  # that `show` names
HELP_NAMES = {"help_option_names": ["-h", "--help"]}


@click.command(context_settings=HELP_NAMES)
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many to list; 20 by default.")
@click.option("--task", metavar="TASK", help="Only runs of this task, by its full name or the part after the last dot.")
@click.option("--trigger", metavar="NAME", help="Only runs that this trigger started.")
@click.option("--label", "labels", metavar="KEY[=VALUE]", multiple=True, help="Only runs with this label; repeatable.")
@click.option("--status", metavar="STATUS", help=f"Only runs of this status: {', '.join(State)}.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def runs(limit: int, task: str | None, trigger: str | None, labels: tuple[str, ...], status: str | None, as_json: bool) -> int:
    """List the runs of this machine, newest first."""
    wanted = _state(status)
    # Filtered before they are cut off, or a rare status would never be found.
    is_some = task is not None or trigger is not None or wanted is not None or bool(labels)
    every = list_runs(load_settings().home, limit=None if is_some else limit)
    rows = [row for row in every if _is_wanted(row, wanted, task) and trigger in (None, row.trigger) and _has(row, labels)]
    for row in rows[:limit]:
        print(json.dumps({**asdict(row), "status": row.status.value}) if as_json else _line(row))
    if not rows and not as_json:
        print("No runs." if is_some else "No runs yet; `localflyte run FILE TASK` makes one.", file=sys.stderr)
    return ExitCode.SUCCEEDED


def _is_wanted(row: RunSummary, state: State | None, task: str | None) -> bool:
    return (state is None or row.status is state) and (task is None or task in {row.task, row.task.rpartition(".")[2]})


def _has(row: RunSummary, labels: tuple[str, ...]) -> bool:
    """:return: whether a run has each label, with the value that is given where one is"""
    asked = [label.partition("=") for label in labels]
    return all(key in row.labels and (not equals or row.labels[key] == value) for key, equals, value in asked)


def _state(text: str | None) -> State | None:
    if text is None:
        return None
    name = text.lower().replace("-", "_")
    if name in set(State):
        return State(name)
    close = near(name, [state.value for state in State])
    raise click.UsageError(f"there is no status {text!r}; " + (f"did you mean {close!r}?" if close else f"known are {', '.join(State)}"))


def _line(row: RunSummary) -> str:
    columns = [
        f"{one_line(row.name):<20}",
        f"{_spoken(row.status):<9}",
        clock(row.started, with_date=True),
        f"{duration(row.seconds):>7}",
        one_line(row.task) + (f" (trigger {one_line(row.trigger)})" if row.trigger else ""),
        _pairs(row.labels),
        one_line(row.error, 80),
    ]
    return "  ".join(column for column in columns if column).rstrip()


def _pairs(said: Mapping[str, str]) -> str:
    return " ".join(one_line(f"{key}={value}", 80) for key, value in said.items())


def _spoken(state: State) -> str:
    return state.value.replace("_", " ")


@click.command(context_settings=HELP_NAMES)
@click.argument("run", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(run: str, as_json: bool) -> int:
    """Show the tree of one run: states, durations, attempts, errors. RUN may be the beginning of a name, or `last`."""
    record = load_named(run)
    if as_json:
        print(json.dumps(_as_row(record)))
    else:
        print("\n".join(_tree(record)))
    return ExitCode.SUCCEEDED


def load_named(name: str) -> RunRecord:
    """Read the run that a person means: by its name, the beginning of that, or ``last``.

    :raises RunNotFoundError: if there is no such run, or if there are several
    """
    home = load_settings().home
    if name == "last":
        newest = list_runs(home, limit=1)
        if not newest:
            raise RunNotFoundError("There are no runs yet; `localflyte run FILE TASK` makes one.")
        name = newest[0].name
    return load_run(home, name)


def _as_row(record: RunRecord) -> dict[str, Any]:
    row = asdict(replace(record, roots=[], actions={}))
    del row["roots"]
    # Each action once, with its calls by name: a tree of copies would grow with its depth.
    row["actions"] = {
        name: asdict(replace(action, children=[])) | {"children": [child.name for child in action.children]}
        for name, action in record.actions.items()
    }
    return row


def _tree(record: RunRecord) -> list[str]:
    head = (record.name, _spoken(record.status), duration(record.seconds), record.task, record.file)
    lines = ["  ".join(one_line(part) for part in head if part), f"  {record.path}", *_origin(record), ""]
    for depth, action in record.walk():
        lines.append(f"{'  ' * depth}{_action(action)}")
        indent = "  " * (depth + 2)
        if len(action.attempts) > 1:
            lines += [f"{indent}attempt {row.number}: {_spoken(row.status)} {duration(row.seconds)}{_used(row)}" for row in action.attempts]
        lines += [f"{indent}{one_line(name)}: {one_line(uri)}" for name, uri in action.links]
        if action.error is not None:
            lines.append(f"{indent}{one_line(action.error.headline, 300 if depth else HEADLINE)}")
            if not depth:  # those below have theirs on the page; a thousand of them would bury the tree
                lines += [f"{indent}{line}".rstrip() for line in further_lines(action.error.message, action.error.traceback)]
    for root in record.roots:
        if root.error is not None and root.error.traceback:
            lines += ["", *(f"  {line}" for line in printable(root.error.traceback).rstrip().splitlines())]
    lines += [f"note: {one_line(text)}" for text in record.notices]
    if record.damaged:
        lines.append(f"note: {record.damaged} lines of the journal could not be read")
    return [*lines, *_pages(record)]


def _pages(record: RunRecord) -> list[str]:
    """:return: where the pages of a run are, as addresses that many terminals open on a click"""
    folder = Path(record.path).absolute()
    reports = [action for action in record.actions.values() if action.report]
    lines = [f"page: {(folder / INDEX).as_uri()}"] if (folder / INDEX).is_file() else []
    lines += [f"report of {one_line(action.label)} {action.name}: {(folder / action.report).as_uri()}" for action in reports[:MOST_REPORTS]]
    if len(reports) > MOST_REPORTS:
        lines.append(f"and {len(reports) - MOST_REPORTS:,} more reports in {folder / REPORTS}")
    return ["", *lines] if lines else []


def _origin(record: RunRecord) -> list[str]:
    """:return: what started the run, where that was not a person, and what was said of it"""
    due = f", due {clock(record.due, with_date=True)}" if record.due is not None else ""
    by = [f"  started by trigger {one_line(record.trigger)}{due}"] if record.trigger else []
    said = (("labels", record.labels), ("annotations", record.annotations))
    return [*by, *(f"  {name} {_pairs(pairs)}" for name, pairs in said if pairs)]


def _action(action: ActionRecord) -> str:
    state = "cached" if action.cached else _spoken(action.status)
    group = f"  [{one_line(action.group)}]" if action.group else ""
    used = _used(action.attempts[0]) if len(action.attempts) == 1 else ""
    return f"{one_line(action.label)}  {state}  {duration(action.seconds)}{used}  {one_line(action.name)}{group}"


def _used(attempt: AttemptRecord) -> str:
    """:return: what an attempt used of CPU and memory"""
    cpu = "" if attempt.cpu_seconds is None else f"  cpu {duration(attempt.cpu_seconds)}"
    return cpu if attempt.peak_memory is None else f"{cpu}  peak {size(attempt.peak_memory)}"


@click.command(context_settings=HELP_NAMES)
@click.argument("run", metavar="RUN")
@click.argument("action", required=False, metavar="[ACTION]")
@click.option("--attempt", type=click.IntRange(min=0), metavar="N", help="Only this attempt.")
@click.option("--stream", type=click.Choice(["out", "err"]), help="Only standard output, or only standard error.")
def logs(run: str, action: str | None, attempt: int | None, stream: str | None) -> int:
    """Print what the tasks of a run printed. RUN may be the beginning of a name, or `last`; ACTION is an action's or a task's name."""
    record = load_named(run)
    names = find_actions(record, action) if action else [""]
    texts = [text for name in names for text in read_logs(record.path, name, attempt)]
    shown = [text for text in texts if stream is None or text.stream == f"std{stream}"]
    for text in shown:
        if len(shown) > 1:
            row = record.actions.get(text.action)
            print(f"==> {one_line(row.label if row else text.action)} {text.action}, attempt {text.attempt}, {text.stream} <==")
        content = printable(text.data)
        print(content, end="" if content.endswith("\n") else "\n")
    return ExitCode.SUCCEEDED


def find_actions(record: RunRecord, name: str) -> list[str]:
    """:return: the actions that a person means: one by its name or the beginning of that, or all of a task
    :raises click.UsageError: if there is none, or a beginning is that of several
    """
    if name in record.actions:
        return [name]
    called = [row.name for row in record.actions.values() if name in {row.short_name, row.task}]
    if called:
        return called
    begins = [known for known in record.actions if known.startswith(name)]
    if len(begins) == 1:
        return begins
    if begins:
        raise click.UsageError(f"{len(begins)} actions of {record.name} begin with {name!r}: give a letter more")
    close = near(name, [*record.actions, *{row.short_name for row in record.actions.values()}])
    hint = f"did you mean {close!r}?" if close else f"`localflyte show {record.name}` lists them"
    raise click.UsageError(f"the run {record.name} has no action {name!r}; {hint}")
