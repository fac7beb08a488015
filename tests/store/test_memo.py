"""A lookup returns what a success stored, or a miss; whatever is wrong with the store is said once and never fails a run."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TaskRef
from localflyte.spec.run import RunRequest
from localflyte.spec.run import Surroundings
from localflyte.store.index import Index
from localflyte.store.index import Row
from localflyte.store.layout import Layout
from localflyte.store.memo import Limits
from localflyte.store.memo import Memo
from localflyte.store.record import pack_code
from localflyte.store.record import unpack_record
from localflyte.store.sweep import sweep
from localflyte.store.uses import survey_uses

AROUND = Surroundings(python="", cwd="", sys_path=(), argv=(), env={}, umask=0, alias=False)
OUTPUTS = (Packed(b"\x01"), Packed(b"\xa4text", (), b"canonical"))


@dataclass(eq=False)
class Run:
    folder: str
    request: RunRequest
    name: str = "run"
    said: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.said.append(text)


def call_of(inputs: dict[str, Packed] | None = None, **cache: Any) -> Invocation:
    terms = CacheTerms(**{"behavior": "auto", "version": "1", **cache})
    plan = Plan(task=TaskRef(name="env.task"), environment="env", short_name="task", interface="()", cache=terms)
    return Invocation(plan=plan, inputs=inputs or {"x": Packed(b"\x01")})


def with_outputs(invocation: Invocation, *names: str) -> Invocation:
    return replace(invocation, plan=replace(invocation.plan, outputs=names))


@pytest.fixture
def new_run(tmp_path: Path) -> Callable[..., Run]:
    def make(name: str = "run", **options: Any) -> Run:
        (tmp_path / name).mkdir(exist_ok=True)
        return Run(str(tmp_path / name), RunRequest(invocation=call_of(), surroundings=AROUND, **options))

    return make


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def in_memo(home: Path, work: Callable[[Memo], Any], limits: Limits = Limits()) -> Any:
    """Do something with a memo that nobody used before: another process would see no more."""

    async def main() -> Any:
        memo = Memo(str(home), limits)
        try:
            return await work(memo)
        finally:
            memo.close()

    return anyio.run(main)


def store(home: Path, run: Run, outputs: tuple[Packed, ...] = OUTPUTS, invocation: Invocation | None = None) -> Any:
    async def work(memo: Memo) -> Any:
        key = await memo.key(run, invocation or call_of())
        assert key is not None
        return await memo.commit(run, key, outputs, "a0")

    return in_memo(home, work)


def look_up(home: Path, run: Run, invocation: Invocation | None = None, action: str = "a0", limits: Limits = Limits()) -> Any:
    async def work(memo: Memo) -> Any:
        key = await memo.key(run, invocation or call_of())
        assert key is not None
        return (await memo.lookup(run, key, action)).outputs

    return in_memo(home, work, limits)


def test_what_one_memo_stored_another_finds(home: Path, new_run: Callable[..., Run]) -> None:
    run = new_run()
    assert look_up(home, run) is None
    assert store(home, run) == OUTPUTS
    assert look_up(home, run) == OUTPUTS
    assert run.said == []


def test_another_version_is_a_miss(home: Path, new_run: Callable[..., Run]) -> None:
    store(home, new_run())
    assert look_up(home, new_run(), call_of(version="2")) is None


def test_a_disabled_run_has_no_keys(home: Path, new_run: Callable[..., Run]) -> None:
    assert in_memo(home, lambda memo: memo.key(new_run(disable_run_cache=True), call_of())) is None
    assert not home.exists()


def test_overwriting_finds_nothing_and_replaces_what_is_there(home: Path, new_run: Callable[..., Run]) -> None:
    store(home, new_run())
    run = new_run(overwrite_cache=True)
    assert look_up(home, run) is None
    store(home, run, (Packed(b"\x02"),))
    assert look_up(home, new_run()) == (Packed(b"\x02"),)


def test_a_call_without_a_version_is_not_cached_and_that_is_said(home: Path, new_run: Callable[..., Run]) -> None:
    run = new_run()
    assert in_memo(home, lambda memo: memo.key(run, call_of(problem="its source cannot be found"))) is None
    assert run.said == ["env.task is not cached: its source cannot be found"]


def test_a_call_whose_input_cannot_be_read_is_not_cached_and_that_is_said(home: Path, new_run: Callable[..., Run]) -> None:
    run = new_run()
    invocation = call_of({"x": Packed(b"", (Ref("file", "/not/there"),))})
    assert in_memo(home, lambda memo: memo.key(run, invocation)) is None
    assert "/not/there" in run.said[0]


def test_files_and_folders_outlast_the_run_that_made_them(home: Path, new_run: Callable[..., Run], tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "folder" / "sub").mkdir(parents=True)
    (made / "file.txt").write_text("file")
    (made / "folder" / "sub" / "x").write_text("x")
    outputs = (Packed(b"f", (Ref("file", str(made / "file.txt")),)), Packed(b"d", (Ref("dir", str(made / "folder")),)))
    store(home, new_run(), outputs)
    made.rename(tmp_path / "gone")
    run = new_run("second")
    file, folder = look_up(home, run, action="a7")
    assert Path(file.refs[0].path).read_text() == "file"
    assert (Path(folder.refs[0].path) / "sub" / "x").read_text() == "x"
    assert file.refs[0].path.startswith(f"{run.folder}/data/a7/")


def test_a_folder_that_could_not_be_given_back_is_not_stored(home: Path, new_run: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to("elsewhere")
    run = new_run()
    assert store(home, run, (Packed(b"d", (Ref("dir", str(tmp_path / "folder")),)),)) is None
    assert "link is a link" in run.said[0]
    assert look_up(home, new_run()) is None


def test_a_result_whose_input_changed_meanwhile_is_not_stored(home: Path, new_run: Callable[..., Run], tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text("before")
    invocation = call_of({"x": Packed(b"\x01", (Ref("file", str(path)),))})
    run = new_run()

    async def work(memo: Memo) -> Any:
        key = await memo.key(run, invocation)
        path.write_text("after")
        assert key is not None
        return await memo.commit(run, key, OUTPUTS, "a0")

    assert in_memo(home, work) is None
    assert "changed while it ran" in run.said[0]
    path.write_text("before")
    assert look_up(home, new_run(), invocation) is None


@pytest.mark.parametrize("value", [b"", b"x" * 40, b"\x80\x04N."])
def test_damaged_records_are_misses_that_are_said_once(home: Path, new_run: Callable[..., Run], value: bytes) -> None:
    store(home, new_run())
    with closing(sqlite3.connect(home / "store" / "index" / "cache.db", isolation_level=None)) as connection:
        connection.execute("UPDATE Cache SET value = ?", (value,))
    run = new_run()

    async def twice(memo: Memo) -> Any:
        key = await memo.key(run, call_of())
        assert key is not None
        return [(await memo.lookup(run, key, action)).outputs for action in ("a0", "a1")]

    assert in_memo(home, twice) == [None, None]
    assert len(run.said) == 1
    assert "computed again" in run.said[0]
    store(home, new_run())
    assert look_up(home, new_run()) == OUTPUTS


def test_a_damaged_blob_is_a_miss_and_is_healed_by_the_next_success(home: Path, new_run: Callable[..., Run]) -> None:
    large = (Packed(b"x" * 100_000),)
    store(home, new_run(), large)
    (blob,) = [path for path in (home / "store" / "blobs").rglob("*") if path.is_file()]
    blob.chmod(0o600)
    blob.write_bytes(b"y" * 100_000)
    run = new_run()
    assert look_up(home, run) is None
    assert str(blob) in run.said[0]
    store(home, run, large)
    assert look_up(home, new_run()) == large


def test_a_damaged_index_is_set_aside_and_the_next_run_caches_again(home: Path, new_run: Callable[..., Run]) -> None:
    store(home, new_run())
    (home / "store" / "index" / "cache.db").write_bytes(b"not a database" * 1000)
    run = new_run()
    assert look_up(home, run) is None
    assert "set aside" in run.said[0]
    store(home, new_run("next"))
    assert look_up(home, new_run("next")) == OUTPUTS


def test_a_store_that_cannot_be_made_is_said_once_a_run(home: Path, new_run: Callable[..., Run]) -> None:
    home.mkdir()
    (home / "store").write_text("a file where the folder should be")
    runs = [new_run("first"), new_run("second")]

    async def work(memo: Memo) -> None:
        for run in runs:
            for number in range(3):
                key = await memo.key(run, call_of({"x": Packed(bytes([number]))}))
                assert key is not None
                assert (await memo.lookup(run, key, "a0")).outputs is None
                assert await memo.commit(run, key, OUTPUTS, "a0") is None

    in_memo(home, work)
    assert [len(run.said) for run in runs] == [1, 1]
    assert "neither looked up nor stored" in runs[0].said[0]


@pytest.mark.parametrize("data", [b"\x01", b"x" * 100_000])
def test_a_full_disk_is_said_once_and_stores_nothing(
    home: Path, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    run = new_run()
    with monkeypatch.context() as patch:
        patch.setattr("localflyte.store.private.os.mkdir", full)

        async def work(memo: Memo) -> None:
            for number in range(3):
                key = await memo.key(run, call_of({"x": Packed(bytes([number]))}))
                assert key is not None
                assert await memo.commit(run, key, (Packed(data),), "a0") is None

        in_memo(home, work)
    assert len(run.said) == 1
    assert "No space left" in run.said[0]
    assert look_up(home, new_run("later")) is None


@pytest.mark.parametrize(("age", "is_hit"), [(0.0, True), (59.0, True), (61.0, False)])
def test_a_result_older_than_max_age_is_not_reused(
    home: Path, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, age: float, is_hit: bool
) -> None:
    store(home, new_run())
    now = time.time()
    monkeypatch.setattr("localflyte.store.memo.time.time", lambda: now + age)
    assert (look_up(home, new_run(), call_of(max_age=60.0)) is not None) is is_hit
    assert look_up(home, new_run(), call_of()) == OUTPUTS  # who does not mind its age may have it


@pytest.mark.parametrize(
    ("scope", "project", "is_hit"),
    [("global", "other", True), ("project-domain", "mine", True), ("project-domain", "other", False), ("project-domain", "", False)],
)
def test_a_scope_keeps_results_of_other_projects_out(
    home: Path, new_run: Callable[..., Run], scope: str, project: str, is_hit: bool
) -> None:
    store(home, new_run(project="mine", domain="dev"))
    found = look_up(home, new_run("later", project=project, domain="dev", cache_lookup_scope=scope))
    assert (found is not None) is is_hit


def tier_of(home: Path, folder: Path) -> Limits:
    """Lay the entries of a store out as an export does."""
    index = Index(str(home / "store" / "index"))
    for row in index.rows():
        kind, _, digest = row.key.rpartition(":")
        path = folder / (kind or "records") / digest[:2] / digest
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(row.value)
    index.close()
    if (home / "store" / "blobs").exists():
        shutil.copytree(home / "store" / "blobs", folder / "blobs")
    return Limits(tier=str(folder))


@pytest.mark.parametrize("outputs", [OUTPUTS, (Packed(b"x" * 100_000),)])
def test_what_a_tier_has_is_a_hit_and_the_tier_stays_as_it_is(
    home: Path, new_run: Callable[..., Run], tmp_path: Path, outputs: tuple[Packed, ...]
) -> None:
    store(home, new_run(), outputs)
    limits = tier_of(home, tmp_path / "tier")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tier").rglob("*")}
    assert look_up(tmp_path / "another", new_run(), limits=limits) == outputs
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tier").rglob("*")} == before


@pytest.mark.parametrize(("names", "is_hit"), [(("o0",), False), (("o0", "o1"), True), (("o0", "o1", "o2"), False)])
def test_a_result_of_another_number_of_outputs_is_a_miss(
    home: Path, new_run: Callable[..., Run], names: tuple[str, ...], is_hit: bool
) -> None:
    store(home, new_run())
    assert (look_up(home, new_run(), with_outputs(call_of(), *names)) is not None) is is_hit


def test_a_record_of_a_tier_that_would_fill_the_memory_is_damaged(home: Path, new_run: Callable[..., Run], tmp_path: Path) -> None:
    store(home, new_run())
    limits = tier_of(home, tmp_path / "tier")
    (record,) = [path for path in (tmp_path / "tier" / "records").rglob("*") if path.is_file()]
    record.chmod(0o600)
    os.truncate(record, 1 << 40)
    run = new_run()
    assert look_up(tmp_path / "another", run, limits=limits) is None
    assert "is damaged" in run.said[0]


def test_what_is_damaged_in_a_tier_is_a_miss(home: Path, new_run: Callable[..., Run], tmp_path: Path) -> None:
    large = (Packed(b"x" * 100_000),)
    store(home, new_run(), large)
    limits = tier_of(home, tmp_path / "tier")
    (blob,) = [path for path in (tmp_path / "tier" / "blobs").rglob("*") if path.is_file()]
    blob.chmod(0o600)
    blob.write_bytes(b"y" * 100_000)
    run = new_run()
    assert look_up(tmp_path / "another", run, limits=limits) is None
    assert str(blob) in run.said[0]
    assert blob.exists()


def test_a_tier_that_is_not_there_is_no_trouble(home: Path, new_run: Callable[..., Run], tmp_path: Path) -> None:
    run = new_run()
    assert look_up(home, run, limits=Limits(tier=str(tmp_path / "none"))) is None
    assert run.said == []


def test_what_is_looked_up_is_held_until_the_engine_has_nothing_to_do(home: Path, new_run: Callable[..., Run]) -> None:
    store(home, new_run())
    (before,) = rows(home)

    async def work(memo: Memo) -> tuple[set[str], set[str]]:
        key = await memo.key(new_run(), call_of())
        assert key is not None
        memo.look(new_run(), key)
        memo.note(key)
        held = survey_uses(str(home / "store" / "live")).held
        await memo.rest()
        return held, survey_uses(str(home / "store" / "live")).held

    assert in_memo(home, work) == ({before.key}, set())
    (after,) = rows(home)
    assert after.used > before.used


def rows(home: Path) -> list[Row]:
    index = Index(str(home / "store" / "index"))
    try:
        return [row for row in index.rows() if not row.key.startswith("code:")]
    finally:
        index.close()


def test_what_a_version_was_made_of_is_stored_once(home: Path, new_run: Callable[..., Run]) -> None:
    parts = {"function m.f": "1" * 64}
    for number in range(3):
        store(home, new_run(), invocation=call_of({"x": Packed(bytes([number]))}, parts=parts))
    digest, body = pack_code(parts)
    assert {unpack_record(row.value, row.key).code for row in rows(home)} == {digest}
    index = Index(str(home / "store" / "index"))
    assert index.get(f"code:{digest}") == body
    index.close()


@pytest.mark.parametrize("while_it_rests", [False, True])
def test_a_sweep_leaves_what_a_version_was_made_of_to_who_is_about_to_name_it(
    home: Path, new_run: Callable[..., Run], while_it_rests: bool
) -> None:
    parts = {"function m.f": "1" * 64}
    old = call_of({"x": Packed(b"old")}, parts=parts)
    store(home, new_run(), invocation=old)
    layout = Layout(str(home))

    def swept() -> None:
        """Sweep away what nobody holds, as if all that is there was old."""
        assert sweep(layout, wanted=lambda entry: True).entries == 1

    async def work(memo: Memo) -> None:
        run = new_run()
        if while_it_rests:
            key = await memo.key(run, old)
            assert key is not None
            await memo.commit(run, key, OUTPUTS, "a0")
            await memo.rest()
            with closing(Index(layout.index)) as index:
                index._open()._sql("UPDATE Cache SET store_time = 1, access_time = 1")
            swept()
        key = await memo.key(run, call_of({"x": Packed(b"new")}, parts=parts))
        assert key is not None
        await memo.commit(run, key, OUTPUTS, "a0")
        if not while_it_rests:
            swept()

    if not while_it_rests:
        with closing(Index(layout.index)) as index:
            index._open()._sql("UPDATE Cache SET store_time = 1, access_time = 1")
    in_memo(home, work)
    with closing(Index(layout.index)) as index:
        assert index.get(f"code:{pack_code(parts)[0]}") is not None


def test_a_result_is_not_stored_before_its_blobs_are_on_the_disk(
    home: Path, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    run = new_run()
    with monkeypatch.context() as patch:
        patch.setattr("localflyte.store.blobs.os.fsync", refuses)
        assert store(home, run, (Packed(b"x" * 100_000),)) is None
    assert "Input/output error" in run.said[0]
    assert look_up(home, new_run("later")) is None


def test_uses_are_written_down_before_they_fill_the_memory(
    home: Path, new_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localflyte.store.memo.MOST_USES", 2)
    calls = [call_of({"x": Packed(bytes([number]))}) for number in range(3)]
    for call in calls:
        store(home, new_run(), invocation=call)
    before = {row.key: row.used for row in rows(home)}

    async def work(memo: Memo) -> dict[str, float]:
        for call in calls:
            key = await memo.key(new_run(), call)
            assert key is not None
            memo.look(new_run(), key)
            memo.note(key)
        return {row.key: row.used for row in rows(home)}

    after = in_memo(home, work)
    assert sum(after[key] > used for key, used in before.items()) == 2
