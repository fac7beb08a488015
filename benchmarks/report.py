"""Report: the tables of one run, as Markdown that is readable in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.aims import AIMS
from benchmarks.aims import Results
from benchmarks.measure import Cell
from benchmarks.rows import ROWS
from benchmarks.subjects import Subject

__all__ = ("markdown",)

INTRODUCTION = """\
# What one isolated call costs

Written by `python -m benchmarks`; nothing here is typed in by hand. Every subject runs the same work in a process of its own, in
turns, and each cell is **median / p90** over all calls of all rounds (for a fan-out: over the rounds). The programs are in `programs/`;
localflyte and flyte run the very same files, which time their own calls from inside a task.

- **localflyte** starts a new process for every call; **flyte** 2 in local mode calls the function in its own process.
- **floor** is `os.fork` + pipe + wait from an interpreter that has loaded what localflyte's fork server has for the same program; in a
  fan-out, one such forking process on each core. No engine with a process a call can be faster.
- **futures** is `ProcessPoolExecutor(max_tasks_per_child=1)`. **loky** and **joblib.Memory** isolate nothing; people use them.
- A **code version** is what makes a cache forget results of old code. localflyte's is of all that a task reaches; joblib.Memory and
  flyte look at the task's own body and at nothing that it calls.
"""


def markdown(results: Results, subjects: dict[str, Subject], machine: Sequence[str]) -> str:
    """Write the whole page.

    :param machine: lines that say where this was measured
    """
    lines = [INTRODUCTION, *(f"- {line}" for line in machine), "", "![medians of one call](calls.svg)", "", "## Aims", ""]
    lines += _align([["aim", "target", "measured", "met"], *_aims(results)])
    for table in dict.fromkeys(row.table for row in ROWS if row.name in results):
        rows = [row for row in ROWS if row.table == table and row.name in results]
        columns = [name for name in subjects if any(name in results[row.name] for row in rows)]
        header = ["", *(subjects[name].title for name in columns)]
        lines += ["", f"## {table}", "", *_align([header, *(_times(row.title, results[row.name], columns) for row in rows)])]
    notes = [*_smaller(results, subjects), *_problems(results), *_memory(results)]
    lines += ["", "## Notes", "", *(f"- {note}" for note in notes)] if notes else []
    return "\n".join(lines) + "\n"


def _aims(results: Results) -> list[list[str]]:
    rows = []
    for aim in AIMS:
        verdict = aim.judge(results)
        met = {True: "yes", False: "**no**", None: "not measured"}[verdict.met]
        rows.append([aim.title, aim.target, verdict.measured, met])
    return rows


def _times(title: str, cells: dict[str, Cell], columns: list[str]) -> list[str]:
    ours, first = next(iter(cells.values())), next(iter(cells))
    row = [title]
    for name in columns:
        cell = cells.get(name)
        if cell is None:
            row.append("")
        elif not cell.seconds:
            row.append("failed" if name == first else "not measured")
        else:
            times = f"{_milliseconds(cell.median)} / {_milliseconds(cell.p90)}"
            ratio = f" ({ours.median / cell.median:.2f} x)" if ours.seconds and name != first else ""
            row.append(times + ratio)
    return row


def _milliseconds(seconds: float) -> str:
    value = seconds * 1e3
    return (
        f"{value:.4f}"
        if value < 0.01
        else f"{value:.3f}"
        if value < 1
        else f"{value:.2f}"
        if value < 10
        else f"{value:.1f}"
        if value < 100
        else f"{value:,.0f}"
    )


def _smaller(results: Results, subjects: dict[str, Subject]) -> list[str]:
    """The cells are milliseconds; what else the reader must know about them."""
    notes = ["All times are milliseconds; (n x) is localflyte's median, of the first column that has one, divided by that subject's."]
    for name, subject in subjects.items():
        if any(cells.get(name) and cells[name].calls == subject.most_calls for cells in results.values()):
            notes.append(f"{subject.title}: at most {subject.most_calls} calls a round, in fan-outs too; more would take minutes.")
    return notes


def _problems(results: Results) -> list[str]:
    found: dict[str, list[str]] = {}
    for row, cells in results.items():
        for name, cell in cells.items():
            if cell.problem:
                found.setdefault(f"{name}: {cell.problem}", []).append(row)
    return [f"{problem} (rows: {', '.join(rows)})" for problem, rows in found.items()]


def _memory(results: Results) -> list[str]:
    notes = []
    for row in ("fanout-async", "fanout-10000"):
        for name in ("localflyte", "flyte"):
            cell = results.get(row, {}).get(name)
            if cell is not None and cell.peak_bytes:
                notes.append(f"{row}: the {name} engine's own process peaked at {cell.peak_bytes / 2**20:.0f} MiB (VmHWM).")
    return notes


def _align(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in rows]
    rule = "| " + " | ".join("-" * (width - 1) + ":" if column else "-" * width for column, width in enumerate(widths)) + " |"
    return [lines[0], rule, *lines[1:]]
