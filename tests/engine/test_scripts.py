"""Programs as people write them, run as people run them: tasks are found wherever they are defined, and main blocks run once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: how a script is started, and what its `import flyte` line has to be for that
WAYS = {"python": ([], "import localflyte as flyte"), "localflyte": (["-m", "localflyte"], "import flyte")}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def write(folder: Path, way: str, **files: str) -> None:
    """Write modules; in their names ``__`` stands for a slash."""
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("import flyte\n", f"{WAYS[way][1]}\n"))


def start(folder: Path, way: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *WAYS[way][0], *arguments]
    return subprocess.run(command, cwd=folder, env=environ, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def run(folder: Path, way: str, *arguments: str, stdin: str = "") -> list[str]:
    done = start(folder, way, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


TASKS = """
import flyte
env = flyte.TaskEnvironment("program")
K = 10

@env.task
def add(x: int) -> int:
    return x + K

@env.task
async def main(n: int) -> int:
    return sum([add(i) for i in range(n)])
"""
MAIN = """
if __name__ == "__main__":
    print("main block")
    print(flyte.run(main, n=3).outputs()[0])
"""


def test_a_script_runs_and_its_main_block_runs_once(tmp_path: Path, way: str) -> None:
    write(tmp_path, way, program=TASKS + MAIN)
    assert run(tmp_path, way, "program.py") == ["main block", "33"]


def test_a_script_runs_from_any_folder(tmp_path: Path, way: str) -> None:
    write(tmp_path, way, sub__program=TASKS + MAIN)
    (tmp_path / "elsewhere").mkdir()
    assert run(tmp_path / "elsewhere", way, "../sub/program.py") == ["main block", "33"]


def test_tasks_under_the_main_guard_run(tmp_path: Path, way: str) -> None:
    body = "".join(f"    {line}\n" for line in TASKS.splitlines()) + "    print(flyte.run(main, n=3).outputs()[0])\n"
    write(tmp_path, way, program=f'if __name__ == "__main__":\n{body}')
    assert run(tmp_path, way, "program.py") == ["33"]


def test_a_run_at_the_top_level_is_refused_with_the_way_out(tmp_path: Path, way: str) -> None:
    """A worker imports the script, and would start the run again."""
    write(tmp_path, way, program=TASKS + "print(flyte.run(main, n=3).outputs()[0])\n")
    done = start(tmp_path, way, "program.py")
    assert done.returncode != 0
    assert 'if __name__ == "__main__":' in done.stderr


def test_tasks_made_by_a_function_keep_what_they_close_over(tmp_path: Path, way: str) -> None:
    text = """
import flyte

def build(k):
    env = flyte.TaskEnvironment(f"built{k}")

    @env.task
    def add(x: int) -> int:
        return x + k

    @env.task
    def main(n: int) -> int:
        return sum([add(i) for i in range(n)])

    return main

if __name__ == "__main__":
    print(flyte.run(build(10), n=3).outputs()[0], flyte.run(build(20), n=3).outputs()[0])
"""
    write(tmp_path, way, program=text)
    assert run(tmp_path, way, "program.py") == ["33 63"]


def test_what_cannot_be_pickled_is_named(tmp_path: Path, way: str) -> None:
    text = """
import threading
import flyte

def build():
    lock = threading.Lock()
    env = flyte.TaskEnvironment("built")

    @env.task
    def held() -> int:
        with lock:
            return 1

    return held

if __name__ == "__main__":
    flyte.run(build())
"""
    write(tmp_path, way, program=text)
    done = start(tmp_path, way, "program.py")
    assert done.returncode == 1
    assert "closure variable 'lock' of task built.held cannot be pickled" in done.stderr


def test_tasks_of_other_modules_are_imported_by_name(tmp_path: Path, way: str) -> None:
    program = "import flyte\nfrom package.tasks import main\n" + MAIN
    write(
        tmp_path,
        way,
        program=program,
        package____init__="",
        package__tasks=TASKS.replace("K = 10", "from package.numbers import K"),
        package__numbers="K = 10",
    )
    assert run(tmp_path, way, "program.py") == ["main block", "33"]


def test_a_source_folder_that_the_program_names_is_its_root(tmp_path: Path, way: str) -> None:
    program = """
