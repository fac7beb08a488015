"""``localflyte cache``: what a person sees of the store, and what they can do to it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from programs import cached

import localflyte as flyte
from localflyte.cli import main
from localflyte.cli.cache import COMMANDS
from localflyte.store.keys import Key
from localflyte.store.layout import Layout
from localflyte.store.lock import take_lock
from localflyte.store.record import pack_record
from localflyte.store.sweep import sweep
from localflyte.store.uses import Uses
from localflyte.store.verify import verify
from tests.store.shelves import DAY
from tests.store.shelves import Shelves
from tests.store.shelves import digest_of

A, B = b"a" * 100_000, b"b" * 100_000


@pytest.fixture
def shelves(home: Path) -> Iterator[Shelves]:
    """Three entries: of two tasks and two runs, two of them with a blob in common."""
    found = Shelves(home)
    found.add("one", A, used=40 * DAY, task="env.square", run="run-a", code={"function f": "1"})
    found.add("two", A, used=20 * DAY, task="env.square", run="run-b")
    found.add("three", B, used=10 * DAY, task="other.report", run="run-b")
    yield found
    found.close()


def call(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    code = main(["cache", *args])
    out, err = capsys.readouterr()
    return code, out, err


# -- the group --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, name, "--help")
    assert code == 0
    assert f"Usage: localflyte cache {name}" in out


def test_without_a_command_the_help_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys)
    assert code == 0
    assert all(f"\n  {name} " in out for name in COMMANDS)
    assert " ".join(out.split()).count("8 if the store or an archive cannot be used") == 1


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["swep"], "there is no command 'cache swep'; did you mean 'sweep'?"),
        (["xyzzy"], "there is no command 'cache xyzzy'; the commands are stat, ls, why"),
        (["clear"], "say what to remove: --task, --run, --older-than, or --all for everything"),
        (["clear", "--all", "--task", "x"], "--all means everything, and goes with no filter"),
        (["clear", "--older-than", "soon"], "'soon' is no span of time"),
        (["sweep", "--max-age", "-1"], "'-1' is no span of time"),
        (["sweep", "--max-bytes", "lots"], "'lots' is no size"),
        (["import", "gone.tar"], "there is no 'gone.tar'"),
        (["export"], "Missing argument 'TARGET'"),
    ],
)
def test_what_is_not_understood_is_one_line_and_code_2(args: list[str], line: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, *args)
    assert (code, out) == (2, "")
    assert line in err
    assert err.count("\n") == 1
    assert not home.exists()


@pytest.mark.parametrize(
    ("args", "code"), [(["stat"], 0), (["ls"], 0), (["sweep"], 0), (["clear", "--all"], 0), (["verify"], 0), (["export", "x"], 2)]
)
def test_where_nothing_is_stored_that_is_said_and_nothing_is_made(
    args: list[str], code: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = call(capsys, *args)
    assert (found, out) == (code, "")
    assert f"nothing is stored yet: there is no {home}/store" in err
    assert not home.exists()


@pytest.mark.parametrize("args", [["stat"], ["ls"], ["sweep"], ["clear", "--all"], ["verify"], ["export", "x"], ["import", "/"]])
def test_a_store_that_others_can_write_to_is_refused_with_what_mends_it(
    args: list[str], shelves: Shelves, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chmod(shelves.layout.root, 0o770)
    code, out, err = call(capsys, *args)
    assert (code, out) == (8, "")
    assert f"run: chmod 700 {shelves.layout.root}" in err
    assert err.count("\n") == 1


def test_a_store_that_cannot_be_made_is_one_line(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.write_text("a file")
    code, _, err = call(capsys, "import", str(tmp_path))
    assert code == 8
    assert "set LOCALFLYTE_HOME to a folder that can be used" in err
    assert err.count("\n") == 1


def test_an_index_that_is_no_database_is_one_line(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.close()
    Path(shelves.layout.index, "cache.db").write_bytes(b"no database" * 1000)
    code, _, err = call(capsys, "stat")
    assert code == 8
    assert "it is set aside as" in err
    assert call(capsys, "stat")[0] == 0


@pytest.mark.parametrize("args", [["sweep"], ["clear", "--all"], ["verify"]])
def test_beside_another_sweep_there_is_nothing_to_do_but_wait(
    args: list[str], shelves: Shelves, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = take_lock(shelves.layout.swept)
    assert lock is not None
    code, out, err = call(capsys, *args)
    lock.release(keep=True)
    assert (code, out) == (8, "")
    assert "try again when it is done" in err


# -- stat -------------------------------------------------------------------------------------------------------------


def test_stat_says_what_there_is(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "stat")
    assert code == 0
    assert out.startswith(f"{shelves.layout.root}\n")
    for line in (
        r"  entries    3 of 2 tasks",
        r"  size       \d+\.\d KiB: \d\.\d KiB in the index, 195\.3 KiB in 2 blobs",
        r"  limit      20\.0 GiB \(cache_max_bytes, the default\)",
        r"  age limit  none \(cache_max_age, the default\)",
        r"  tier       none \(cache_tier\)",
        r"  last used  between 40 days ago and 10 days ago",
        r"  swept      not yet",
        r"TASK          ENTRIES       SIZE  SAVES  LAST USED",
        r"env\.square          2  \d+\.\d KiB  3\.0 s  20 days ago",
        r"other\.report        1   \d+\.\d KiB  1\.5 s  10 days ago",
    ):
        assert re.search(f"^{line}$", out, re.MULTILINE), line


def test_stat_says_where_limits_come_from(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOCALFLYTE_CACHE_MAX_BYTES", "1Mi")
    monkeypatch.setenv("LOCALFLYTE_CACHE_MAX_AGE", "30d")
    monkeypatch.setenv("LOCALFLYTE_CACHE_TIER", str(shelves.layout.home))
    _, out, _ = call(capsys, "stat")
    assert "1.0 MiB (cache_max_bytes, set by LOCALFLYTE_CACHE_MAX_BYTES); 19% of it is used" in out
    assert "30 days since the last use (cache_max_age, set by LOCALFLYTE_CACHE_MAX_AGE)" in out
    assert f"{shelves.layout.home} with 0 entries (cache_tier, set by LOCALFLYTE_CACHE_TIER)" in out


def test_stat_says_what_is_not_as_usual(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.put(b"unnamed")
    shelves.sql("UPDATE Cache SET value = x'00' WHERE key = ?", digest_of("three"))
    uses = Uses(shelves.layout.live)
    uses.note(digest_of("one"))
    _, out, _ = call(capsys, "stat")
    uses.end()
    assert "in use     1 entry, by 1 process" in out
    assert "spare      2 blobs, 97.7 KiB, that no entry names" in out
    assert "damaged    1 row of the index; `localflyte cache verify` removes" in out


def test_stat_as_json(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "stat", "--json")
    row = json.loads(out)
    assert (row["store"], row["entries"], row["blobs"], row["blob_bytes"]) == (shelves.layout.root, 3, 2, 200_000)
    assert [(task["task"], task["entries"], task["seconds"]) for task in row["tasks"]] == [("env.square", 2, 3.0), ("other.report", 1, 1.5)]
    assert row["cache_max_bytes"] == {"value": 20 << 30, "from": "default"}


def test_stat_of_nothing_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(call(capsys, "stat", "--json")[1])["entries"] == 0


# -- ls ---------------------------------------------------------------------------------------------------------------


def test_ls_lists_what_was_used_last_first(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "ls")
    head, *rows = out.splitlines()
    assert code == 0
    assert head.split() == ["KEY", "TASK", "INPUTS", "MADE", "USED", "SAVES", "SIZE", "RUN"]
    assert [row.split()[0] for row in rows] == [digest_of(name)[:12] for name in ("three", "two", "one")]
    assert rows[0].split()[1] == "other.report"
    assert rows[0].endswith("10 days ago  1.5 s  98.3 KiB  run-b")


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["--task", "square"], ["two", "one"]),
        (["--task", "env.square"], ["two", "one"]),
        (["--run", "run-b"], ["three", "two"]),
        (["--run", "run-b", "--task", "square"], ["two"]),
        (["--run", "run-a"], ["one"]),
        (["-n", "1"], ["three"]),
    ],
)
def test_ls_can_be_asked_for_some(args: list[str], names: list[str], shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = call(capsys, "ls", "--json", *args)
    assert [json.loads(line)["key"] for line in out.splitlines()] == [digest_of(name) for name in names]
    assert err == ""


def test_ls_says_that_there_is_more(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "ls", "-n", "2")[2] == "2 of 3 entries; -n lists more.\n"


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["--task", "sqare"], "No entries: nothing is stored for a task 'sqare'; did you mean 'square'?\n"),
        (["--task", "x"], "No entries: nothing is stored for a task 'x'; `localflyte cache stat` names the tasks\n"),
        (["--run", "zzz"], "No entries: nothing is stored that run zzz computed\n"),
        (["--run", "run-a", "--task", "report"], "No entries.\n"),
    ],
)
def test_ls_of_nothing_says_what_was_meant(args: list[str], line: str, shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "ls", *args) == (0, "", line)


def test_a_run_may_be_meant_by_how_it_begins(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.add("four", run="another")
    assert digest_of("four")[:12] in call(capsys, "ls", "--run", "an")[1]
    code, _, err = call(capsys, "ls", "--run", "run-")
    assert code == 2
    assert "2 runs begin with 'run-': run-a, run-b; give a letter more" in err


def test_ls_shows_inputs_in_short_and_nothing_that_a_terminal_obeys(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    values = {"n": 3, "text": "\x1b]0;evil\x07\x1b[31mred", "x\x1b[2J": [1.5, None], "own": msgpack.ExtType(5, b"pickle"), "long": "y" * 50}
    shown = {name: msgpack.packb(value) for name, value in values.items()} | {"bad": b"\xc1"}
    parts = {f"input:{name}": "d" for name in [*shown, "large"]}
    digest = hashlib.sha256(b"inputs").hexdigest()
    shelves.index.set(digest, pack_record(Key(digest, "env.\x1b[2Jt", parts, shown=shown), [], run="r", action="a0", seconds=0.1), tag="t")
    _, out, _ = call(capsys, "ls", "-n", "1")
    assert "\x1b" not in out
    assert "\x07" not in out
    row = json.loads(call(capsys, "ls", "-n", "1", "--json")[1])
    assert row["inputs"]["n"] == "3"
    assert row["inputs"]["own"] == "…"
    assert row["inputs"]["bad"] is row["inputs"]["large"] is None
    assert len(row["inputs"]["long"]) == 40
    assert "n=3" in out


def test_ls_fits_the_terminal(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.add("wide", **{f"input{number}": "some words" for number in range(5)})
    monkeypatch.setenv("COLUMNS", "130")
    assert max(map(len, call(capsys, "ls")[1].splitlines())) <= 130


# -- sweep and clear --------------------------------------------------------------------------------------------------


def test_sweep_keeps_to_the_settings(shelves: Shelves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LOCALFLYTE_CACHE_MAX_AGE", "15d")
    code, out, _ = call(capsys, "sweep")
    assert code == 0
    assert re.fullmatch(r"Removed 2 entries and 1 blob \(\d+\.\d KiB\)\.\nLeft: 1 entry \(98\.\d KiB\)\.\n", out)
    assert shelves.has("one", "two", "three") == [False, False, True]


@pytest.mark.parametrize("args", [["--max-bytes", "120k"], ["--max-age", "15d"]])
def test_sweep_can_be_told_other_limits(args: list[str], shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "sweep", *args)[0] == 0
    assert shelves.has("one", "two", "three") == [False, False, True]


def test_a_dry_run_changes_nothing(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    for args in (["sweep", "--max-age", "0"], ["clear", "--all"], ["clear", "--task", "square"]):
        code, out, _ = call(capsys, *args, "--dry-run")
        assert code == 0
        assert out.startswith("Would remove ")
        assert "\nWould be left: " in out
    assert shelves.has("one", "two", "three") == [True, True, True]


def test_sweep_says_what_a_run_under_way_holds(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    uses = Uses(shelves.layout.live)
    uses.note(digest_of("one"))
    _, out, _ = call(capsys, "sweep", "--max-age", "0")
    uses.end()
    assert "Of these 1 entry would have gone too, but a run under way uses what they hold." in out
    assert shelves.has("one", "two", "three") == [True, False, False]


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["--task", "square"], [False, False, True]),
        (["--task", "other.report"], [True, True, False]),
        (["--run", "run-b"], [True, False, False]),
        (["--run", "run-b", "--task", "square"], [True, False, True]),
        (["--older-than", "30d"], [False, True, True]),
        (["--older-than", "15d", "--run", "run-b"], [True, False, True]),
        (["--all"], [False, False, False]),
        (["--task", "nothing"], [True, True, True]),
    ],
)
def test_clear_removes_what_is_meant(args: list[str], left: list[bool], shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "clear", *args)
    assert code == 0
    assert shelves.has("one", "two", "three") == left
    assert ("nothing is removed: nothing is stored for a task" in err) == ("nothing" in args)


def test_clear_all_leaves_an_empty_store(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.damage(A)
    verify(shelves.layout)
    shelves.sql("INSERT INTO Cache(key, raw, value, mode) VALUES ('foreign', 0, x'80', 4)")
    Path(shelves.layout.root, "index.damaged-01").mkdir()
    assert call(capsys, "clear", "--all")[0] == 0
    assert shelves.sql("SELECT count(*) FROM Cache") == [(0,)]
    shelves.close()
    files = {str(path.relative_to(shelves.layout.root)) for path in Path(shelves.layout.root).rglob("*") if path.is_file()}
    assert files <= {"swept", "index/cache.db", "index/cache.db-wal", "index/cache.db-shm"}
    assert not Path(shelves.layout.root, "index.damaged-01").exists()


# -- verify -----------------------------------------------------------------------------------------------------------


def test_verify_says_that_all_is_well(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "verify")
    assert (code, err) == (0, "")
    assert out == "3 entries can be given out, and 2 blobs (195.3 KiB) are as stored.\nNothing is damaged.\n"


def test_verify_exits_with_what_it_found(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.damage(B)
    code, out, _ = call(capsys, "verify", "--dry-run")
    assert code == 4
    assert "2 faults, 2 still there." in out
    code, out, _ = call(capsys, "verify")
    assert code == 1
    lines = [line.split() for line in out.splitlines()]
    assert lines[1][:3] == ["set", "aside", "blob"]
    assert lines[2][:3] == ["removed", "entry", digest_of("three")[:12]]
    assert "other.report, run run-b: blob " in out
    assert "2 faults, all mended; what was removed is computed again." in out
    assert call(capsys, "verify")[0] == 0


def test_verify_lists_some_of_many_faults(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(25):
        shelves.add(f"more {number}")
    shelves.sql("UPDATE Cache SET value = x'00' WHERE key NOT LIKE 'code:%'")
    _, out, _ = call(capsys, "verify")
    assert out.count("  removed   record ") == 20
    assert "  and 8 more; --json lists all\n28 faults, all mended" in out


def test_verify_as_json(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.path(B).unlink()
    code, out, _ = call(capsys, "verify", "--json")
    row = json.loads(out)
    assert code == 1
    assert (row["entries"], row["sound"], row["mended"]) == (2, False, True)
    assert [(fault["kind"], fault["where"]) for fault in row["faults"]] == [("entry", digest_of("three"))]


def test_verify_shows_how_far_it_is_on_a_terminal_alone(
    shelves: Shelves, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    code, out, err = call(capsys, "verify")
    assert code == 0
    assert "195.3/195.3 KiB" in err
    assert out.endswith("Nothing is damaged.\n")


def test_verify_notes_what_is_no_damage(shelves: Shelves, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.put(b"unnamed")
    shelves.sql("DELETE FROM Cache WHERE key LIKE 'code:%'")
    Path(shelves.layout.blobs, "stray\x1b[2J").touch()
    code, out, _ = call(capsys, "verify")
    assert code == 0
    assert "note: no entry names 1 blob (7 bytes)" in out
    assert "note: 1 entry can be given out, but what their code was made of is lost" in out
    assert "stray is none of localflyte's" in out


# -- export and import ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["folder", "a.tar.gz"])
def test_what_is_exported_can_be_imported_elsewhere(
    name: str, shelves: Shelves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = str(tmp_path / name)
    code, out, _ = call(capsys, "export", target, "--task", "square")
    assert code == 0
    assert out.startswith("Exported 2 entries and 1 blob (")
    monkeypatch.setenv("LOCALFLYTE_HOME", str(tmp_path / "elsewhere"))
    code, out, _ = call(capsys, "import", target)
    assert code == 0
    assert out == "Imported 2 entries; 1 blob (97.7 KiB) came with them.\n"
    other = Shelves(tmp_path / "elsewhere")
    assert other.has("one", "two", "three") == [True, True, False]
    other.close()
    _, out, _ = call(capsys, "import", target)
    assert "Left as they are here: 2 entries, the same or newer." in out


def test_what_is_damaged_is_not_imported_and_the_code_says_so(shelves: Shelves, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "folder"
    call(capsys, "export", str(target))
    (target / "records" / digest_of("one")[:2] / digest_of("one")).write_bytes(b"damaged")
    call(capsys, "clear", "--all")
    code, out, err = call(capsys, "import", str(target))
    assert code == 4
    assert out.startswith("Imported 2 entries; ")
    assert f"localflyte: records/{digest_of('one')} is left out: the record of key {digest_of('one')[:12]} is damaged\n" == err


def test_what_is_damaged_is_not_exported_and_the_code_says_so(shelves: Shelves, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shelves.damage(B)
    code, out, err = call(capsys, "export", str(tmp_path / "a.tar"))
    assert code == 4
    assert out.startswith("Exported 2 entries and 1 blob (")
    assert "a result of other.report is left out: blob " in err


def test_what_another_version_wrote_is_left_alone_and_told(shelves: Shelves, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "export", str(tmp_path / "folder"))
    body = msgpack.packb({"schema": 99})
    value = hashlib.sha256(body).digest() + body
    (tmp_path / "folder" / "records" / digest_of("one")[:2] / digest_of("one")).write_bytes(value)
    shelves.index.set(digest_of("other"), value)
    code, out, _ = call(capsys, "import", str(tmp_path / "folder"))
    assert code == 0
    assert out.endswith("Left out: 1 entry of another version of localflyte.\n")
    assert "others     1 entry of another version of localflyte, left alone" in call(capsys, "stat")[1]
    assert "note: 1 entry of another version of localflyte, left alone" in call(capsys, "verify")[1]


def test_some_of_many_problems_are_told(shelves: Shelves, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "export", str(tmp_path / "folder"))
    for number in range(15):
        (tmp_path / "folder" / "blobs" / f"stray{number}").touch()
    code, _, err = call(capsys, "import", str(tmp_path / "folder"))
    assert code == 4
    assert err.count("is no member of an archive") == 10
    assert err.endswith("localflyte: and 5 more were left out\n")


def test_an_archive_larger_than_the_store_may_be_is_refused(
    shelves: Shelves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "export", str(tmp_path / "a.tar"))
    monkeypatch.setenv("LOCALFLYTE_CACHE_MAX_BYTES", "100Ki")
    code, _, err = call(capsys, "import", str(tmp_path / "a.tar"))
    assert code == 8
    assert "declares more bytes than cache_max_bytes lets in" in err


def test_nothing_is_exported_where_nothing_is_meant(shelves: Shelves, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "export", str(tmp_path / "a.tar"), "--task", "sqare")
    assert code == 2
    assert "did you mean 'square'?" in err
    assert not (tmp_path / "a.tar").exists()


# -- beside real runs -------------------------------------------------------------------------------------------------


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


def test_what_real_runs_store_is_listed_verified_and_cleared(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marks = str(tmp_path / "marks")
    assert run(cached.double, x=4, marks=marks) == 8
    run(cached.large, size=100_000, marks=marks)
    run(cached.writes_file, text="text", marks=marks)
    rows = [json.loads(line) for line in call(capsys, "ls", "--json")[1].splitlines()]
    assert {(row["task"], tuple(row["inputs"].items()), len(row["blobs"])) for row in rows} == {
        ("cached.double", (("x", "4"),), 0),
        ("cached.large", (("size", "100000"),), 1),
        ("cached.writes_file", (("text", "'text'"),), 1),
    }
    assert call(capsys, "verify")[1].startswith("3 entries can be given out, and 2 blobs ")
    assert "cached.writes_file" in call(capsys, "ls", "--run", "last")[1]
    assert call(capsys, "ls", "--run", "last", "--json")[1].count("\n") == 1
    call(capsys, "clear", "--task", "double")
    run(cached.double, x=4, marks=marks)
    assert os.path.getsize(marks) == 4
    run(cached.large, size=100_000, marks=marks)
    assert os.path.getsize(marks) == 4


def test_sweeps_without_end_take_nothing_from_real_runs(home: Path, tmp_path: Path) -> None:
    """Whatever the limits: a run finds again what it has stored itself, and every run succeeds."""
    marks, layout, over = str(tmp_path / "marks"), Layout(str(home)), threading.Event()
    layout.prepare()
    sweeps: list[Any] = []

    def sweeping() -> None:
        while not over.is_set():
            sweeps.append(sweep(layout, max_bytes=0))

    thread = threading.Thread(target=sweeping)
    thread.start()
    try:
        for start in range(3):
            assert run(cached.twice, n=8, start=100 * start, marks=marks) == 8
            assert os.path.getsize(marks) == 8 * (start + 1)
    finally:
        over.set()
        thread.join()
    assert sum(found.held for found in sweeps) > 0
    assert sum(found.entries for found in sweeps) > 0
    assert all(found.problems == () for found in sweeps)
    found = verify(layout)
    assert found.is_sound
    assert time.time() - os.stat(layout.swept).st_mtime < 600
