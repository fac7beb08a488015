"""Rows 50 to 53 and 66 to 69: what a key and a record say, what reaches the disk first, and what somebody planted in the store."""

from __future__ import annotations

import ast
import hashlib
import os
import pickle
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import anyio
import msgpack
import pytest
from faults import shim
from faults import storing
from faults.outside import ROOT
from faults.outside import Program
from faults.storing import Run
from programs import keeping

import localflyte as flyte
import localflyte.store
from localflyte.io import File

Start = Callable[..., Program]

# -- 50: keys ------------------------------------------------------------------------------------------------------------

NAN = float("nan")
#: for each task: two inputs, and whether they are the same typed value
PAIRS: dict[str, tuple[Any, Any, Any, bool]] = {
    "nan": (keeping.of_float, NAN, -NAN, True),
    "the two zeros": (keeping.of_float, 0.0, -0.0, False),
    "neighbours": (keeping.of_float, 0.1, 0.1 + 2e-17, False),
    "composed and decomposed": (keeping.of_text, "\u00e9", "e\u0301", False),
    "a space more": (keeping.of_text, "a", "a ", False),
    "the order of a dict": (keeping.of_dict, {"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    "another dict": (keeping.of_dict, {"a": 1}, {"a": 2}, False),
    "1 and True": (keeping.of_number_or_flag, 1, True, False),
    "1 and 1.0": (keeping.of_number_or_flag, 1, 1.0, False),
    "0 and False": (keeping.of_number_or_flag, 0, False, False),
}


@pytest.mark.parametrize("name", PAIRS)
def test_row_50_two_calls_are_one_if_and_only_if_their_values_are(name: str, home: Path, tmp_path: Path) -> None:
    task, one, other, same = PAIRS[name]
    marks = str(tmp_path / "marks")
    assert [flyte.run(task, x=value, marks=marks).outputs()[0] for value in (one, other)] == [1, 1 if same else 2]


def test_row_50_a_file_counts_by_its_content(home: Path, tmp_path: Path) -> None:
    for name, text in (("one", "same"), ("two", "same"), ("three", "else")):
        (tmp_path / name).write_text(text)

    def ask(name: str) -> int:
        return int(flyte.run(keeping.of_file, x=File(path=str(tmp_path / name)), marks=str(tmp_path / "marks")).outputs()[0])

    assert [ask("one"), ask("two"), ask("three")] == [1, 1, 2]


def test_row_50_a_key_is_the_same_in_every_process_and_under_every_seed_of_hashes(tmp_path: Path) -> None:
    program = """
        from faults import storing
        from localflyte.spec.packed import Packed
        from localflyte.store.content import Contents
        from localflyte.store.keys import make_key
        inputs = {name: Packed(name.encode()) for name in {"b", "a", "c"}}
        print(make_key(storing.invocation(1, inputs=inputs), Contents()).digest)
    """
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    told = {
        subprocess.run(
            [sys.executable, "-c", dedent(program)],
            env={**environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for seed in range(3)
    }
    assert len(told) == 1


# -- 51: what a key misses -----------------------------------------------------------------------------------------------

PROJECT = {
    "helpers.py": "LIMIT = 100\ndef double(x):\n    return 2 * x\n",
    "program.py": """
import localflyte as flyte
from helpers import LIMIT, double
env = flyte.TaskEnvironment("env", cache="auto")

@env.task
def work(x: int = 1) -> int:
    return min(double(x), LIMIT)
""",
}
CHANGES = {
    "a helper": ("helpers.py", "2 * x", "x + x", "double"),
    "a constant": ("helpers.py", "100", "99", "LIMIT"),
    "the task": ("program.py", "min(", "max(", "work"),
    "a default": ("program.py", "x: int = 1", "x: int = 3", "x"),
    "salt": ("program.py", 'cache="auto"', 'cache=flyte.Cache("auto", salt="s")', "salt"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_row_51_what_changed_is_named(name: str, tmp_path: Path, home: Path) -> None:
    for file, text in PROJECT.items():
        (tmp_path / file).write_text(text)

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
        called = [sys.executable, "-m", "localflyte", *words]
        return subprocess.run(called, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False)

    assert command("run", "program.py", "work").returncode == 0
    assert "hit" in command("cache", "why", "program.py", "work").stdout.splitlines()[0]
    file, before, after, named = CHANGES[name]
    (tmp_path / file).write_text(PROJECT[file].replace(before, after))
    told = command("cache", "why", "program.py", "work").stdout.splitlines()
    assert "miss" in told[0]
    assert named in told[1]


# -- 52, 53: who has the index open, and what is on the disk first -------------------------------------------------------


def test_row_52_no_task_and_no_fork_server_has_anything_of_the_store(home: Path) -> None:
    flyte.run(keeping.small, x=1, marks="/dev/null")
    assert flyte.run(keeping.has_no_store, way="").outputs()[0] == []


STORES = """
    import sys
    import anyio
    from pathlib import Path
    from faults import shim
    from faults import storing
    from faults.shim import How

    async def main() -> None:
        folder = Path(sys.argv[1])
        entries = [storing.make_entry(number, kind, str(folder)) for number, kind in enumerate(storing.KINDS)]
        with storing.opened(str(folder / "home")) as memo:
            for entry in entries:
                shim.arm(str(folder / "home"), How.COUNT, log=str(folder / entry.kind))
                assert await storing.store(memo, storing.Run(str(folder / "run")), entry)
            shim.stop()

    anyio.run(main)
"""


def test_row_53_a_blob_is_on_the_disk_before_a_record_names_it(library: Path, tmp_path: Path) -> None:
    environ = {**os.environ, **shim.environment(library), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    done = subprocess.run(
        [sys.executable, "-c", dedent(STORES), str(tmp_path)], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    for kind, count in (("inline", 0), ("large", 1), ("files", 4)):
        calls = shim.read_log(tmp_path / kind)
        written = [place for place, (name, path, _) in enumerate(calls) if name.startswith("pwrite") and path.endswith("cache.db-wal")]
        placed = {other: place for place, (name, _, other) in enumerate(calls) if name.startswith("rename")}
        synced = [(path, place) for place, (name, path, _) in enumerate(calls) if name in ("fsync", "fdatasync")]
        assert len(placed) == count
        assert written
        for path, place in placed.items():
            for what in (path, os.path.dirname(path)):
                assert any(name == what and place < at < written[-1] for name, at in synced), (what, calls)


# -- 66: pickles ---------------------------------------------------------------------------------------------------------


class Tripwire:
    """A pickle of it makes a folder when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


RUNS = """
from programs import keeping
import localflyte as flyte
if __name__ == "__main__":
    print(flyte.with_runcontext(name={name!r}).run(keeping.everything, marks="marks").outputs()[0] == keeping.right())
"""
COMMANDS = (
    ("cache", "stat"),
    ("cache", "ls"),
    ("cache", "why", "first", "a0"),
    ("cache", "export", "out"),
    ("cache", "verify"),
    ("cache", "sweep", "--max-bytes", "1"),
    ("cache", "clear", "--all"),
    ("cache", "import", "archive"),
    ("ls",),
    ("show", "first"),
    ("logs", "first"),
)


def commands_on(home: Path, folder: Path) -> None:
    """Have every command that reads the store or the history read it; none may fail as by a fault of localflyte's."""
    for words in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "localflyte", *words],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, (words, done.stderr)
        assert done.returncode in range(9), (words, done.returncode)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home after a run, and an archive of its store."""
    folder = tmp_path_factory.mktemp("filled")
    program = Program(folder, RUNS.format(name="first"))
    assert program.finish() == 0, program.err
    program.close()
    anyio.run(store_too, folder)
    done = subprocess.run(
        [sys.executable, "-m", "localflyte", "cache", "export", "archive"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


async def store_too(folder: Path) -> None:
    """Store what `look_at_everything` looks for."""
    with storing.opened(str(folder / "home")) as memo:
        for entry in PLANTED:
            assert await storing.store(memo, Run(str(folder / "run")), entry)


@pytest.fixture
def copied(filled: Path, tmp_path: Path) -> Path:
    shutil.copytree(filled, tmp_path / "copied")
    return tmp_path / "copied"


def check_run(folder: Path) -> None:
    """A run finds misses or what is right."""
    (folder / "again").mkdir()
    program = Program(folder / "again", RUNS.format(name="again"), env={"LOCALFLYTE_HOME": str(folder / "home")})
    try:
        assert program.finish() == 0, program.err
        assert program.out == "True\n"
    finally:
        program.close()


def test_row_66_a_pickle_in_place_of_every_file_is_never_read_as_one(copied: Path, tmp_path: Path) -> None:
    bomb, count = pickle.dumps(Tripwire(tmp_path / "tripwire")), 0
    for place in ("home", "archive"):
        for path in (copied / place).rglob("*"):
            if path.is_file() and path.name != "marks":
                path.chmod(0o600)
                path.write_bytes(bomb)
                count += 1
    assert count > 30
    commands_on(copied / "home", copied)
    check_run(copied)
    assert not (tmp_path / "tripwire").exists()


def columns_of(index: Path) -> Iterator[tuple[str, str]]:
    with closing(sqlite3.connect(index)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for row in connection.execute(f"PRAGMA table_info({table})").fetchall():
                yield table, row[1]


def plant(index: Path, table: str, column: str, value: Any) -> None:
    """Set a column of every row; where that is not allowed, of none."""
    with closing(sqlite3.connect(index, isolation_level=None)) as connection:
        for (number,) in connection.execute(f"SELECT rowid FROM {table}").fetchall():
            try:
                connection.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, number))
            except sqlite3.Error:
                continue


def test_row_66_a_pickle_in_every_column_is_never_read_as_one(copied: Path, tmp_path: Path) -> None:
    index = copied / "home" / "store" / "index" / "cache.db"
    bomb = pickle.dumps(Tripwire(tmp_path / "tripwire"))
    whole = index.read_bytes()
    columns = [*columns_of(index)]
    assert len(columns) > 10
    look_at_everything(copied, hits=True)
    for mode in (None, 4):  # diskcache's mark of a pickle
        for table, column in columns:
            index.write_bytes(whole)
            plant(index, table, column, bomb)
            if mode and column != "mode":
                plant(index, "Cache", "mode", mode)
            look_at_everything(copied)
    index.write_bytes(whole)
    plant(index, "Cache", "value", bomb)
    plant(index, "Cache", "mode", 4)
    commands_on(copied / "home", copied)
    check_run(copied)
    assert not (tmp_path / "tripwire").exists()


PLANTED = [storing.Entry(number, kind, "") for number, kind in enumerate(("inline", "large"))]


def look_at_everything(folder: Path, *, hits: bool = False) -> None:
    """Look up what is large and what is not, and store it; nothing may be raised, and nothing false be given."""
    home = str(folder / "home")

    async def main() -> None:
        with storing.opened(home, max_bytes=1 << 30) as memo:
            for entry in PLANTED:
                found = await storing.find(memo, Run(str(folder / "run")), entry)
                assert storing.false_about(entry, found) == ""
                assert found is not None or not hits
                await storing.store(memo, Run(str(folder / "run")), entry)
            await memo.rest()

    anyio.run(main)


@pytest.mark.parametrize("how", ["pickles", "flipped", "empty", "folders"])
def test_row_66_a_second_tier_of_which_every_file_is_spoilt_is_a_miss(copied: Path, tmp_path: Path, how: str) -> None:
    for path in [path for path in (copied / "archive").rglob("*") if path.is_file()]:
        data = path.read_bytes()
        path.chmod(0o600)
        match how:
            case "pickles":
                path.write_bytes(pickle.dumps(Tripwire(tmp_path / "tripwire")))
            case "flipped":
                path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            case "empty":
                path.write_bytes(b"")
            case _:
                path.unlink()
                path.mkdir()
    before = sorted(path.name for path in (copied / "archive").rglob("*"))
    program = Program(tmp_path, RUNS.format(name="fresh"), env={"LOCALFLYTE_CACHE_TIER": str(copied / "archive")})
    try:
        assert program.finish() == 0, program.err
        assert program.out == "True\n"
        assert program.err.count("could not be used") == 1
    finally:
        program.close()
    assert sorted(path.name for path in (copied / "archive").rglob("*")) == before
    assert not (tmp_path / "tripwire").exists()


def test_row_66_nothing_of_the_store_imports_what_reads_pickles() -> None:
    for file in Path(localflyte.store.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "_pickle", "cloudpickle", "marshal", "shelve", "dill"} & {name.partition(".")[0] for name in names}, file


# -- 67: paths and settings ----------------------------------------------------------------------------------------------

HOSTILE: list[Any] = [
    "../../../victim", "/etc/passwd", "a" * 64, "A" * 64, "..", "", "\0", "~", "$HOME", b"../../victim", b"/etc/passwd", b"..", b"",
    -1, 2**62, 1.5, None, True, [], {}, [["../x"]], "x" * 100_000,
]  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a record at which there is something."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*path, number))


def changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    if not path:
        return to
    if isinstance(value, dict):
        return {**value, path[0]: changed(value[path[0]], path[1:], to)}
    return [changed(item, path[1:], to) if number == path[0] else item for number, item in enumerate(value)]


def test_row_67_whatever_a_record_says_nothing_is_read_or_written_elsewhere(tmp_path: Path) -> None:
    """Whoever can write the store can have a task find other results; but not other files, nor files in other places."""
    (tmp_path / "victim").write_text("precious")
    home = tmp_path / "a" / "b" / "home"
    entry = storing.make_entry(1, "files", str(tmp_path))
    chance = random.Random(67)
    index = home / "store" / "index" / "cache.db"

    async def store() -> None:
        with storing.opened(str(home)) as memo:
            assert await storing.store(memo, Run(str(tmp_path / "storing")), entry)

    anyio.run(store)
    with closing(sqlite3.connect(index)) as connection:
        (key, value) = connection.execute("SELECT key, value FROM Cache WHERE key NOT LIKE 'code:%'").fetchone()
    record = msgpack.unpackb(value[32:])
    places = list(leaves(record))
    assert len(places) > 30
    cases = [(place, hostile) for place in places for hostile in chance.sample(HOSTILE, 8)]

    async def look(number: int) -> Any:
        run = Run(str(tmp_path / "runs" / str(number)))
        with storing.opened(str(home)) as memo:
            return await storing.find(memo, run, entry), run

    for number, (place, hostile) in enumerate(cases):
        body = msgpack.packb(changed(record, place, hostile))
        with closing(sqlite3.connect(index, isolation_level=None)) as connection:
            connection.execute("UPDATE Cache SET value = ? WHERE key = ?", (hashlib.sha256(body).digest() + body, key))
        found, run = anyio.run(look, number)
        for output in found or ():
            for ref in output.refs:
                elsewhere = "://" in ref.path or place[-1] == 1  # a reference that says it was never stored, is given back as it is
                assert elsewhere or os.path.realpath(ref.path).startswith(run.folder), (place, hostile, ref)
        for path in Path(run.folder).rglob("*") if os.path.isdir(run.folder) else ():
            assert not path.is_symlink()
    assert (tmp_path / "victim").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} <= {"victim", "a", "made1", "runs", "storing"}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["home"]


def test_row_67_hostile_values_in_every_column_are_misses_or_what_was_stored(copied: Path) -> None:
    index = copied / "home" / "store" / "index" / "cache.db"
    whole = index.read_bytes()
    chance = random.Random(67)
    (copied / "victim").write_text("precious")
    for table, column in columns_of(index):
        for hostile in chance.sample([value for value in HOSTILE if not isinstance(value, list | dict)], 5):
            index.write_bytes(whole)
            plant(index, table, column, hostile)
            look_at_everything(copied)
    assert (copied / "victim").read_text() == "precious"


@pytest.mark.parametrize(
    ("key", "value"),
    [("sqlite_journal_mode", "off"), ("disk_fetch", "x"), ("get", "x"), ("eviction_policy", "least-recently-used"), ("size_limit", 1)],
)
def test_row_67_planted_settings_change_nothing(copied: Path, key: str, value: Any) -> None:
    with closing(sqlite3.connect(copied / "home" / "store" / "index" / "cache.db", isolation_level=None)) as connection:
        connection.execute("INSERT OR REPLACE INTO Settings VALUES (?, ?)", (key, value))
    check_run(copied)
    assert "action.hit" in "".join(path.read_text() for path in (copied / "home" / "runs" / "again").glob("*.jsonl"))


# -- 68, 69: whose it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022, 0o077, 0o277, 0o777])
def test_row_68_folders_and_files_are_private_whatever_the_umask(umask: int, start: Start) -> None:
    program = start(f"import os\nos.umask({umask})\n" + RUNS.format(name="first").replace('"marks"', '"/dev/null"'))
    assert program.finish() == 0, program.err
    assert program.out == "True\n"
    for path in [program.home, *program.home.rglob("*")]:
        if (program.home / "runs") in path.parents and ("data" in path.parts or umask & 0o700):
            continue  # a task's own files have the modes that it gave them, below a folder that is private
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = 0o700 if path.is_dir() else 0o444 if "blobs" in path.parts else 0o600
        assert mode == wanted, (path, oct(mode))


def refused(start: Start, home: Path) -> str:
    """:return: what a run says for whose results a store may not be used"""
    program = start(RUNS.format(name="first").replace('"marks"', '"/dev/null"'), env={"LOCALFLYTE_HOME": str(home)})
    assert program.finish() == 0, program.err
    assert program.out == "True\n"
    assert program.err.count("neither looked up nor stored in this run") == 1, program.err
    return program.err


@pytest.mark.parametrize(
    ("what", "bits"), [("", 0o770), ("", 0o1777), ("store", 0o707), ("store", 0o720), ("store/index", 0o777), ("store/blobs", 0o702)]
)
def test_row_68_a_folder_that_others_can_write_is_refused_with_what_mends_it(start: Start, tmp_path: Path, what: str, bits: int) -> None:
    folder = tmp_path / "home" / what
    folder.mkdir(parents=True, mode=0o700)
    for above in (tmp_path / "home", tmp_path / "home" / "store"):
        if above.exists():
            above.chmod(0o700)
    folder.chmod(bits)
    assert f"chmod 700 {str(folder).rstrip('/')}" in refused(start, tmp_path / "home")
    subprocess.run(["chmod", "700", str(folder)], check=True, timeout=20)
    program = start(RUNS.format(name="next").replace('"marks"', '"/dev/null"'), env={"LOCALFLYTE_HOME": str(tmp_path / "home")})
    assert program.finish() == 0
    assert "nor stored" not in program.err


@pytest.mark.parametrize("what", ["", "store", "store/index", "store/blobs"])
def test_row_68_a_link_in_place_of_a_folder_is_refused(start: Start, tmp_path: Path, what: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place = tmp_path / "home" / what
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for above in (tmp_path / "home", tmp_path / "home" / "store"):
        if above.exists():
            above.chmod(0o700)
    os.symlink(tmp_path / "elsewhere", str(place).rstrip("/"))
    assert "is a link; set LOCALFLYTE_HOME to the folder itself" in refused(start, tmp_path / "home")


@pytest.mark.parametrize("what", ["", "store", "store/index", "store/blobs"])
def test_row_68_a_folder_of_another_user_is_refused(start: Start, tmp_path: Path, what: str) -> None:
    if os.getuid() != 0:
        pytest.skip("giving a folder to another user needs root")
    folder = tmp_path / "home" / what
    folder.mkdir(parents=True)
    for above in (tmp_path / "home", tmp_path / "home" / "store", folder):
        if above.exists():
            above.chmod(0o700)
    os.chown(folder, 65534, 65534)
    assert "not a folder of this user" in refused(start, tmp_path / "home")


def test_row_69_a_store_of_a_group_is_not_used_by_chance(start: Start, tmp_path: Path) -> None:
    """There is no setting that shares a store; whoever could write to it could say what a task gives."""
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home").chmod(0o2770)
    assert "can be written by others" in refused(start, tmp_path / "home")