import pathlib
import sys
import flyte
sys.path.insert(0, str(pathlib.Path(__file__).parent / "src"))
from app.tasks import main

if __name__ == "__main__":
    flyte.init_from_config(root_dir=pathlib.Path(__file__).parent / "src")
    print(flyte.run(main, n=3).outputs()[0])
"""
    write(tmp_path, way, program=program, src__app____init__="", src__app__tasks=TASKS)
    assert run(tmp_path, way, "program.py") == ["33"]


def test_a_module_of_a_package_runs_with_dash_m(tmp_path: Path) -> None:
    program = "import flyte\nfrom .tasks import main\n" + MAIN
    write(tmp_path, "python", package____init__="", package__program=program, package__tasks=TASKS)
    assert run(tmp_path, "python", "-m", "package.program") == ["main block", "33"]


@pytest.mark.parametrize("source", ["-", "-c"])
def test_code_without_a_file_runs(tmp_path: Path, source: str) -> None:
    write(tmp_path, "python", program=TASKS + MAIN)
    text = (tmp_path / "program.py").read_text()
    arguments, stdin = (["-"], text) if source == "-" else (["-c", text], "")
    assert run(tmp_path, "python", *arguments, stdin=stdin) == ["main block", "33"]


def test_code_that_a_notebook_executes_runs(tmp_path: Path) -> None:
    """Cells share one namespace called ``__main__`` and have no file."""
    cells = [
        TASKS.replace("import flyte\n", "import localflyte as flyte\n").replace("async ", ""),
        "print(flyte.run(main, n=3).outputs()[0])",
    ]
    program = f"""
namespace = {{"__name__": "__main__"}}
for number, cell in enumerate({cells!r}):
    exec(compile(cell, f"<cell {{number}}>", "exec"), namespace)
"""
    write(tmp_path, "python", program=program)
    assert run(tmp_path, "python", "program.py") == ["33"]


def test_classes_of_the_script_come_back_as_themselves(tmp_path: Path, way: str) -> None:
    text = """
import dataclasses
import enum
import flyte
env = flyte.TaskEnvironment("classes")

@dataclasses.dataclass
class Point:
    x: int
    seen: list[int]

class Color(enum.Enum):
    RED = 1
    BLUE = 2

@env.task
def move(point: Point, color: Color) -> Point:
    return Point(point.x + color.value, [*point.seen, point.x])

@env.task
async def main() -> Point:
    return move(Point(1, []), Color.BLUE)

if __name__ == "__main__":
    point = flyte.run(main).outputs()[0]
    print(point, type(point) is Point)
"""
    write(tmp_path, way, program=text)
    assert run(tmp_path, way, "program.py") == ["Point(x=3, seen=[1]) True"]


def test_a_task_sees_the_arguments_and_the_folder_of_its_caller(tmp_path: Path, way: str) -> None:
    text = """
import os
import sys
import flyte
env = flyte.TaskEnvironment("seen")

@env.task
def sees() -> list[str]:
    return [*sys.argv[1:], os.path.basename(os.getcwd()), os.path.basename(__file__)]

if __name__ == "__main__":
    print(flyte.run(sees).outputs()[0])
"""
    write(tmp_path, way, sub__program=text)
    assert run(tmp_path, way, "sub/program.py", "one", "two") == [str(["one", "two", tmp_path.name, "program.py"])]


@pytest.mark.parametrize("name", ["types", "json", "select", "queue", "token", "random"])
def test_a_module_of_the_users_that_is_called_like_one_of_pythons_harms_no_worker(tmp_path: Path, name: str) -> None:
    """The caller has loaded what it needs; a worker begins with the user's path and needs the same modules."""
    program = "import sys\n" + TASKS + MAIN + "    sys.path.insert(0, 'shadows')\n    print(flyte.run(main, n=3).outputs()[0])\n"
    write(tmp_path, "localflyte", program=program, **{f"shadows__{name}": "raise ImportError('shadowed')"})
    assert run(tmp_path, "localflyte", "program.py") == ["main block", "33", "33"]


