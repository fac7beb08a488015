"""A file that is edited while a session is open: what runs is what is in the file, and no result is stored as that of other code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TASKS = """
import localflyte as flyte
import steps

env = flyte.TaskEnvironment(name="edited"{reuse})


@env.task(cache="auto")
def task(x: int) -> int:
    return steps.step(x)
"""
STEPS = "def step(x):\n    return x + {number}\n"

SESSION = """
import importlib
import sys
from pathlib import Path

import localflyte as flyte
import steps
import tasks

told = []


def listens(event):
    if event.kind == "notice" and "not cached" in event.data["text"]:
        told.append(event.data["text"])


def runs():
    del told[:]
    result = flyte.with_runcontext(sinks=[listens]).run(tasks.task, x=1).outputs()[0]
    return result, any("was changed after it was imported" in text for text in told)


def edits(number):
    Path("steps.py").write_text(f"def step(x):\\n    return x + {number}\\n")


if __name__ == "__main__":
    said = [runs()]
    edits(200)
    if "reload" in sys.argv:
        importlib.invalidate_caches()
        importlib.reload(steps)
    said.append(runs())
    edits(1)
    if "reload" in sys.argv:
        importlib.reload(steps)
    said.append(runs())
    print(said)
"""


def python(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("reuse", ["", ", reusable=flyte.ReusePolicy(replicas=1)"], ids=["forked", "reused"])
@pytest.mark.parametrize("reload", [True, False], ids=["reloaded", "not reloaded"])
def test_what_runs_is_what_the_file_says(tmp_path: Path, reload: bool, reuse: str) -> None:
    (tmp_path / "tasks.py").write_text(TASKS.replace("{reuse}", reuse))
    (tmp_path / "steps.py").write_text(STEPS.replace("{number}", "1"))
    (tmp_path / "session.py").write_text(SESSION)
    said = python(tmp_path, "session.py", *(["reload"] if reload else []))
    assert said == str([(2, False), (201, not reload), (2, False)])
    for number in (200, 1):
        (tmp_path / "steps.py").write_text(STEPS.replace("{number}", str(number)))
        fresh = "import localflyte as flyte, tasks; print(flyte.run(tasks.task, x=1).outputs()[0])"
        assert python(tmp_path, "-c", fresh) == str(1 + number)


THREADED = """
import threading
import time
from pathlib import Path

import localflyte as flyte
import steps

env = flyte.TaskEnvironment(name="edited")
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


@env.task(cache="auto")
def task(x: int) -> int:
    return steps.step(x)


@env.task
def parent() -> list[int]:
    first = task(1)
    Path("steps.py").write_text("def step(x):\\n    return x + 200\\n")
    time.sleep(0.2)
    return [first, task(2)]
"""


def test_an_edit_during_a_run_whose_tasks_import_for_themselves_is_noticed(tmp_path: Path) -> None:
    """Where a module starts threads, each call imports it: the second child runs the new code, and its caller knows the old."""
    (tmp_path / "tasks.py").write_text(THREADED)
    (tmp_path / "steps.py").write_text(STEPS.replace("{number}", "1"))
    run = "import localflyte as flyte, tasks; print(flyte.run(tasks.{}).outputs()[0])"
    assert python(tmp_path, "-c", run.format("parent")) == "[2, 202]"
    for number in (1, 200):
        (tmp_path / "steps.py").write_text(STEPS.replace("{number}", str(number)))
        assert python(tmp_path, "-c", run.format("task, x=2")) == str(2 + number)
