"""Whatever the user's module does while a worker imports it, tasks run, or fail with what the module raised."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import localflyte as flyte
import asyncio, os, signal, socket, sys, threading, time
IN_WORKER = __name__ != "__main__"
"""
TASKS = """
env = flyte.TaskEnvironment("program")

@env.task
async def child(x: int) -> int:
    await asyncio.sleep(0.01)
    return x

@env.task
def calls(x: int) -> int:
    return asyncio.run(child(x)) + 1

@env.task
def dies() -> int:
    os._exit(3)

@env.task
def threads() -> int:
    return threading.active_count()

def tell(event):
    if event.kind == "notice":
        print("notice:", event.data["text"])
    if event.kind == "log":
        print("log:", event.data["stream"], event.data["data"].decode().strip())

def attempt(task, **inputs):
    try:
        print(task.name, flyte.with_runcontext(sinks=[tell]).run(task, **inputs).outputs()[0])
    except flyte.errors.BaseRuntimeError as error:
        print(task.name, type(error).__name__, error.code, error)

if __name__ == "__main__":
    attempt(calls, x=1)
    attempt(dies)
    attempt(threads)
"""


def run(folder: Path, at_import: str) -> list[str]:
    (folder / "program.py").write_text(HEAD + at_import + "\n" + TASKS)
    command = [sys.executable, "program.py"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


ALL_WELL = ["program.calls 2", "program.dies RuntimeUserError WorkerExitedError", "program.threads 1"]

HARMLESS = {
    "nothing": "",
    "ignores its children": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "handles its children": "signal.signal(signal.SIGCHLD, lambda *_: None)",
    "takes the wake-up descriptor": "signal.set_wakeup_fd(-1)",
    "ignores the end": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "runs a loop": "async def noop(): await (await asyncio.create_subprocess_exec('true')).wait()\nasyncio.run(noop())",
    "has short timeouts": "socket.setdefaulttimeout(0.001)",
    "has no stdout": "if IN_WORKER: sys.stdout = None",
    "has a closed stderr": "if IN_WORKER: sys.stderr.close()",
    "empties its arguments": "sys.argv.clear()",
    "changes folder": "if IN_WORKER: os.chdir('/')",
    "forks": "if not os.fork(): os._exit(0)\nos.wait()",
    "leaves a process": "if IN_WORKER and not os.fork(): time.sleep(20)",
    "ended a thread": "thread = threading.Thread(target=int)\nthread.start()\nthread.join()",
    "limits recursion": "sys.setrecursionlimit(200)",
}


@pytest.mark.parametrize("what", HARMLESS)
def test_a_module_may_do_to_its_process_what_it_likes(tmp_path: Path, what: str) -> None:
    lines = run(tmp_path, HARMLESS[what])
    assert [line.partition(" The process")[0] for line in lines] == ALL_WELL


@pytest.mark.parametrize(
    "start",
    [
        "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        "timer = threading.Timer(1000, int); timer.daemon = True; timer.start()",
    ],
)
def test_a_module_that_starts_threads_is_imported_by_each_call_and_that_is_said_once(tmp_path: Path, start: str) -> None:
    lines = run(tmp_path, f"if IN_WORKER:\n    {start}")
    notices = [line for line in lines if line.startswith("notice:")]
    assert len(notices) == 1
    assert "importing program starts 1 thread(s)" in notices[0]
    results = [line.partition(" The process")[0] for line in lines if line not in notices]
    assert results == [*ALL_WELL[:2], "program.threads 2"]


@pytest.mark.parametrize(
    ("raises", "code", "says"),
    [
        ("raise ValueError('broken here')", "ValueError", "broken here"),
        ("import no_such_module", "ModuleNotFoundError", "no_such_module"),
        ("sys.exit(4)", "SystemExit", "4"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
        ("class Odd(BaseException): pass\n    raise Odd('odd')", "Odd", "odd"),
    ],
)
def test_what_a_module_raises_fails_the_attempt(tmp_path: Path, raises: str, code: str, says: str) -> None:
    lines = run(tmp_path, f"if IN_WORKER:\n    {raises}")
    assert len(lines) == 3
    for line in lines:
        assert f"RuntimeUserError {code} " in line
        assert says in line


def test_a_syntax_error_that_only_a_worker_sees_fails_the_attempt(tmp_path: Path) -> None:
    lines = run(tmp_path, "if IN_WORKER:\n    exec('this is no Python')")
    assert all("RuntimeUserError SyntaxError" in line for line in lines)


def test_a_module_may_close_what_it_did_not_open(tmp_path: Path) -> None:
    lines = run(tmp_path, "if IN_WORKER:\n    os.closerange(3, 100)")
    assert [line.partition(" The process")[0] for line in lines] == ALL_WELL


@pytest.mark.parametrize("how", ["os._exit(5)", "os.kill(os.getpid(), 9)"])
def test_a_module_that_ends_its_process_is_named(tmp_path: Path, how: str) -> None:
    lines = run(tmp_path, f"if IN_WORKER:\n    {how}")
    failures = [line for line in lines if "RuntimeSystemError WorkerStartError" in line]
    assert len(failures) == 3
    assert all("while it imported program" in line for line in failures)


def test_what_a_module_prints_belongs_to_no_task(tmp_path: Path) -> None:
    lines = run(tmp_path, "if IN_WORKER:\n    print('to stdout')\n    print('to stderr', file=sys.stderr)")
    logs = [line for line in lines if line.startswith("log:")]
    assert "log: stdout to stdout" in logs
    assert "log: stderr to stderr" in logs
    assert [line.partition(" The process")[0] for line in lines if line not in logs] == ALL_WELL
