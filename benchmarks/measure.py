"""Measure: run each subject in a process of its own, in turns, and keep every call's seconds."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from math import ceil
from pathlib import Path
from statistics import median
from time import perf_counter

from benchmarks.rows import Row
from benchmarks.subjects import ROOT
from benchmarks.subjects import Subject

__all__ = ("Cell", "measure_row")

WALL_ROWS = ("cold", "import")
PEAK_EVERY = 0.1  # seconds between looks at a subject's memory; VmHWM keeps the peak in between
LONGEST = 300.0  # seconds; a subject that hangs loses its row, not the evening


@dataclass(slots=True, kw_only=True)
class Cell:
    """What one subject did in one row."""

    calls: int
    """In one process."""
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    """The largest resident size of the subject's own process: for an engine, of the engine and not of its workers."""
    problem: str = ""

    @property
    def median(self) -> float:
        """The middle of all calls of all rounds."""
        return median(self.seconds)

    @property
    def p90(self) -> float:
        """What nine of ten calls do not exceed."""
        return sorted(self.seconds)[ceil(0.9 * len(self.seconds)) - 1]


def measure_row(row: Row, subjects: dict[str, Subject], home: Path, *, quick: bool, tell: Callable[[str], None]) -> dict[str, Cell]:
    """Run every subject of a row, in turns, so that a slow minute of the machine is shared by all.

    :param home: an empty folder that stands in for the home directory, so that no cache is warm and none is touched
    :return: a cell for each subject, those that could not run included
    """
    cells: dict[str, Cell] = {}
    for name in row.subjects:
        subject = subjects[name]
        cells[name] = Cell(calls=min(row.quick_calls if quick else row.calls, subject.most_calls), problem=subject.missing)
        if row.warm and not cells[name].problem:
            cells[name].problem = _run(row, subject, Cell(calls=cells[name].calls), home)
    for number in range(min(row.rounds, 2) if quick else row.rounds):
        for name, cell in cells.items():
            if not cell.problem:
                tell(f"{row.name}: round {number + 1}, {name}")
                cell.problem = _run(row, subjects[name], cell, home)
    return cells


def _run(row: Row, subject: Subject, cell: Cell, home: Path) -> str:
    """Run a subject once and add what it measured to its cell.

    :return: what went wrong, or nothing
    """
    environ = {
        **os.environ,
        "HOME": str(home),
        "LOCALFLYTE_HOME": str(home / "localflyte"),
        "FLYTE_DISABLE_SENTRY": "1",
    }
    # An installed package has its modules compiled, and a checkout is to be measured like one.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    start = perf_counter()
    command = subject.command(row, cell.calls)
    try:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        return f"could not be started: {error}"
    watch = threading.Thread(target=_watch_peak, args=(process, cell), daemon=True)
    if row.name not in WALL_ROWS:
        watch.start()
    try:
        out, err = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return f"did not finish in {LONGEST:.0f} s"
    seconds = perf_counter() - start
    if row.name not in WALL_ROWS:
        watch.join()
    if process.returncode != 0:
        return f"exit status {process.returncode}: {_last_line(err) or _last_line(out)}"
    if row.name in WALL_ROWS:
        cell.seconds.append(seconds)
        return ""
    try:
        cell.seconds += json.loads(_last_line(out))
    except ValueError:
        return f"printed no times, but: {_last_line(out)!r}"
    return ""


def _watch_peak(process: subprocess.Popen[str], cell: Cell) -> None:
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                cell.peak_bytes = max(cell.peak_bytes, int(line.split()[1]) * 1024)
        try:
            process.wait(PEAK_EVERY)
        except subprocess.TimeoutExpired:
            continue


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
