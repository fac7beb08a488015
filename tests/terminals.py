"""Terminals: programs run on a terminal of their own, with somebody who types."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ("type_into",)

TESTS = Path(__file__).resolve().parent
SECONDS = 30.0


def type_into(
    home: Path,
    task: str,
    inputs: Sequence[str],
    answers: Sequence[bytes],
    program: str = "debugged.py",
    options: Sequence[str] = ("--plain",),
) -> tuple[str, int]:
    """Run a task from a terminal, and answer each prompt of the debugger.

    :param options: of the command
    :return: what the terminal showed, and the exit status
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(LOCALFLYTE_HOME=str(home), PYTHONPATH=os.pathsep.join([str(TESTS), str(TESTS.parent)]), TERM="dumb")
        path = str(TESTS / "programs" / program)
        os.execv(sys.executable, [sys.executable, "-m", "localflyte", "run", *options, path, task, *inputs])
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
