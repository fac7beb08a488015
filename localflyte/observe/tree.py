"""Tree: a run, and the list of runs, as text for a terminal."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from localflyte.observe.groups import describe_times
from localflyte.observe.groups import group_calls
from localflyte.observe.groups import shown_status
from localflyte.observe.text import bare
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.runs.folder import INDEX
from localflyte.runs.history import RunSummary
from localflyte.runs.record import ActionRecord
from localflyte.runs.record import RunRecord

__all__ = ("format_run", "format_runs")

MOST_CALLS = 20  # of one caller, each with a line; of more, only the failed ones have one
MOST_BAD = 10  # lines of failed calls beside the line that stands for the others
MOST_LINES = 2000  # of the tree
MOST_ERRORS = 5  # told with their traceback
DEEPEST = 40  # levels that are drawn to their full depth

_COLOURS = {"succeeded": "32", "cached": "36", "failed": "31", "timed_out": "31", "lost": "31", "aborted": "33", "running": "35"}
_MARKS = {"succeeded": "✓", "cached": "✓", "failed": "✗", "timed_out": "✗", "lost": "✗", "aborted": "–", "running": "●"}


def format_run(record: RunRecord, colours: bool = False) -> str:
    """Return a run as text: how it ended, the tree of its actions, its errors, and where its files are.

    :param colours: whether the terminal understands colours
    """
    return "\n".join([*_head(record, colours), "", *_tree(record, colours), *_errors(record, colours), *_foot(record)])


def format_runs(runs: Sequence[RunSummary], colours: bool = False) -> str:
    """Return a table of runs, one a line.

    :param colours: whether the terminal understands colours
    """
    if not runs:
        return "No runs yet: `localflyte run FILE TASK` makes one."
    rows = [("RUN", "STATUS", "STARTED", "TIME", "TASK", "")]
    for run in runs:
        error = one_line(run.error, 80) if run.status.is_bad else ""
        started = clock(run.started, with_date=True)
        rows.append((run.name, run.status.value.replace("_", " "), started, duration(run.seconds), one_line(run.task, 60), error))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    statuses = ["", *(run.status.value for run in runs)]
    lines = []
    for row, status in zip(rows, statuses, strict=True):
        cells = [
            cell.rjust(width) if column == 3 else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        cells[1] = _paint(cells[1], status, colours)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _head(record: RunRecord, colours: bool) -> list[str]:
    counts = Counter({name.replace("_", " "): count for name, count in record.counts().items()})
    what = f"{one_line(record.task)} of {one_line(record.file)}" if record.file else one_line(record.task)
    took = f" in {duration(record.seconds)}" if record.seconds is not None else ""
    when = f", started {clock(record.started, with_date=True)}" if record.started is not None else ""
    status = _paint(record.status.value.replace("_", " "), record.status.value, colours)
    total = len(record.actions)
    told = ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) or "none"
    return [f"{one_line(record.name)}  {what}", f"{status}{took}{when}", f"{total:,} action{'' if total == 1 else 's'}: {told}"]


def _tree(record: RunRecord, colours: bool) -> list[str]:
    lines: list[str] = []
    waiting: list[tuple[Sequence[ActionRecord], str, str, int]] = [((root,), "", "", 0) for root in reversed(record.roots)]
    while waiting:
        actions, guide, below, depth = waiting.pop()
        if len(lines) >= MOST_LINES:
            lines.append(f"... {len(waiting) + 1:,} groups of calls are not shown")
            break
        lines.append(guide + (_line(actions[0], colours) if len(actions) == 1 else _sum_line(actions, colours)))
        calls = actions[0].children if len(actions) == 1 else [call for action in actions for call in action.children]
        groups = group_calls(calls, MOST_CALLS if len(actions) == 1 else 1, MOST_BAD)
        for place in range(len(groups) - 1, -1, -1):
            last = place == len(groups) - 1
            stem = below if depth < DEEPEST else below[:-3]
            waiting.append((groups[place], stem + ("└─ " if last else "├─ "), stem + ("   " if last else "│  "), depth + 1))
    return lines


def _line(action: ActionRecord, colours: bool) -> str:
    status = shown_status(action)
    parts = [_paint(_MARKS.get(status, "○"), status, colours), one_line(action.label, 60), one_line(action.name[:8])]
    if action.group:
        parts.append(f"({one_line(action.group, 40)})")
    if status != "succeeded":
        parts.append(_paint(status.replace("_", " "), status, colours))
    if len(action.attempts) > 1:
        parts.append(f"after {len(action.attempts)} attempts")
    if action.seconds is not None and not action.cached:
        parts.append(duration(action.seconds))
    if action.error is not None and action.status.is_bad:
        parts.append(one_line(action.error.headline, 120))
    return "  ".join(parts)


def _sum_line(actions: Sequence[ActionRecord], colours: bool) -> str:
    counts = Counter(shown_status(action) for action in actions)
    worst = next((status for status in ("failed", "timed_out", "lost", "aborted", "running", "queued") if counts[status]), "succeeded")
    told = ", ".join(f"{count:,} {_paint(status.replace('_', ' '), status, colours)}" for status, count in counts.most_common())
    mark = _paint(_MARKS.get(worst, "○"), worst, colours)
    return "  ".join(
        part for part in (f"{mark}  {one_line(actions[0].label, 60)} × {len(actions):,}", told, describe_times(actions)) if part
    )


def _errors(record: RunRecord, colours: bool) -> list[str]:
    failed = [action for action in record.actions.values() if action.error is not None and action.status.is_bad]
    # What failed first is the cause; its callers failed after it, and of it.
    failed.sort(key=lambda action: action.ended if action.ended is not None else float("inf"))
    lines: list[str] = []
    if not failed and record.error is not None:
        lines += ["", _paint(one_line(record.error.headline), "failed", colours), *bare(record.error.traceback).splitlines()]
    for action in failed[:MOST_ERRORS]:
        if action.error is None:
            continue
        headline = one_line(action.error.headline, 300)
        lines += ["", f"{_paint(one_line(action.label), 'failed', colours)} {one_line(action.name[:8])}  {headline}"]
        lines += [f"  {line}" for line in bare(action.error.traceback.strip()).splitlines()]
    if len(failed) > MOST_ERRORS:
        lines += ["", f"and {len(failed) - MOST_ERRORS:,} more errors; the page has them"]
    return lines


def _foot(record: RunRecord) -> list[str]:
    lines = [f"note: {one_line(text)}" for text in record.notices[:20]]
    if record.damaged:
        lines.append(f"note: {record.damaged} lines of the journal are damaged and were left out")
    page = os.path.join(record.path, INDEX)
    if record.path and os.path.isfile(page):
        lines.append(f"page: {page}")
    reports = [action for action in record.actions.values() if action.report]
    lines += [f"report of {one_line(action.label)}: {os.path.join(record.path, action.report)}" for action in reports[:20]]
    if any(action.logs for action in record.actions.values()):
        lines.append(f"logs: `localflyte logs {record.name} [ACTION]`")
    return ["", *lines] if lines else []


def _paint(text: str, status: str, colours: bool) -> str:
    colour = _COLOURS.get(status)
    return f"\x1b[{colour}m{text}\x1b[0m" if colours and colour else text
