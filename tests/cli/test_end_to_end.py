"""The command line over the real engine: one process that a person started, seen from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio
import sys
import flyte

env = flyte.TaskEnvironment("env")

@env.task
async def square(x: int) -> int:
    print("squaring", x)
    return x * x

@env.task
async def main(n: int = 3) -> list[int]:
    return await asyncio.gather(*[square(x) for x in range(n)])

@env.task
def fail() -> int:
    return {}["missing"]

@env.task
def leave() -> int:
    import os
    os._exit(3)

@env.task
async def endless() -> None:
    print("waiting", flush=True)
    await asyncio.sleep(3600)

if __name__ == "__main__":
    run = flyte.run(main, n=int(sys.argv[1]))
    print(run.outputs()[0])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    environ = {**os.environ, "PYTHONPATH": str(root), "LOCALFLYTE_HOME": str(folder / "home")}
    command = [sys.executable, "-m", "localflyte", *args]
    return subprocess.Popen(command, cwd=folder, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    process = start(folder, *args)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(args, process.returncode, out, err)


def test_a_run_prints_its_outputs_and_what_its_tasks_print(folder: Path) -> None:
    done = run(folder, "run", "program.py", "main", "--n", "2")
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["Status succeeded", done.stdout.splitlines()[2], "o0     [0, 1]"]
    assert "squaring 1" in done.stderr


@pytest.mark.parametrize("name", ["queue.py", "my-program.py", "click.py"])
def test_a_file_may_have_any_name(name: str, folder: Path) -> None:
    (folder / "program.py").rename(folder / name)
    done = run(folder, "run", name, "main")
    assert done.stdout.splitlines()[-1] == "o0     [0, 1, 4]"


def test_a_closed_stdout_is_no_error(folder: Path) -> None:
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), "LOCALFLYTE_HOME": str(folder / "home")}
    command = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-m", "localflyte", "run", "program.py", "main"]
    done = subprocess.run(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "internal error" not in done.stderr


def test_a_file_is_not_mistaken_for_its_namesake(folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "program.py").rename(folder / "inner" / "program.py")
    (folder / "program.py").write_text("raise RuntimeError('the wrong file')")
    done = run(folder, "run", "inner/program.py", "main")
    assert done.stdout.splitlines()[-1] == "o0     [0, 1, 4]"


def test_a_failing_task_shows_its_traceback_and_nothing_of_ours(folder: Path) -> None:
    done = run(folder, "run", "program.py", "fail")
    assert done.returncode == 1
    assert "Error  KeyError: 'missing'" in done.stdout
    assert 'program.py", line' in done.stderr
    assert "localflyte/" not in done.stderr


def test_a_task_that_leaves_is_a_failed_task(folder: Path) -> None:
    assert run(folder, "run", "program.py", "leave").returncode == 1


def test_every_line_of_json_is_an_object(folder: Path) -> None:
    done = run(folder, "run", "--json", "--name", "calm-owl", "program.py", "main")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert rows[0]["kind"] == "run.started"
    assert (rows[-1]["kind"], rows[-1]["run"], rows[-1]["outputs"]) == ("result", "calm-owl", {"o0": [0, 1, 4]})


def test_a_taken_name_is_one_line(folder: Path) -> None:
    run(folder, "run", "--name", "calm-owl", "program.py", "main")
    done = run(folder, "run", "--name", "calm-owl", "program.py", "main")
    assert done.returncode == 2
    assert done.stderr.startswith("localflyte: ")
    assert "calm-owl" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_aborts_the_run_and_is_code_130(folder: Path) -> None:
    process = start(folder, "run", "program.py", "endless")
    assert process.stderr is not None
    while "waiting" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Status aborted" in out
    assert "Traceback" not in err


def test_a_run_is_read_back_by_its_name(folder: Path) -> None:
    run(folder, "run", "--name", "calm-owl", "program.py", "main")
    assert run(folder, "runs").stdout.startswith("calm-owl ")
    assert run(folder, "show", "last").stdout.count("square") == 3
    assert "squaring 2" in run(folder, "logs", "calm", "square").stdout


def test_a_script_runs_its_tasks_and_its_own_main_once(folder: Path) -> None:
    done = run(folder, "program.py", "4")
    assert done.returncode == 0
    assert done.stdout.splitlines().count("[0, 1, 4, 9]") == 1