def test_an_exception_of_a_task_ends_the_script_with_the_tasks_own_traceback(tmp_path: Path, way: str) -> None:
    write(tmp_path, way, program=TASKS.replace("x + K", "x + K // (x - 2)") + MAIN)
    done = start(tmp_path, way, "program.py")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "return x + K // (x - 2)" in done.stderr


UNGUARDED = "\nprint(flyte.run(main, n=3).outputs()[0])\n"


def test_a_run_outside_of_a_main_block_fails_at_once_and_says_what_to_do(tmp_path: Path, way: str) -> None:
    # Once, each worker that imported such a file started a run of its own, without end.
    write(tmp_path, way, program=TASKS + UNGUARDED)
    done = start(tmp_path, way, "program.py")
    assert done.returncode == 1
    assert "if __name__ ==" in done.stderr


STARTS_RUNS = """
import asyncio, os, time
import flyte
env = flyte.TaskEnvironment("program")

@env.task
def meets(mine: str, other: str) -> str:
    open(mine, "w").close()
    until = time.monotonic() + 20
    while not os.path.exists(other):
        if time.monotonic() > until:
            raise TimeoutError("the other run never began")
        time.sleep(0.01)
    return "met"

@env.task
async def both() -> list[str]:
    runs = await asyncio.gather(flyte.run.aio(meets, mine="a", other="b"), flyte.run.aio(meets, mine="b", other="a"))
    return [run.outputs()[0] for run in runs]

@env.task
def again(n: int) -> int:
    return flyte.run(again, n=n + 1).outputs()[0]
"""


def test_runs_that_a_task_starts_go_on_side_by_side(tmp_path: Path, way: str) -> None:
    write(tmp_path, way, program=STARTS_RUNS + "\nif __name__ == '__main__':\n    print(flyte.run(both).outputs()[0])\n")
    assert run(tmp_path, way, "program.py") == ["['met', 'met']"]


