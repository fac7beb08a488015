"""Rows 28 and 29: Ctrl-C once, twice, three times, SIGTERM, SIGHUP, and a reader that went away, whatever is under way."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from faults.outside import ROOT
from faults.outside import SOON
from faults.outside import Program
from faults.outside import wait_until

from localflyte.runs.history import list_runs

Start = Callable[..., Program]

#: a task that ends when it is asked to, one that has to be killed, one that leaves processes, and their caller
PROGRAM = """
import localflyte as flyte
import asyncio, os, signal, subprocess, sys, time
env = flyte.TaskEnvironment("endless")

def here(name):
    open(name, "w").close()

@env.task
async def polite(x: int) -> int:
    here("polite")
    await asyncio.sleep(1000)
    return x

@env.task
def deaf(x: int) -> int:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    here("deaf")
    time.sleep(1000)
    return x

@env.task
def parent(x: int) -> int:
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    subprocess.Popen(["sleep", "1000"])
    here("parent")
    time.sleep(1000)
    return x

@env.task
async def nested(x: int) -> int:
    return sum(await asyncio.gather(polite(1), deaf.aio(1), parent.aio(1)))

@env.task
async def main(n: int = 1) -> int:
    return await nested(n)

@env.task
async def gentle(n: int = 1) -> int:
    return await polite(n)

async def both():
    await asyncio.gather(flyte.run.aio(gentle), flyte.run.aio(gentle))

def in_a_loop():
    "As a notebook does: a loop runs already in the thread that blocks."
    async def cell():
        flyte.run(gentle)
    asyncio.run(cell())

if __name__ == "__main__":
    ways = {"main": lambda: flyte.run(main), "gentle": lambda: flyte.run(gentle), "both": lambda: asyncio.run(both()), "loop": in_a_loop}
    ways[sys.argv[1]]()
