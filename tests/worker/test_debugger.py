"""breakpoint() in a task hands the terminal over, and no clock of the run goes on meanwhile."""

from __future__ import annotations

import os
import pty
import re
import select
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from programs import debugged

import localflyte as flyte
from localflyte.engine.clocks import Clocks

TESTS = Path(__file__).resolve().parents[1]
SECONDS = 30.0


def type_into(home: Path, task: str, inputs: Sequence[str], answers: Sequence[bytes]) -> tuple[str, int]:
    """Run a task from a terminal, and answer each prompt of the debugger.

    :return: what the terminal showed, and the exit status
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(LOCALFLYTE_HOME=str(home), PYTHONPATH=os.pathsep.join([str(TESTS), str(TESTS.parent)]), TERM="dumb")
        program = str(TESTS / "programs" / "debugged.py")
        os.execv(sys.executable, [sys.executable, "-m", "localflyte", "run", "--plain", program, task, *inputs])
    shown, end, left = b"", time.monotonic() + SECONDS, list(answers)
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 1.0)[0]:
            continue
        try:
            data = os.read(terminal, 1 << 16)
        except OSError:  # nobody has it open any more
            break
        shown += data
        if left and shown.count(b"(Pdb) ") > len(answers) - len(left):
            os.write(terminal, left.pop(0))
    os.close(terminal)
    return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


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
