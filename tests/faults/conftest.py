"""What fault tests share: programs to be killed, a guard against what they leave, and the table of rows."""

from __future__ import annotations

import contextlib
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from faults import shim
from faults.order import Order
from faults.outside import Program

from localflyte.runs.journal import replay_journal

_ROW = re.compile(r"test_row_(\d+)_")
_outcomes: dict[int, list[tuple[str, float, str]]] = defaultdict(list)
_injected: dict[str, Sequence[int]] = {}


# -- the table of rows --------------------------------------------------------------------------------------------------


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call":
        _injected.update({told[0]: told[1:] for kind, told in report.user_properties if kind == "faults"})
    match = _ROW.search(report.nodeid)
    if match is None or (report.when != "call" and report.passed):
        return
    reason = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
    _outcomes[int(match[1])].append((report.outcome, report.duration, str(reason)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print every row that was tested: its outcome, its tests and their seconds; and why one was skipped."""
    if not _outcomes:
        return
    terminalreporter.section("rows of the fault matrix")
    for row, tests in sorted(_outcomes.items()):
        kinds = [outcome for outcome, _, _ in tests]
        outcome = "failed" if "failed" in kinds else "passed" if "passed" in kinds else "skipped"
        seconds = sum(seconds for _, seconds, _ in tests)
        reasons = sorted({reason.removeprefix("Skipped: ") for _, _, reason in tests if reason})
        more = f"  not here: {'; '.join(reasons)}" if reasons else ""
        terminalreporter.write_line(f"row {row:>3}  {outcome:<8}{len(tests):>4} tests {seconds:>7.2f} s{more}")
    if _injected:
        for name, (faults, false) in _injected.items():
            terminalreporter.write_line(f"{name:<24}{faults:>7} faults injected {false:>3} false answers")
        faults, false = (sum(counts) for counts in zip(*_injected.values(), strict=True))
        terminalreporter.write_line(f"{'store, all together':<24}{faults:>7} faults injected {false:>3} false answers")


@pytest.fixture
def count_faults(request: pytest.FixtureRequest) -> Callable[[str, int, int], None]:
    """Give what counts the faults that were injected somewhere, and the false answers that came of it, for the summary."""

    def count_them(name: str, faults: int, false: int) -> None:
        request.node.user_properties.append(("faults", [name, faults, false]))  # the summary may be another process's

    return count_them


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes calls to the file system fail."""
    found = shim.build(tmp_path_factory.mktemp("shim")) if sys.platform == "linux" else None
    if found is None:
        pytest.skip("the library that makes calls fail needs a C compiler, and Linux")
    return found


# -- programs ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Start programs; whatever they left is a failure of the test, and is ended."""
    programs: list[Program] = []
    numbers = count()

    def begin(text: str, *arguments: str, **more: Any) -> Program:
        folder = tmp_path / f"program{next(numbers)}"
        folder.mkdir()
        programs.append(program := Program(folder, text, *arguments, **more))
        return program

    yield begin
    left = []
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
            program.process.communicate()
        left += program.left_after()
        program.close()
    assert not left
    for program in programs:
        check_journals(program.home)


def check_journals(home: Path) -> None:
    """Whatever happened to an engine, the events that it wrote down came in a legal order."""
    for folder in (home / "runs").glob("*"):
        order = Order()
        with contextlib.suppress(FileNotFoundError):  # it was killed before it had one
            replay_journal(str(folder), order)
        order.check()