"""
EVERYBODY = ("polite", "deaf", "parent")
SCRIPT = ("program.py", "main")
COMMAND = ("-m", "localflyte", "run", "program.py", "main")
HURRY = {"LOCALFLYTE_GRACE_SECONDS": "0.3"}
PATIENT = {"LOCALFLYTE_GRACE_SECONDS": "600"}
#: what a process ends with: a script as Python does, the command with a code of its own
CODES = {SCRIPT: {"INT": -2, "TERM": -15, "HUP": -1}, COMMAND: {"INT": 130, "TERM": 143, "HUP": 129}}


def statuses(program: Program) -> set[str]:
    return {str(run.status) for run in list_runs(program.home)}


def reports(text: str) -> int:
    """Count the errors that are shown; asyncio shows how it made a KeyboardInterrupt as the cause of it."""
    return text.count("Traceback") - text.count("During handling of the above exception")


@pytest.fixture(params=[SCRIPT, COMMAND], ids=["script", "command"])
def way(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


# -- 28: Ctrl-C ----------------------------------------------------------------------------------------------------------


def test_row_28_once_asks_then_insists_and_tells_how_it_ended(start: Start, way: tuple[str, ...]) -> None:
    program = start(PROGRAM, *way, env=HURRY)
    program.wait_for(*EVERYBODY)
    program.send(signal.SIGINT)
    assert program.finish() == CODES[way]["INT"]
    assert "stopping" in program.err
    assert reports(program.err) == (1 if way is SCRIPT else 0)
    assert "5 actions: 5 aborted" in program.err
    assert statuses(program) == {"aborted"}
    assert program.left_after() == []


def test_row_28_twice_kills_what_does_not_hear(start: Start, way: tuple[str, ...]) -> None:
    """The grace is ten minutes, so nobody would get so far by being patient."""
    program = start(PROGRAM, *way, env=PATIENT)
    program.wait_for(*EVERYBODY)
    program.send(signal.SIGINT)
    read_until(program, "stopping")
    program.send(signal.SIGINT)
    assert program.finish() == CODES[way]["INT"]
    assert statuses(program) == {"aborted"}
    assert program.left_after() == []


def test_row_28_three_times_leaves_at_once(start: Start, way: tuple[str, ...]) -> None:
    program = start(PROGRAM, *way, env=PATIENT)
    program.wait_for(*EVERYBODY)
    server = psutil.Process(program.process.pid).children()[0]
    server.suspend()  # so that killing takes a while
    for said in ("stopping", "killing", "leaving"):
        program.send(signal.SIGINT)
        read_until(program, said)
    assert program.finish() == 130
    server.resume()
    assert program.left_after() == []
    assert statuses(program) == {"lost"}


def test_row_28_it_is_acknowledged_within_a_tenth_of_a_second(start: Start, way: tuple[str, ...]) -> None:
    took = []
    for _ in range(3):  # the machine may be busy with something else
        program = start(PROGRAM, *way, env=HURRY)
        program.wait_for(*EVERYBODY)
        began = time.monotonic()
        program.send(signal.SIGINT)
        read_until(program, "stopping")
        took.append(time.monotonic() - began)
        program.finish()
        if took[-1] < 0.1:
            break
    assert min(took) < 0.1


def read_until(program: Program, text: str) -> None:
    """Read what the program says until it says this."""
    assert program.process.stderr is not None
    line = " "
    while line and text not in line:
        line = program.process.stderr.readline()
        program.err += line
    assert line, program.err


@pytest.mark.parametrize("how", ["both", "loop"])
def test_row_28_runs_side_by_side_and_under_a_loop_that_runs_already(start: Start, how: str) -> None:
    program = start(PROGRAM, "program.py", how, env=HURRY)
    program.wait_for("polite")
    wait_until(lambda: len(program.family()) >= 3)
    program.send(signal.SIGINT)
    assert program.finish() == -signal.SIGINT
    assert reports(program.err) == 1
    assert statuses(program) == {"aborted"}


#: places before and after a run's life, and the line that waits there for the signal
#: Nothing is closed or freed between the two, where Python would pass over what a signal raises.
WAITS = "import os, time; os.mkdir('here'); time.sleep(1000)"
MOMENTS = {
    "before localflyte is imported": WAITS + "\n" + PROGRAM,
    "while the script is loaded": PROGRAM.replace("def here", f"{WAITS}\ndef here", 1),
    "while a worker imports the script": PROGRAM.replace("def here", f"if __name__ != '__main__': {WAITS}\ndef here", 1),
    "after the run": PROGRAM.replace("await asyncio.sleep(1000)", "pass") + f"    {WAITS}\n",
}


@pytest.mark.parametrize("presses", [1, 3])
@pytest.mark.parametrize("moment", MOMENTS)
def test_row_28_at_any_moment_of_a_scripts_life(start: Start, moment: str, presses: int) -> None:
    program = start(MOMENTS[moment], "program.py", "gentle", env=HURRY)
    program.wait_for("here")
    for _ in range(presses):
        program.send(signal.SIGINT)
        time.sleep(0.02)  # two signals at the same time are one
    assert program.finish() in (-signal.SIGINT, 130)
    assert reports(program.err) <= 1
    assert program.left_after() == []


def test_row_28_while_the_command_loads_the_file(start: Start) -> None:
    program = start(MOMENTS["while the script is loaded"], *COMMAND, env=HURRY)
    program.wait_for("here")
    program.send(signal.SIGINT)
    assert program.finish() == 130
    assert "Traceback" not in program.err


def test_row_28_while_it_closes(start: Start) -> None:
    """The engine is closed by an exit handler; a signal that comes meanwhile is no reason for a traceback."""
    closing = PROGRAM.replace("await asyncio.sleep(1000)", "pass") + (
        "    from localflyte.engine.engine import Engine\n"
        "    close = Engine.aclose\n"
        "    async def aclose(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        await asyncio.sleep(0.1)\n"
        "        await close(self)\n"
        "    Engine.aclose = aclose\n"
    )
    program = start(closing, "program.py", "gentle", env=HURRY)
    program.finish()
    assert "Traceback" not in program.err
    assert "Exception ignored" not in program.err
    assert program.left_after() == []


SMALL = """
import localflyte as flyte
import os, signal, sys
env = flyte.TaskEnvironment("small")

@env.task(cache="auto")
def leaf(x: int) -> int:
    return x

@env.task
def main() -> int:
    return leaf(1) + leaf(2)

class Press:
    "Presses Ctrl-C at one event of the run, as seen from the engine's own thread."
    never_blocks = True

    def __init__(self, at, presses):
        self.left, self.presses = at, presses

    def __call__(self, event):
        self.left -= 1
        if self.left == 0:
            for _ in range(self.presses):
                os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    press = Press(int(sys.argv[1]), 1)
    flyte.with_runcontext(sinks=[press]).run(main)
    print("events", int(sys.argv[1]) - press.left)
