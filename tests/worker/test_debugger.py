"""breakpoint() in a task hands the terminal over, and no clock of the run goes on meanwhile."""

from __future__ import annotations

import re
from pathlib import Path

import anyio
import pytest
from programs import debugged
from terminals import type_into

import localflyte as flyte
from localflyte.engine.clocks import Clocks


def test_a_person_looks_into_a_task_and_its_bounds_wait(home: Path) -> None:
    # Three seconds in the debugger, where the task has half a second and its caller one.
    answers = [b"p (x, y)\n", b"import time; time.sleep(3)\n", b"!y = 100\n", b"c\n"]
    shown, status = type_into(home, "main", ["--x", "21"], answers)
    assert "(21, 42)" in shown
    assert re.search(r"^o0 +101", shown, re.MULTILINE), shown
    assert status == 0


def test_two_tasks_have_the_terminal_one_after_the_other(home: Path) -> None:
    shown, status = type_into(home, "two", [], [b"p f'x is {x}'\n", b"c\n", b"p f'x is {x}'\n", b"c\n"])
    assert sorted(re.findall(r"'x is (\d)'", shown)) == ["1", "2"]
    assert re.search(r"^o0 +\[2, 4\]", shown, re.MULTILINE), shown
    assert status == 0


def test_who_quits_the_debugger_ends_the_task(home: Path) -> None:
    shown, status = type_into(home, "main", ["--x", "1"], [b"q\n"])
    assert "BdbQuit" in shown
    assert status == 1


def test_without_a_terminal_a_breakpoint_is_an_error_that_says_so(home: Path) -> None:
    with pytest.raises(flyte.errors.RuntimeUserError, match=r"debugged.py:\d+: there is no terminal"):
        flyte.run(debugged.main, 1)


def test_breakpoints_can_be_passed_over(home: Path) -> None:
    assert flyte.run(debugged.passes_over).outputs()[0] == "0"


def test_bounds_go_on_with_what_was_left_of_them() -> None:
    async def main() -> None:
        clocks = Clocks()
        with clocks.move_on_after(100.0) as outer:
            before = outer.deadline
            clocks.hold()
            clocks.hold()
            with clocks.move_on_after(50.0) as inner:
                assert (outer.deadline, inner.deadline) == (float("inf"), float("inf"))
                clocks.resume()
                assert inner.deadline == float("inf")
                clocks.resume()
                assert outer.deadline >= before
                assert anyio.current_time() < inner.deadline <= anyio.current_time() + 50.0
        with clocks.move_on_after(0.0) as over:
            await anyio.sleep_forever()
        assert over.cancelled_caught

    anyio.run(main)
