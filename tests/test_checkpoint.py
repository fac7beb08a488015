"""Checkpoints: what one attempt saves, the next one finds, and nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from programs import checkpoints

import localflyte as flyte
from localflyte.api.context import _checkpoint_paths

ROOT = Path(__file__).resolve().parents[1]


def test_each_attempt_goes_on_from_the_last_whatever_ended_it() -> None:
    assert flyte.run(checkpoints.counts, 3).outputs() == ([0, 1, 2],)


def test_a_folder_is_kept_over_an_attempt_that_saves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert flyte.run(checkpoints.keeps_a_folder).outputs() == (["epoch=1/last.ckpt", "1"],)


def test_actions_do_not_see_each_other() -> None:
    assert flyte.run(checkpoints.apart).outputs() == ([False, False],)


def test_there_is_none_outside_a_task() -> None:
    assert flyte.ctx().checkpoint is None


def test_what_is_saved_again_replaces_what_was(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("from a file")
    first = flyte.Checkpoint(str(tmp_path / "c" / "0"))
    for data in (b"bytes", tmp_path / "folder", str(tmp_path / "file")):
        first.save_sync(data)
    second = flyte.Checkpoint(str(tmp_path / "c" / "1"), first.remote_destination)
    loaded = second.load_sync()
    assert loaded == second.path / "payload"
    assert loaded.read_text() == "from a file"
    assert second.remote_source == str(tmp_path / "c" / "0")


def test_a_folder_that_is_saved_again_is_never_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the task is ended, the next attempt finds one of both, and that whole."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "step").write_text("1")
    place = tmp_path / "raw" / "0"
    checkpoint = flyte.Checkpoint(place)
    checkpoint.save_sync(tmp_path / "folder")
    (tmp_path / "folder" / "step").write_text("2")
    changes = [(os, "rename"), (os, "replace"), (shutil, "rmtree")]
    for ended_at in range(4):
        left = ended_at

        def ends(change: Any) -> Any:
            def perform(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left < 0:
                    raise KeyboardInterrupt
                return change(*args, **kwargs)

            return perform

        with monkeypatch.context() as patch:
            for module, name in changes:
                patch.setattr(module, name, ends(getattr(module, name)))
            with contextlib.suppress(KeyboardInterrupt):
                checkpoint.save_sync(tmp_path / "folder")
        paths = _checkpoint_paths(str(tmp_path / "raw"), 1, "")
        assert paths is not None
        assert paths.prev_checkpoint_path is not None
        assert (Path(paths.prev_checkpoint_path) / "step").read_text() in {"1", "2"}
    assert [path.name for path in place.parent.iterdir()] == ["0"]


def test_places_are_paths_or_their_urls(tmp_path: Path) -> None:
    place = tmp_path / "with space"
    saved = flyte.Checkpoint(place.as_uri())
    saved.save_sync(b"step 1")
    assert saved.remote_destination == place.as_uri()
    loaded = flyte.Checkpoint(tmp_path / "next", place.as_uri())
    assert loaded.prev_exists()
    found = loaded.load_sync()
    assert found is not None
    assert found.read_bytes() == b"step 1"


def test_an_archive_is_unpacked_whoever_made_it(tmp_path: Path) -> None:
    """Flyte keeps folders as archives, and so cannot tell them from those that a program saves."""
    (tmp_path / "state.json").write_text("3")
    with tarfile.open(tmp_path / "mine.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "state.json", "state.json")
    flyte.Checkpoint(tmp_path / "0").save_sync(tmp_path / "mine.tar.gz")
    checkpoint = flyte.Checkpoint(tmp_path / "1", tmp_path / "0")
    assert asyncio.run(checkpoint.load()) == checkpoint.path
    assert (checkpoint.path / "state.json").read_text() == "3"


def test_an_archive_stays_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "evil").touch()
    with tarfile.open(tmp_path / "0", "w") as archive:
        archive.add(tmp_path / "evil", "../../evil2")
    with pytest.raises(tarfile.OutsideDestinationError):
        flyte.Checkpoint(tmp_path / "c" / "1", tmp_path / "0").load_sync()
    assert not (tmp_path / "evil2").exists()


def test_what_was_loaded_once_is_the_tasks_own(tmp_path: Path) -> None:
    """What it has changed since is not loaded over, and may be saved as a whole."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "step").write_text("1")
    flyte.Checkpoint(tmp_path / "0").save_sync(tmp_path / "folder")
    checkpoint = flyte.Checkpoint(tmp_path / "1", tmp_path / "0")
    assert checkpoint.load_sync() == checkpoint.path
    (checkpoint.path / "step").write_text("2")
    assert checkpoint.load_sync() == checkpoint.path
    asyncio.run(checkpoint.save(checkpoint.path))
    after = flyte.Checkpoint(tmp_path / "2", tmp_path / "1")
    assert after.load_sync() == after.path
    assert (after.path / "step").read_text() == "2"


def test_an_empty_folder_is_a_checkpoint(tmp_path: Path) -> None:
    first = flyte.Checkpoint(tmp_path / "0")
    first.save_sync(first.path)
    second = flyte.Checkpoint(tmp_path / "1", tmp_path / "0")
    assert second.load_sync() == second.path
    assert list(second.path.iterdir()) == []


def test_a_missing_file_is_told_and_what_was_saved_is_kept(tmp_path: Path) -> None:
    checkpoint = flyte.Checkpoint(str(tmp_path / "0"))
    checkpoint.save_sync(b"kept")
    with pytest.raises(FileNotFoundError):
        checkpoint.save_sync(tmp_path / "missing")
    assert (tmp_path / "0").read_bytes() == b"kept"


def test_nothing_saved_is_nothing_loaded(tmp_path: Path) -> None:
    checkpoint = flyte.Checkpoint(str(tmp_path / "1"), str(tmp_path / "0"))
    assert not checkpoint.prev_exists()
    assert asyncio.run(checkpoint.load()) is None


def test_the_newest_file_is_found_by_time_or_by_key(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "c", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.ckpt").write_text(name)
        import os

        os.utime(tmp_path / name / "last.ckpt", (number, number))
    assert flyte.latest_checkpoint(tmp_path) == tmp_path / "a" / "last.ckpt"
    assert flyte.latest_checkpoint(tmp_path, key=lambda path: path.parent.name) == tmp_path / "c" / "last.ckpt"
    assert flyte.latest_checkpoint(tmp_path, "*.pt") is None


def test_a_task_that_is_asked_to_end_can_save_first(tmp_path: Path) -> None:
    """What flyte's examples/advanced/abort_callback.py does: SIGTERM reaches the task's own handler, and it has time."""
    ready, home = tmp_path / "ready", tmp_path / "home"
    program = (
        "import localflyte as flyte; from programs import checkpoints; "
        f"flyte.run(checkpoints.saves_when_asked_to_end, ready={str(ready)!r})"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(home)}
    engine = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT / "tests", env=env, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 20
    while not ready.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    engine.send_signal(signal.SIGINT)
    engine.wait(20)
    assert [path.read_bytes() for path in home.glob("runs/*/checkpoints/a0/0")] == [b"progress"]
