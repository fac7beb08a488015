"""breakpoint() in a task hands the terminal over, and no clock of the run goes on meanwhile."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from programs import debugged
from terminals import type_into

import localflyte as flyte
from localflyte.engine.clocks import Clocks
from localflyte.worker import debugger
from localflyte.worker.lineedit import LineEditor
from localflyte.worker.terminal import _Debugger


class FakePort:
    def tell(self, kind: str, data: Any) -> None: ...


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


@pytest.mark.parametrize("leave", [b"q\n", b"\x04"], ids=["quit", "Ctrl-D"])
def test_who_quits_the_debugger_ends_the_task_and_is_not_asked_again(home: Path, leave: bytes) -> None:
    """Neither the task nor its caller is retried."""
    shown, status = type_into(home, "leaves", [], [leave])
    assert re.search(r"^Error  BdbQuit: the debugger was left at .*debugged.py:\d+ with quit", shown, re.MULTILINE), shown
    assert shown.count("(Pdb) ") == 1
    assert "bdb.py" not in shown
    assert status == 1


@pytest.mark.parametrize("options", [("--plain",), ("--plain", "--inline")], ids=["process", "inline"])
def test_lines_are_edited_and_remembered(home: Path, options: tuple[str, ...]) -> None:
    """Arrow keys, and a name completed by the tabulator."""
    answers = [b"p x\n", b"\x1b[A\x7fy\n", b"p x + 1000\x1b[D\x1b[D\x1b[D\x7f2\n", b"p unhur\t\n", b"c\n"]
    shown, status = type_into(home, "unhurried", ["--x", "21"], answers, options=options)
    lines = shown.replace("\r", "").split("\n")
    assert {"21", "42", "2021"} <= set(lines), shown
    assert status == 0


def test_ctrl_c_empties_the_line_and_ends_nothing(home: Path) -> None:
    shown, status = type_into(home, "unhurried", ["--x", "21"], [b"p nonsense\x03p x\n", b"c\n"])
    assert "\n21\r\n" in shown
    assert "NameError" not in shown
    assert status == 0


def test_the_tree_is_not_drawn_over_the_debugger(home: Path) -> None:
    """What the debugger prints first begins a line of its own, and its prompt is what the person's line follows."""
    shown, status = type_into(home, "unhurried", ["--x", "21"], [b"p x\n", b"c\n"], options=())
    assert "(Pdb) p x\r\n21\r\n(Pdb) c\r\n" in shown
    assert re.search(r"\n> .*debugged.py\(\d+\)unhurried", shown), shown
    assert status == 0


def test_without_readline_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)
    master, device = os.openpty()
    try:
        with pytest.raises(OSError, match="lines cannot be edited here"):
            LineEditor(device, lambda text, state: None)
        plain = _Debugger(device, "here", FakePort())  # type: ignore[arg-type]
        assert (plain.prompt, plain.stdin.fileno()) == ("(Pdb) ", device)
        plain.stdin.close()
        plain.stdout.close()
    finally:
        os.close(master)
        os.close(device)


def test_where_the_terminal_is_gone_the_clocks_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    port = FakePort()
    port.tell = lambda kind, data: told.append(kind)  # type: ignore[method-assign]
    monkeypatch.setattr("localflyte.api.port.current_port", lambda: port)
    monkeypatch.setattr(debugger, "_terminal", "/nowhere")
    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    with pytest.raises(OSError, match="/nowhere"):
        debugger.hook()
    assert told == ["paused", "resumed"]


def test_without_a_terminal_a_breakpoint_is_an_error_that_says_so(home: Path) -> None:
    with pytest.raises(flyte.errors.RuntimeUserError, match=r"debugged.py:\d+: there is no terminal"):
        flyte.run(debugged.unhurried, 1)


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
