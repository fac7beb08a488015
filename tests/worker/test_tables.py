"""A program with tables is imported once and forked, and what libraries do with threads of their own is right in each child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from localflyte.launch.environ import WITHOUT_THREADS
from localflyte.worker import tables

ROOT = Path(__file__).resolve().parents[2]


def run(script: str, **variables: str) -> list[str]:
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **WITHOUT_THREADS, **variables}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_program_with_tables_is_imported_once() -> None:
    pytest.importorskip("pyarrow", reason="the frames extra is not installed")
    from programs import frames

    import localflyte as flyte

    notices: list[str] = []

    def tell(event: Any) -> None:
        if event.kind == "notice":
            notices.append(event.data["text"])

    context = flyte.with_runcontext(sinks=[tell])
    told = [context.run(frames.whence, frame=frames.table(3)).outputs() for _ in range(4)]
    assert len({tuple(each) for each in told}) == 1
    assert told[0][1], "what reads tables is loaded before a call begins"
    assert notices == []
    assert context.run(frames.threads).outputs()[0] == 1


NO_THREAD = """
from localflyte.worker.forking import thread_count
from localflyte.worker.tables import load_tables
import pandas
import pyarrow
load_tables(["(x: DataFrame) -> ()"])
print(thread_count())
"""


def test_importing_tables_starts_no_thread() -> None:
    pytest.importorskip("pyarrow", reason="the frames extra is not installed")
    assert run(NO_THREAD) == ["1"]


@pytest.mark.parametrize(
    ("lines", "loads"),
    [
        (["(x: int) -> (o0: str)"], False),
        (["(x: frame:polars.DataFrame) -> ()"], True),
        (["() -> ()", "() -> (o0: list[Kept{table: DataFrame}])"], True),
        (["(x: frame:pandas.DataFrame<a;>) -> ()"], True),
        ([], False),
    ],
)
def test_only_a_program_with_tables_has_them_loaded(lines: list[str], loads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(tables, "import_module", asked.append)
    assert tables.load_tables(lines) is loads
    assert bool(asked) is loads


def test_where_nothing_reads_tables_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(tables, "import_module", missing)
    assert tables.load_tables(["(x: DataFrame) -> ()"])


PRODUCTS = """
import os, signal
import numpy
from localflyte.worker.forking import fork, thread_count

def threads():
    return len(os.listdir("/proc/self/task"))

left = numpy.random.default_rng(1).random((200, 200))
right = left @ left.T + numpy.eye(200)  # with all threads, in the process that will fork
assert thread_count() == 1, threads()
several = 0
for turn in range(100):
    pid = fork()
    if not pid:
        signal.alarm(60)       # a child that hangs is an error, and not the end of the test's patience
        same = numpy.allclose(left @ left.T + numpy.eye(200), right) and numpy.allclose(right @ numpy.linalg.solve(right, left), left)
        os._exit((0 if same else 2) + (0 if threads() > 1 else 100))
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 100), (turn, code)
    several += code == 0
    assert threads() == 1
print(several)
"""


def test_children_multiply_matrices_with_threads_of_their_own() -> None:
    """OpenBLAS ends its threads when the process forks, and starts them again where they are needed."""
    pytest.importorskip("numpy", reason="the frames extra is not installed")
    (several,) = run(PRODUCTS, OPENBLAS_NUM_THREADS="2")
    assert int(several) in ((100,) if (os.cpu_count() or 1) > 1 else (0, 100))


TABLES = """
import os, signal, tempfile
from localflyte.worker.forking import fork, thread_count
from localflyte.worker.tables import load_tables
import pandas
import pyarrow.compute
load_tables(["DataFrame"])
assert thread_count() == 1
table = pandas.DataFrame({"number": range(10_000), "text": [str(number % 97) for number in range(10_000)]})
place = tempfile.mkdtemp()
assert thread_count() == 1
for turn in range(100):
    pid = fork()
    if not pid:
        signal.alarm(60)
        path = f"{place}/{turn % 4}.parquet"
        table.to_parquet(path)
        back = pandas.read_parquet(path)
        total = pyarrow.compute.sum(pyarrow.Table.from_pandas(back)["number"]).as_py()
        os._exit(0 if back.equals(table) and total == sum(range(10_000)) else 2)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 0, (turn, code)
print("right")
"""


def test_children_write_and_read_tables() -> None:
    pytest.importorskip("pyarrow", reason="the frames extra is not installed")
    assert run(TABLES) == ["right"]