"""


def test_row_28_at_every_event_of_a_run(start: Start) -> None:
    whole = start(SMALL, "program.py", "-1")
    assert whole.finish() == 0
    count = int(whole.out.split()[-1])
    assert count > 10
    for first in range(1, count + 1, 2):
        pair = [start(SMALL, "program.py", str(at), env=HURRY) for at in (first, first + 1)]
        for program in pair:
            assert program.finish() in (-signal.SIGINT, 0)
            assert reports(program.err) <= 1
            assert statuses(program) <= {"aborted", "succeeded"}
            assert program.left_after() == []


# -- 28, 29: a terminal --------------------------------------------------------------------------------------------------


def test_row_28_a_terminal_is_given_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    control, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    process = in_terminal(tmp_path, terminal, *COMMAND)
    seen = Screen(control)
    wait_until(lambda: all((tmp_path / name).exists() for name in EVERYBODY))
    os.write(control, b"\x03")
    assert process.wait(SOON) == 130
    assert termios.tcgetattr(terminal) == before
    os.close(terminal)
    text = seen.rest()
    assert "stopping" in text
    hidden, shown = text.rfind("\x1b[?25l"), text.rfind("\x1b[?25h")
    assert hidden <= shown  # the cursor
    assert "Traceback" not in text
    assert re.search(r"Status\s+aborted", text)


def test_row_29_a_terminal_that_is_closed_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    control, terminal = pty.openpty()
    process = in_terminal(tmp_path, terminal, *COMMAND)
    os.close(terminal)
    seen = Screen(control)
    wait_until(lambda: all((tmp_path / name).exists() for name in EVERYBODY))
    seen.hang_up()
    assert process.wait(SOON) == 129
    assert {str(run.status) for run in list_runs(tmp_path / "home")} == {"aborted"}


def in_terminal(folder: Path, terminal: int, *arguments: str) -> subprocess.Popen[bytes]:
    environ = {**os.environ, **HURRY, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(folder / "home"), "TERM": "xterm-256color"}
    environ.pop("CI", None)
    return subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environ, preexec_fn=lambda: os.login_tty(os.dup(terminal)))


class Screen:
    """Reads what a terminal shows, so that nobody waits for it, until it is hung up."""

    def __init__(self, control: int) -> None:
        self._control = control
        self._seen = b""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def hang_up(self) -> None:
        self._stopping.set()
        self._thread.join()
        os.close(self._control)

    def rest(self) -> str:
        self.hang_up()
        return self._seen.decode(errors="replace")

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._control], [], [], 0.05)
            if not ready:
                if self._stopping.is_set():
                    return
                continue
            try:
                data = os.read(self._control, 1 << 16)
            except OSError:
                return
            if not data:
                return
            self._seen += data


# -- 29: SIGTERM, SIGHUP, a closed pipe ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["TERM", "HUP"])
def test_row_29_other_signals_kill_at_once_and_end_the_program_as_they_do(start: Start, way: tuple[str, ...], name: str) -> None:
    program = start(PROGRAM, *way, env=PATIENT)
    program.wait_for(*EVERYBODY)
    program.send(getattr(signal, f"SIG{name}"))
    assert program.finish() == CODES[way][name]
    assert statuses(program) == {"aborted"}
    assert "Traceback" not in program.err
    assert program.left_after() == []


def test_row_29_a_signal_that_the_program_ignores_or_handles_is_left_to_it(start: Start) -> None:
    main = 'if __name__ == "__main__":\n'
    handles = '    signal.signal(signal.SIGHUP, signal.SIG_IGN)\n    signal.signal(signal.SIGTERM, lambda *_: here("handled"))\n'
    text = PROGRAM.replace(main, main + handles)
    program = start(text, "program.py", "gentle", env=HURRY)
    program.wait_for("polite")
    program.send(signal.SIGHUP)
    program.send(signal.SIGTERM)
    program.wait_for("handled")
    assert program.process.poll() is None
    program.send(signal.SIGINT)
    assert program.finish() == -signal.SIGINT


def test_row_29_a_command_that_its_shell_started_in_the_background_hears_no_ctrl_c(start: Start) -> None:
    text = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{PROGRAM}"
    program = start(text, "program.py", "gentle", env=HURRY)
    program.wait_for("polite")
    program.send(signal.SIGINT)
    program.send(signal.SIGTERM)
    assert program.finish() == -signal.SIGTERM


TALKS = """
import localflyte as flyte
import os
env = flyte.TaskEnvironment("talks")

@env.task
def main(lines: int = 20000) -> int:
    for number in range(lines):
        print("line", number, "x" * 50)
    open("done", "w").close()
    return lines

if __name__ == "__main__":
    flyte.run(main)
    open("ended", "w").close()
"""


def test_row_29_a_reader_that_goes_away_does_not_end_the_run_and_nobody_complains(start: Start) -> None:
    program = start(TALKS, "program.py")
    assert program.process.stdout is not None
    assert program.process.stdout.readline().startswith("line 0")
    program.process.stdout.close()
    program.process.stdout = None
    assert program.finish() == 0
    assert program.err == ""
    assert (program.folder / "done").exists()
    assert (program.folder / "ended").exists()
    assert statuses(program) == {"succeeded"}


@pytest.mark.parametrize("more", [(), ("--json",)], ids=["lines", "json"])
def test_row_29_the_command_is_quiet_about_a_reader_of_both_streams_that_goes_away(tmp_path: Path, more: tuple[str, ...]) -> None:
    (tmp_path / "program.py").write_text(TALKS)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(tmp_path / "home")}
    read, write = os.pipe()
    command = [sys.executable, "-m", "localflyte", "run", *more, "program.py", "main"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=write, stderr=write)
    os.close(write)
    assert os.read(read, 100)
    os.close(read)
    assert process.wait(SOON) == 0
    assert (tmp_path / "done").exists()


def test_row_29_listings_are_quiet_about_a_reader_that_goes_away(tmp_path: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(tmp_path / "home")}
    command = f"set -o pipefail; {sys.executable} -m localflyte run --help | true"
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=SOON, check=False)
    assert (done.returncode, done.stderr) == (0, "")
