"""Whole runs with a cache: a second run does only what is new, and whatever is wrong with the store costs time, not results."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from programs import cached

import localflyte as flyte
from localflyte import errors
from localflyte.engine.thread import close_engine
from localflyte.io import File

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def own_home(home: Path) -> Path:
    return home


@pytest.fixture
def marks(tmp_path: Path) -> str:
    (tmp_path / "marks").write_text("")
    return str(tmp_path / "marks")


def times(marks: str) -> int:
    """How often a task really ran."""
    return os.path.getsize(marks)


def run(task: Any, options: dict[str, Any] | None = None, **inputs: Any) -> Any:
    return flyte.with_runcontext(**options or {}).run(task, **inputs).outputs()[0]


def run_and_listen(task: Any, **inputs: Any) -> tuple[Any, list[str]]:
    told: list[str] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    return flyte.with_runcontext(sinks=[listens]).run(task, **inputs).outputs()[0], told


@pytest.mark.parametrize(("task", "inputs"), [(cached.double, {"x": 4}), (cached.large, {"size": 100_000})])
def test_a_second_run_finds_what_the_first_stored(task: Any, inputs: dict[str, Any], marks: str) -> None:
    assert run(task, **inputs, marks=marks) == run(task, **inputs, marks=marks)
    assert times(marks) == 1


def test_another_process_finds_it_too(marks: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\nimport localflyte as flyte\nfrom programs import cached\n"
    code += f"print(flyte.run(cached.double, x=21, marks={marks!r}).outputs()[0])"
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout == "42\n"
    assert times(marks) == 1


def test_the_run_can_turn_the_cache_off_or_have_it_written_anew(marks: str) -> None:
    run(cached.double, x=1, marks=marks)
    run(cached.double, {"disable_run_cache": True}, x=1, marks=marks)
    assert times(marks) == 2
    run(cached.double, {"overwrite_cache": True}, x=1, marks=marks)
    assert times(marks) == 3
    run(cached.double, x=1, marks=marks)
    assert times(marks) == 3


def test_a_file_that_was_stored_outlasts_the_run_that_made_it(home: Path, marks: str) -> None:
    first = run(cached.writes_file, text="kept", marks=marks)
    shutil.rmtree(home / "runs")
    again = run(cached.writes_file, text="kept", marks=marks)
    assert times(marks) == 1
    assert again.path != first.path
    assert Path(again.path).read_text() == "kept"
    assert os.path.basename(again.path) == "note.txt"


def test_a_folder_that_was_stored_comes_back_as_it_was(home: Path, marks: str) -> None:
    run(cached.writes_folder, link=False, marks=marks)
    shutil.rmtree(home / "runs")
    folder = Path(run(cached.writes_folder, link=False, marks=marks).path)
    assert times(marks) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["empty", "run.sh"]
    assert os.access(folder / "run.sh", os.X_OK)


def test_a_folder_with_a_link_is_given_and_not_stored(marks: str) -> None:
    for count in (1, 2):
        folder, told = run_and_listen(cached.writes_folder, link=True, marks=marks)
        assert os.path.islink(os.path.join(folder.path, "link"))
        assert times(marks) == count
        assert len([text for text in told if "could not be stored" in text]) == 1


def test_a_file_counts_by_its_content(tmp_path: Path, marks: str) -> None:
    (tmp_path / "a").write_text("same")
    (tmp_path / "b").write_text("same")
    assert run(cached.reads, file=File(str(tmp_path / "a")), marks=marks) == 4
    assert run(cached.reads, file=File(str(tmp_path / "b")), marks=marks) == 4
    assert times(marks) == 1
    (tmp_path / "b").write_text("other")
    assert run(cached.reads, file=File(str(tmp_path / "b")), marks=marks) == 5
    assert times(marks) == 2


def test_a_result_whose_input_changed_meanwhile_is_given_and_not_stored(tmp_path: Path, marks: str) -> None:
    path = tmp_path / "input"
    for count in (1, 2):
        path.write_text("begin")
        _, told = run_and_listen(cached.changes_its_input, file=File(str(path)), marks=marks)
        assert times(marks) == count
        assert any("changed while it ran" in text for text in told)


@pytest.mark.parametrize("how", ["raise", "exit", "_exit", "kill", "wrong"])
def test_no_failure_is_ever_stored(how: str, marks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_SYSTEM_RETRIES", "0")  # one that was killed is started again
    for count in (1, 2):
        with pytest.raises(errors.BaseRuntimeError):
            run(cached.fails, how=how, marks=marks)
        assert times(marks) == count


def test_identical_calls_of_a_serialized_task_run_once(marks: str) -> None:
    assert run(cached.together, n=8, marks=marks) == [1] * 8
    assert times(marks) == 1


def flip_blobs(store: Path) -> None:
    for blob in store.glob("blobs/*/*"):
        blob.chmod(0o600)
        blob.write_bytes(blob.read_bytes()[:-1] + b"?")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "index is garbage": lambda store: (store / "index" / "cache.db").write_bytes(b"garbage" * 1000),
    "index is cut": lambda store: os.truncate(store / "index" / "cache.db", 5000),
    "index is a folder": lambda store: ((store / "index" / "cache.db").unlink(), (store / "index" / "cache.db").mkdir()),
    "blobs are flipped": flip_blobs,
    "blobs are gone": lambda store: shutil.rmtree(store / "blobs"),
    "folder is open to all": lambda store: (store / "index").chmod(0o777),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_costs_time_and_one_notice(damage: str, home: Path, marks: str) -> None:
    wanted = b"x" * 50_000
    assert run(cached.large, size=50_000, marks=marks) == wanted
    close_engine()
    DAMAGES[damage](home / "store")
    found, told = run_and_listen(cached.large, size=50_000, marks=marks)
    assert found == wanted
    assert times(marks) == 2
    assert len(told) == 1


def test_a_store_that_is_removed_between_runs_is_made_again(home: Path, marks: str) -> None:
    run(cached.double, x=1, marks=marks)
    shutil.rmtree(home / "store")
    assert run(cached.double, x=1, marks=marks) == 2
    close_engine()
    assert run(cached.double, x=2, marks=marks) == 4
    assert run(cached.double, x=2, marks=marks) == 4


def test_a_store_that_cannot_be_made_is_said_once(home: Path, marks: str) -> None:
    home.mkdir()
    (home / "store").write_text("in the way")
    for count in (5, 10):
        found, told = run_and_listen(cached.many, n=5, marks=marks)
        assert found == 20
        assert times(marks) == count
        assert len(told) == 1
        assert "neither looked up nor stored" in told[0]


def test_a_full_disk_loses_no_result(home: Path, marks: str, tmp_path: Path) -> None:
    """The kernel refuses every write beyond a size: first the blobs, then the index."""
    program = f"""
import resource, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
import localflyte as flyte
from programs import cached
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
told = []
runner = flyte.with_runcontext(sinks=[lambda event: told.append(event.data["text"]) if event.kind == "notice" else None])
print(len(runner.run(cached.large, size=500_000, marks={marks!r}).outputs()[0]))
print(len(runner.run(cached.large, size=400_000, marks={marks!r}).outputs()[0]))
print(len(told), file=sys.stderr)
print(*told, file=sys.stderr)
"""
    for limit in (300_000, 60_000, 20_000):
        done = subprocess.run(
            [sys.executable, "-c", program, str(limit)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(tmp_path / str(limit))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout == "500000\n400000\n", done.stderr
        assert 1 <= int(done.stderr.splitlines()[0]) <= 4, done.stderr
        assert not list((tmp_path / str(limit)).glob("store/blobs/new/*"))
