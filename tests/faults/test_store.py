"""Rows 37 to 49: whatever happens to the store, a lookup gives what a success stored or nothing, and no run loses its result."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import msgpack
import pytest
from faults import mounts
from faults import shim
from faults import storing
from faults.hammer import ENTRIES
from faults.hammer import hammer
from faults.hammer import race
from faults.outside import Program
from faults.outside import wait_until
from faults.shim import Calls
from faults.shim import How
from faults.storing import Entry
from faults.storing import Run
from programs import cached
from programs import keeping

import localflyte as flyte
from localflyte import errors
from localflyte.engine.thread import close_engine
from localflyte.io import Dir
from localflyte.io import File
from localflyte.store.layout import Layout
from localflyte.store.sweep import sweep

Start = Callable[..., Program]


class Story:
    """A sink that keeps what was told, and counts."""

    never_blocks = True

    def __init__(self) -> None:
        self.told: list[str] = []
        self.kinds: list[str] = []

    def __call__(self, event: Any) -> None:
        self.kinds.append(event.kind)
        if event.kind == "notice":
            self.told.append(event.data["text"])


def run(task: Any, *sinks: Any, **inputs: Any) -> tuple[Any, Story]:
    """:return: the result, and what happened"""
    story = Story()
    result = flyte.with_runcontext(sinks=[story, *sinks]).run(task, **inputs)
    return result.outputs()[0], story


def blobs_of(home: Path) -> list[Path]:
    """:return: the blobs that can be found by their digests"""
    return sorted(path for path in (home / "store" / "blobs").glob("??/*"))


def drafts_of(home: Path) -> list[str]:
    folder = home / "store" / "blobs" / "new"
    return os.listdir(folder) if folder.exists() else []


def results_in(home: Path) -> int:
    """:return: how many results the index holds"""
    path = home / "store" / "index" / "cache.db"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as index:
        (count,) = index.execute("SELECT count(*) FROM Cache WHERE key NOT LIKE 'code:%'").fetchone()
    return int(count)


# -- a store in this process ---------------------------------------------------------------------------------------------


class Shelf:
    """A store with an entry of each kind, looked at by one memo after another, as by one process after another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.entries = [storing.make_entry(number, kind, str(folder)) for number, kind in enumerate(storing.KINDS)]
        self.runs = 0
        for entry in self.entries:
            assert self.store(entry)

    def store(self, entry: Entry) -> bool:
        return self.put(entry)[0]

    def put(self, entry: Entry) -> tuple[bool, list[str]]:
        """:return: whether it was stored, and what was said"""
        return self._with(lambda memo, run: storing.store(memo, run, entry))

    def find(self, entry: Entry) -> tuple[Any, list[str]]:
        """:return: what a lookup gives, which is right or nothing, and what it said"""
        found, said = self._with(lambda memo, run: storing.find(memo, run, entry))
        assert storing.false_about(entry, found) == ""
        return found, said

    def _with(self, work: Callable[..., Any]) -> tuple[Any, list[str]]:
        self.runs += 1
        run = Run(str(self.folder / f"run{self.runs}"))

        async def main() -> Any:
            with storing.opened(str(self.home)) as memo:
                return await work(memo, run)

        return anyio.run(main), run.said


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def overwrite(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


# -- 37, 38: blobs -------------------------------------------------------------------------------------------------------


def test_row_37_any_flipped_byte_is_a_miss_that_is_said_once_and_the_next_success_heals_it(shelf: Shelf) -> None:
    chance = random.Random(37)
    for entry in shelf.entries[1:]:
        for _ in range(6):
            path = chance.choice([path for path in blobs_of(shelf.home) if (path.stat().st_size > 90_000) == (entry.kind == "large")])
            data = bytearray(path.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            overwrite(path, bytes(data))
            found, said = shelf.find(entry)
            assert found is None
            assert len(said) == 1
            assert str(path) in said[0]
            assert not path.exists()
            assert shelf.store(entry)
            assert shelf.find(entry)[0] is not None


def test_row_37_a_run_computes_again_what_was_damaged(home: Path, tmp_path: Path) -> None:
    marks = str(tmp_path / "marks")
    assert run(keeping.everything, marks=marks)[0] == keeping.right()
    count = os.path.getsize(marks)
    for path in blobs_of(home):
        overwrite(path, path.read_bytes()[:-1] + b"!")
    value, story = run(keeping.everything, marks=marks)
    assert value == keeping.right()
    assert os.path.getsize(marks) == count + 9  # all but the small ones, which lie in the index
    assert len([text for text in story.told if "computed again" in text]) == 1
    value, story = run(keeping.everything, marks=marks)
    assert value == keeping.right()
    assert story.kinds.count("action.hit") == 12


@pytest.mark.parametrize("way", ["truncated", "empty", "longer", "missing", "a folder", "a pipe", "a link to another"])
def test_row_38_a_blob_that_is_not_what_it_was_is_a_miss(shelf: Shelf, way: str) -> None:
    for path in blobs_of(shelf.home):
        data = path.read_bytes()
        path.unlink()
        match way:
            case "truncated":
                path.write_bytes(data[: len(data) // 2])
            case "empty":
                path.touch()
            case "longer":
                path.write_bytes(data + b"x")
            case "a folder":
                path.mkdir()
            case "a pipe":
                os.mkfifo(path)
            case "a link to another":
                path.symlink_to("/etc/passwd")
    for entry in shelf.entries:
        found, said = shelf.find(entry)
        assert (found is None) == (entry.kind != "inline")
        assert len(said) == (entry.kind != "inline")


def test_row_38_a_folder_of_which_a_file_is_missing_is_a_miss_and_none_of_it_is_given_out(shelf: Shelf) -> None:
    entry = shelf.entries[2]
    for path in blobs_of(shelf.home):
        if path.read_bytes() == b"in many":
            path.unlink()
    assert shelf.find(entry)[0] is None
    assert not list(Path(shelf.folder, f"run{shelf.runs}").rglob("*.sh"))


# -- 39: the index -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"this is no database" * 500, b"SQLite format 3\0" + b"\xff" * 9000, "a newer version"])
def test_row_39_an_index_that_is_none_of_ours_is_set_aside_and_the_blobs_stay(shelf: Shelf, content: bytes | str) -> None:
    path, blobs = shelf.home / "store" / "index" / "cache.db", blobs_of(shelf.home)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as index:
            index.execute("CREATE TABLE Newer (x)")
    found, said = shelf.find(shelf.entries[0])
    assert found is None
    assert len(said) == (content != b"")  # an empty file is a new database
    for entry in shelf.entries:
        assert shelf.store(entry)
        assert shelf.find(entry)[0] is not None
    assert blobs_of(shelf.home) == blobs
    aside = list((shelf.home / "store").glob("index.damaged-*/cache.db"))
    assert len(aside) == (content != b"")
    assert not isinstance(content, bytes) or not content or aside[0].read_bytes() == content


def test_row_39_flipped_bytes_of_the_index_are_misses(shelf: Shelf) -> None:
    chance = random.Random(39)
    folder = shelf.home / "store" / "index"
    whole = (folder / "cache.db").read_bytes()
    for _ in range(40):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 10, 100])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        folder.mkdir(exist_ok=True, mode=0o700)
        for name in ("cache.db-wal", "cache.db-shm"):
            (folder / name).unlink(missing_ok=True)
        overwrite(folder / "cache.db", bytes(data)) if (folder / "cache.db").exists() else (folder / "cache.db").write_bytes(data)
        for entry in shelf.entries:
            shelf.find(entry)
        for entry in shelf.entries:
            told = [shelf.put(entry) for _ in range(3)]  # what is damaged may be noticed, and set aside, by the first of them
            assert told[1:] == [(True, [])] * 2, told
            assert shelf.find(entry)[0] is not None


@pytest.mark.parametrize("schema", [1, 3, 99, "newer", None])
def test_row_39_a_record_of_another_version_is_a_miss_and_left_alone(shelf: Shelf, schema: Any) -> None:
    path = shelf.home / "store" / "index" / "cache.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as index:
        rows = index.execute("SELECT key, value FROM Cache WHERE key NOT LIKE 'code:%'").fetchall()
        for key, value in rows:
            body = msgpack.packb({**msgpack.unpackb(value[32:]), "schema": schema})
            index.execute("UPDATE Cache SET value = ? WHERE key = ?", (hashlib.sha256(body).digest() + body, key))
    for entry in shelf.entries:
        assert shelf.find(entry)[0] is None
    with closing(sqlite3.connect(path)) as index:
        assert [msgpack.unpackb(value[32:])["schema"] for (value,) in index.execute("SELECT value FROM Cache")] == [schema] * len(rows)


# -- 40, 41: others at the same store ------------------------------------------------------------------------------------


def test_row_40_eight_processes_that_store_the_same_at_once_all_succeed(tmp_path: Path) -> None:
    tally = race(tmp_path)
    assert tally.false == []
    assert tally.verified == ENTRIES
    assert not drafts_of(tmp_path / "home")


def test_row_40_eight_processes_that_are_killed_meanwhile_leave_no_entry_false(tmp_path: Path) -> None:
    tally = hammer(tmp_path, 5.0)
    assert tally.false == []
    assert tally.killed > 3
    assert tally.stored + tally.found > ENTRIES


IN_TURN = """
import os, sys
import localflyte as flyte
from localflyte.store import turns
from programs import keeping

def tell(event):
    if event.kind == "action.queued":
        open(os.path.join(sys.argv[1], sys.argv[2]), "w").close()
    if event.kind == "notice" and "waits for process" in event.data["text"]:
        open(os.path.join(sys.argv[1], "waits"), "w").close()

turns.TELLING = 0.1

if __name__ == "__main__":
    print(flyte.with_runcontext(sinks=[tell]).run(keeping.in_turn, x=3, folder=sys.argv[1]).outputs()[0])
"""


def at_work(start: Start, folder: Path, name: str) -> Program:
    program = start(IN_TURN, "program.py", str(folder), name, env={"LOCALFLYTE_HOME": str(folder / "home"), "PYTHONFAULTHANDLER": "1"})
    wait_for(folder / name, program)
    return program


def wait_for(path: Path, program: Program) -> None:
    if wait_until(lambda: path.exists() or program.process.poll() is not None) and path.exists():
        return
    program.process.send_signal(signal.SIGABRT)
    raise AssertionError((path.name, program.finish(), program.err))


def test_row_41_two_engines_compute_the_same_key_once(start: Start, tmp_path: Path) -> None:
    first = at_work(start, tmp_path, "first")
    wait_for(tmp_path / "ran", first)
    others = [at_work(start, tmp_path, f"other{number}") for number in range(2)]
    wait_for(tmp_path / "waits", others[0])
    (tmp_path / "go").touch()
    for program in (first, *others):
        assert program.finish() == 0, program.err
        assert program.out == "15\n"
    assert (tmp_path / "ran").read_text() == "x"
    assert not os.listdir(tmp_path / "home" / "store" / "turns")


def test_row_41_when_the_holder_is_killed_the_next_takes_over(start: Start, tmp_path: Path) -> None:
    first = at_work(start, tmp_path, "first")
    wait_for(tmp_path / "ran", first)
    second = at_work(start, tmp_path, "second")
    first.process.kill()
    first.process.wait()
    assert wait_until(lambda: (tmp_path / "ran").read_text() == "xx")
    (tmp_path / "go").touch()
    assert second.finish() == 0, second.err
    assert second.out == "15\n"
    third = at_work(start, tmp_path, "third")
    assert third.finish() == 0
    assert (tmp_path / "ran").read_text() == "xx"


# -- 42, 43: a disk that is full, read-only, or has no locks -------------------------------------------------------------

EVERYTHING = """
{begin}
import localflyte as flyte
from programs import keeping
if __name__ == "__main__":
    print(flyte.run(keeping.everything, marks="marks").outputs()[0] == keeping.right())
    print(len(os.listdir("home/store/blobs/new")) if os.path.isdir("home/store/blobs/new") else 0)
"""


def check(program: Program) -> None:
    """The run gave its result, left no draft, and said at most once of each kind what is wrong."""
    assert program.finish() == 0, program.err
    assert program.out.split() == ["True", "0"], (program.out, program.err)
    assert program.err.count("could not be stored") <= 1
    assert program.err.count("neither looked up nor stored") <= 1
    assert "Traceback" not in program.err


@pytest.fixture(scope="session")
def may_mount() -> None:
    if not mounts.can_mount():
        pytest.skip("mounting a filesystem needs root")


@pytest.mark.usefixtures("may_mount")
def test_row_42_a_store_on_a_filesystem_that_is_full_loses_no_result(start: Start) -> None:
    program = start(EVERYTHING.format(begin=f"{mounts.BEGIN}\ntiny('home/store')"))
    check(program)
    assert "No space left on device" in program.err


@pytest.mark.parametrize("limit", [1_000, 20_000, 100_000])
def test_row_42_a_store_whose_files_may_not_grow_loses_no_result(start: Start, limit: int) -> None:
    begin = f"""
import os
def limited():
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
"""
    begin += "from programs import keeping as _warm\nimport localflyte as _flyte\n"
    begin += (
        "if __name__ == '__main__':\n    _flyte.run(_warm.small, x=99, marks='marks')\n    limited()\n"  # its servers have no such limit
    )
    program = start(EVERYTHING.format(begin=begin))
    check(program)
    assert "File too large" in program.err or "disk" in program.err


@pytest.mark.parametrize(
    ("at", "error"), [(1, errno.ENOSPC), (25, errno.ENOSPC), (200, errno.EDQUOT), (500, errno.ENOSPC), (1, errno.EIO), (300, errno.EIO)]
)
def test_row_42_a_store_that_fails_from_some_call_on_loses_no_result(
    start: Start, tmp_path: Path, library: Path, at: int, error: int
) -> None:
    home = tmp_path / "home"
    env = shim.environment(library, home / "store", How.FROM, at, error, Calls.OPEN | Calls.WRITE | Calls.NAME | Calls.MODE | Calls.SYNC)
    program = start(EVERYTHING.format(begin="import os"), env={"LOCALFLYTE_HOME": str(home), **env})
    assert program.finish() == 0, program.err
    assert program.out.split()[0] == "True"
    assert "Traceback" not in program.err
    again = start(EVERYTHING.format(begin="import os"), env={"LOCALFLYTE_HOME": str(home)})
    check(again)
    assert again.err == "" or "set aside" in again.err or "not" not in again.err


@pytest.mark.usefixtures("may_mount")
@pytest.mark.parametrize("filled", [False, True])
def test_row_43_a_read_only_store_loses_no_result_and_says_so_once(start: Start, tmp_path: Path, filled: bool) -> None:
    home = tmp_path / "home"
    (home / "store").mkdir(parents=True, mode=0o700)
    env = {"LOCALFLYTE_HOME": str(home)}
    if filled:
        check(start(EVERYTHING.format(begin="import os"), env=env))
    program = start(EVERYTHING.format(begin=f"{mounts.BEGIN}\nread_only({str(home / 'store')!r})"), env=env)
    check(program)
    assert program.err.count("neither looked up nor stored in this run") == 1


@pytest.mark.parametrize("what", ["store", "store/index", "store/blobs", "store/live"])
def test_row_43_a_folder_that_may_not_be_written_loses_no_result_and_says_so_once(start: Start, tmp_path: Path, what: str) -> None:
    home = tmp_path / "home"
    check(start(EVERYTHING.format(begin="import os"), env={"LOCALFLYTE_HOME": str(home)}))
    for folder in (home / what, *(path for path in (home / what).rglob("*") if path.is_dir())):
        folder.chmod(0o500)
    begin = f"{mounts.BEGIN}\nif os.getuid() == 0:\n    powerless()"
    program = start(EVERYTHING.format(begin=begin), "program.py", env={"LOCALFLYTE_HOME": str(home)})
    check(program)
    if what == "store":
        assert program.err.count("neither looked up nor stored in this run") == 1, program.err
    for folder in (home / what, *(home / what).rglob("*")):
        folder.chmod(0o700)


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_row_43_a_filesystem_without_locks_loses_no_result_and_says_so_once(
    start: Start, library: Path, tmp_path: Path, error: int
) -> None:
    home = tmp_path / "home"
    env = {"LOCALFLYTE_HOME": str(home), **shim.environment(library, home / "store", How.FROM, 1, error, Calls.LOCK)}
    check(start(EVERYTHING.format(begin="import os"), env=env))
    (tmp_path / "go").touch()
    program = start(IN_TURN, "program.py", str(tmp_path), "first", env=env)
    assert program.finish() == 0, program.err
    assert program.out == "15\n"


# -- 44, 45: somebody removes what is in use -----------------------------------------------------------------------------


@pytest.fixture
def sweeping(home: Path) -> Iterator[list[int]]:
    """Sweep all that may go, over and over, beside what the test does."""
    over, counts = threading.Event(), []

    def sweeps() -> None:
        while not over.is_set():
            if (home / "store" / "index" / "cache.db").exists():
                counts.append(sweep(Layout(str(home)), max_bytes=0).entries)

    thread = threading.Thread(target=sweeps)
    thread.start()
    yield counts
    over.set()
    thread.join()


def test_row_44_runs_beside_sweeps_give_their_results(home: Path, tmp_path: Path, sweeping: list[int]) -> None:
    for _ in range(4):
        value, story = run(keeping.everything, marks=str(tmp_path / "marks"))
        assert value == keeping.right()
        assert not [text for text in story.told if "damaged" in text]


def test_row_44_what_a_run_has_used_stays_until_it_is_over(start: Start, tmp_path: Path, home: Path) -> None:
    marks = str(tmp_path / "marks")
    run(keeping.note, x=7, marks=marks)
    run(keeping.note, x=8, marks=marks)
    close_engine()
    text = """
import sys
import localflyte as flyte
from programs import keeping
if __name__ == "__main__":
    print(flyte.run(keeping.twice, marks=sys.argv[1], folder=sys.argv[2]).outputs()[0])
"""
    program = start(text, "program.py", marks, str(tmp_path), env={"LOCALFLYTE_HOME": str(home)})
    wait_for(tmp_path / "used", program)
    for _ in range(3):
        sweep(Layout(str(home)), max_bytes=0)
    assert results_in(home) == 1
    (tmp_path / "go").touch()
    assert program.finish() == 0, program.err
    assert program.out == "[1000, 1000]\n"
    assert Path(marks).read_text() == "xx"
    sweep(Layout(str(home)), max_bytes=0)
    assert results_in(home) == 0


def test_row_44_sweeps_beside_processes_that_are_killed_leave_no_answer_false(tmp_path: Path) -> None:
    tally = hammer(tmp_path, 3.0, sweeps=True)
    assert tally.false == []
    assert tally.swept > 3


@pytest.mark.parametrize("what", ["store", "store/index", "store/index/cache.db", "store/blobs", "store/live", "store/turns"])
@pytest.mark.parametrize("at", [1, 5])
def test_row_45_what_is_removed_during_a_run_costs_it_nothing(home: Path, tmp_path: Path, what: str, at: int) -> None:
    count = 0

    def remove(event: Any) -> None:
        nonlocal count
        count += event.kind == "action.stored"
        if event.kind == "action.stored" and count == at:
            path = home / what
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    for _ in range(3):
        value, story = run(keeping.everything, remove, marks=str(tmp_path / "marks"))
        assert value == keeping.right()
        assert len(story.told) <= 2
    assert story.kinds.count("action.hit") == 12


# -- 46, 47: what must not be stored -------------------------------------------------------------------------------------

FAILURES = {
    **{how: (cached.fails, {"how": how, "marks": ""}) for how in ("raise", "exit", "_exit", "kill", "wrong")},
    "max_runtime": (keeping.times_out, {"way": ""}),
    "deadline": (keeping.comes_too_late, {"way": ""}),
    "too large": (keeping.too_large, {"way": ""}),
    "file that is missing": (keeping.nothing_there, {"way": "missing"}),
    "file that is a pipe": (keeping.nothing_there, {"way": "fifo"}),
    "EMFILE": (keeping.out_of_descriptors, {"way": ""}),
}


@pytest.mark.parametrize("name", FAILURES)
def test_row_46_no_failure_is_ever_stored(name: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
    monkeypatch.setenv("LOCALFLYTE_SYSTEM_RETRIES", "0")
    task, inputs = FAILURES[name]
    if "marks" in inputs:
        inputs = {**inputs, "marks": str(tmp_path / "marks")}
    story = Story()
    runner = flyte.with_runcontext(sinks=[story])
    if "file" in name:  # which is the caller's to miss: the task itself has succeeded
        runner.run(task, **inputs)
    else:
        with pytest.raises(errors.BaseRuntimeError):
            runner.run(task, **inputs)
    assert "action.stored" not in story.kinds
    close_engine()
    assert results_in(home) == 0


def test_row_46_a_call_that_is_given_up_is_not_stored(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
    value, story = run(keeping.gives_up, folder=str(tmp_path))
    assert value == "cancelled"
    assert "action.stored" not in story.kinds
    close_engine()
    assert results_in(home) == 0


@pytest.mark.parametrize("way", ["append", "in place", "replace", "remove", "add to the folder", "empty folder", "remove from the folder"])
def test_row_47_a_result_whose_inputs_changed_meanwhile_is_given_and_not_stored(way: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "folder" / "sub").mkdir(parents=True)
    (tmp_path / "folder" / "sub" / "data").write_text("data")
    (tmp_path / "file").write_text("before")
    inputs = {"file": File(path=str(tmp_path / "file")), "folder": Dir(path=str(tmp_path / "folder")), "marks": str(tmp_path / "marks")}
    value, story = run(keeping.disturbs, way=way, **inputs)
    assert value == 1
    assert "action.stored" not in story.kinds
    assert len([text for text in story.told if "changed while it ran" in text]) == 1


def test_row_47_one_whose_inputs_were_only_touched_is_stored(home: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("before")
    inputs = {"file": File(path=str(tmp_path / "file")), "folder": Dir(path=str(tmp_path / "folder")), "marks": str(tmp_path / "marks")}
    assert "action.stored" in run(keeping.disturbs, way="touch", **inputs)[1].kinds
    assert "action.hit" in run(keeping.disturbs, way="touch", **inputs)[1].kinds


# -- 48, 49: what others left, and what others do ------------------------------------------------------------------------


def test_row_48_an_attempt_finds_nothing_of_the_one_before_it(home: Path, tmp_path: Path) -> None:
    for _ in range(2):
        file, _ = run(keeping.half, marks=str(tmp_path / "marks"))
        assert Path(file.path).read_text() == "[] 2 whole"
    assert (tmp_path / "marks").read_text() == "xxx"


@pytest.mark.parametrize("way", ["append", "truncate", "chmod and write", "map", "hard link"])
def test_row_49_whatever_a_task_does_to_a_cached_output_the_next_gets_it_as_it_was(way: str, home: Path, tmp_path: Path) -> None:
    marks = str(tmp_path / "marks")
    run(keeping.note, x=7, marks=marks)
    run(keeping.spoils, x=7, way=way, marks=marks)
    file, story = run(keeping.note, x=7, marks=marks)
    assert Path(file.path).read_text() == "7" * 1000
    assert "action.hit" in story.kinds
    assert story.told == []


def test_row_49_blobs_cannot_be_written_and_what_is_given_out_is_a_copy(home: Path, tmp_path: Path) -> None:
    run(keeping.note, x=7, marks=str(tmp_path / "marks"))
    file, _ = run(keeping.note, x=7, marks=str(tmp_path / "marks"))
    blobs = [path.stat() for path in blobs_of(home)]
    assert [stat.S_IMODE(blob.st_mode) for blob in blobs] == [0o444]
    assert [blob.st_nlink for blob in blobs] == [1]
    given = Path(file.path).stat()
    assert given.st_nlink == 1
    assert given.st_ino not in {blob.st_ino for blob in blobs}
    assert sys.platform != "linux" or os.access(file.path, os.W_OK)
