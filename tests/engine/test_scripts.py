"""Scripts as people run them: in a process of their own, guarded or not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import localflyte

ROOT = str(Path(localflyte.__file__).parents[1])


def script(path: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    path.write_text(text)
    env = {**os.environ, "PYTHONPATH": ROOT, "LOCALFLYTE_MAX_DEPTH": "5"}
    return subprocess.run([sys.executable, *options, str(path)], capture_output=True, text=True, timeout=60, env=env, check=False)


TASKS = """
import localflyte as flyte
env = flyte.TaskEnvironment(name="script")

@env.task
def double(x: int) -> int:
    return 2 * x

@env.task
def starts_a_run(x: int) -> int:
    return flyte.run(double, x=x).outputs()[0]

@env.task
def starts_itself(x: int) -> int:
    return flyte.run(starts_itself, x=x).outputs()[0]
"""


def test_a_guarded_script_runs(tmp_path: Path) -> None:
    done = script(tmp_path / "guarded.py", TASKS + "\nif __name__ == '__main__':\n    print(flyte.run(double, x=4).outputs()[0])\n")
    assert done.stdout == "8\n", done.stderr


def test_an_unguarded_run_fails_at_once_and_says_what_to_do(tmp_path: Path) -> None:
    # Once, each worker that imported such a file started a run of its own, without end.
    done = script(tmp_path / "unguarded.py", TASKS + "\nprint(flyte.run(double, x=4).outputs()[0])\n")
    assert done.returncode == 1
    assert "if __name__ ==" in done.stderr


def test_a_task_may_start_a_run(tmp_path: Path) -> None:
    done = script(tmp_path / "nested.py", TASKS + "\nif __name__ == '__main__':\n    print(flyte.run(starts_a_run, x=4).outputs()[0])\n")
    assert done.stdout == "8\n", done.stderr


def test_runs_that_start_runs_end_at_the_depth_limit(tmp_path: Path) -> None:
    done = script(tmp_path / "endless.py", TASKS + "\nif __name__ == '__main__':\n    flyte.run(starts_itself, x=4)\n")
    assert done.returncode == 1
    assert "max_depth" in done.stderr
