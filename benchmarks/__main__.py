"""The command: python -m benchmarks [--quick] [--only NAME] [--flyte-python PATH]."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.aims import Results
from benchmarks.machine import describe
from benchmarks.measure import measure_row
from benchmarks.picture import draw
from benchmarks.report import markdown
from benchmarks.rows import ROWS
from benchmarks.subjects import find_subjects

__all__ = ("main",)

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Measure, print the page, and write it unless only a part was measured."""
    options = _parser().parse_args()
    known = [row.name for row in ROWS]
    if unknown := [name for name in options.only if name not in known]:
        sys.exit(f"no row is called {unknown[0]!r}; there are {', '.join(known)}")
    rows = [row for row in ROWS if row.name in (options.only or known) and not (options.quick and not row.quick_calls)]
    subjects = find_subjects(options.flyte_python)
    machine = describe(subjects)
    results: Results = {}
    with tempfile.TemporaryDirectory(prefix="localflyte-bench-") as home:
        for row in rows:
            results[row.name] = measure_row(row, subjects, Path(home), quick=options.quick, tell=_tell)
    _tell("")
    page = markdown(results, subjects, machine)
    print(page)
    if options.quick or options.only:
        print("A part of the rows, or a quick look: benchmarks/README.md is left as it was.")
    else:
        (HERE / "README.md").write_text(page, encoding="utf-8")
        (HERE / "calls.svg").write_text(draw(results, subjects), encoding="utf-8")
    return 1 if any(cells["localflyte"].problem for cells in results.values() if "localflyte" in cells) else 0


def _tell(line: str) -> None:
    """Say on a terminal what is being measured, on one line that is written over."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what one isolated call costs, beside its peers.")
    parser.add_argument("--quick", action="store_true", help="fewer calls and rounds, no 10,000; writes nothing")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="one row, by its name; may be repeated; writes nothing")
    parser.add_argument("--flyte-python", default=sys.executable, metavar="PATH", help="an interpreter that has the real flyte")
    return parser


if __name__ == "__main__":
    sys.exit(main())