def test_runs_that_start_runs_end_at_the_depth_limit(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_DEPTH", "5")
    write(tmp_path, way, program=STARTS_RUNS + "\nif __name__ == '__main__':\n    flyte.run(again, n=0)\n")
    done = start(tmp_path, way, "program.py")
    assert done.returncode == 1
    assert "max_depth" in done.stderr


def test_what_a_later_cell_changes_is_seen_by_the_next_run(tmp_path: Path) -> None:
    cells = TASKS + "\nprint(flyte.run(main, n=1).outputs()[0])\nK = 20\nprint(flyte.run(main, n=1).outputs()[0])\n"
    assert run(tmp_path, "python", "-", stdin=cells.replace("import flyte\n", "import localflyte as flyte\n")) == ["10", "20"]


FRESH = """
import concurrent.futures
import multiprocessing
import subprocess
import sys
import flyte
env = flyte.TaskEnvironment("program")

def named(x: int) -> str:
    return f"{flyte.TaskEnvironment.__module__} {x}"

@env.task
def spawned(how: str) -> list[str]:
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context(how)) as pool:
        return list(pool.map(named, [1, 2]))

@env.task
def started(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

@env.task
def sees_us() -> bool:
    return any("bridges" in entry for entry in sys.path)

if __name__ == "__main__":
    print(CALL.outputs()[0])
"""


@pytest.mark.parametrize("how", ["spawn", "forkserver"])
def test_a_task_may_start_fresh_interpreters_that_import_its_module(tmp_path: Path, way: str, how: str) -> None:
    write(tmp_path, way, program=FRESH.replace("CALL", f"flyte.run(spawned, how={how!r})"))
    assert run(tmp_path, way, "program.py") == ["['localflyte.api.environment 1', 'localflyte.api.environment 2']"]


@pytest.mark.parametrize(
    "code", ["import flyte.errors as it; print(it.__name__)", "from flyte.errors import OOMError as it; print(it.__module__)"]
)
def test_a_program_that_a_task_starts_knows_flyte_by_its_name(tmp_path: Path, code: str) -> None:
    write(tmp_path, "localflyte", program=FRESH.replace("CALL", f"flyte.run(started, code={code!r})"))
    assert run(tmp_path, "localflyte", "program.py") == ["localflyte.errors"]


def test_no_path_of_ours_is_on_the_path_of_a_task_or_of_what_it_starts(tmp_path: Path) -> None:
    """What lies there could shadow modules of the same name."""
    code = "import sys; print(any('bridges' in entry for entry in sys.path))"
    write(tmp_path, "localflyte", program=FRESH.replace("CALL", f"flyte.run(started, code={code!r})"))
    assert run(tmp_path, "localflyte", "program.py") == ["False"]
    write(tmp_path, "localflyte", program=FRESH.replace("CALL", "flyte.run(sees_us)"))
    assert run(tmp_path, "localflyte", "program.py") == ["False"]


def test_an_interpreter_that_has_no_localflyte_has_the_flyte_that_is_installed_there(tmp_path: Path) -> None:
    (tmp_path / "other" / "flyte").mkdir(parents=True)
    (tmp_path / "other" / "flyte" / "__init__.py").write_text("real = True")
    ours = (str(ROOT), "site-packages")
    code = f"""
import sys
sys.path[:] = [{str(tmp_path / "other")!r}, *[entry for entry in sys.path if not entry.endswith({ours!r})]]
import flyte
print(flyte.real)
"""
    write(tmp_path, "localflyte", program=FRESH.replace("CALL", f"flyte.run(started, code={code!r})"))
    assert run(tmp_path, "localflyte", "program.py") == ["True"]


def test_a_sitecustomize_of_the_persons_own_still_runs(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sitecustomize.py").write_text("import builtins\nbuiltins.customized = True\n")
    code = "import flyte, sys; print(customized, sys.modules['sitecustomize'].__file__)"
    program = FRESH.replace("CALL", f"flyte.run(started, code={code!r})").replace(
        '("program")', f'("program", env_vars={{"PYTHONPATH": {f"{tmp_path}/own:{ROOT}"!r}}})'
    )
    write(tmp_path, "localflyte", program=program)
    assert run(tmp_path, "localflyte", "program.py") == [f"True {tmp_path}/own/sitecustomize.py"]


def test_a_log_format_of_the_programs_own_can_name_run_and_action(tmp_path: Path, way: str) -> None:
    text = """
import logging
import sys
import flyte
env = flyte.TaskEnvironment("logs")
own = logging.getLogger("own")
handler = logging.StreamHandler(sys.stdout)
handler.setFormatter(logging.Formatter("%(action_name)s %(message)s of %(run_name)s"))
own.addHandler(handler)

@env.task
def logs() -> None:
    own.warning("line")

if __name__ == "__main__":
    print(flyte.run(logs).name)
"""
    write(tmp_path, way, program=text)
    line, name = run(tmp_path, way, "program.py")
    assert line == f"a0 line of {name}"


KILLED = """
import os
import flyte
env = flyte.TaskEnvironment("program")

@env.task
def dies() -> None:
    print("the last words")
    os._exit(3)
"""
KILLED_MAIN = """
if __name__ == "__main__":
    try:
        flyte.run(dies)
    except Exception:
        print("ended")
"""


def test_what_a_task_printed_before_it_was_killed_is_not_lost(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python keeps back what is printed into a pipe until there is much of it; a killed process never hands that on."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    write(tmp_path, way, program=KILLED + KILLED_MAIN)
    assert run(tmp_path, way, "program.py") == ["the last words", "ended"]


PANDAS = """
import pandas
import flyte
env = flyte.TaskEnvironment("program")

@env.task
def rows() -> int:
    return len(pandas.DataFrame({"a": [1, 2]}))
"""
PANDAS_MAIN = """
if __name__ == "__main__":
    print(flyte.run(rows).outputs()[0])
"""


def test_pandas_and_pyarrow_start_no_thread_so_that_calls_are_forked(tmp_path: Path, way: str) -> None:
    """Where a thread runs nothing is forked, and every call imports pandas anew."""
    pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    write(tmp_path, way, program=PANDAS + PANDAS_MAIN)
    done = start(tmp_path, way, "program.py")
    assert (done.stdout, done.stderr) == ("2\n", "")
