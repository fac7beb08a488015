"""Checkpoints: what one attempt saves, the next one finds, and nobody else."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import checkpoints

import localflyte as flyte

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
