"""What an earlier run saved is shared with the one that recovers it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from localflyte.runs.checkpoints import hand_over
from localflyte.runs.checkpoints import has_saved


def saved(run: Path) -> Path:
    folder = run / "checkpoints" / "a0"
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "weights.part").write_text("w")
    (folder / "1" / "latest").symlink_to("weights.part")
    for name in ("0", "2.part", "2.loaded"):
        (folder / name).write_text(name)
    return folder


def test_what_was_saved_is_shared_and_what_was_worked_with_is_not(tmp_path: Path) -> None:
    first = saved(tmp_path / "one")
    assert has_saved(str(tmp_path / "one"), "a0")
    assert hand_over(str(tmp_path / "one"), str(tmp_path / "two"), "a0")
    handed = tmp_path / "two" / "checkpoints" / "a0" / "before"
    assert sorted(path.name for path in handed.iterdir()) == ["0", "1"]
    assert (handed / "1" / "weights.part").samefile(first / "1" / "weights.part")
    assert os.readlink(handed / "1" / "latest") == "weights.part"


def test_it_is_copied_where_nothing_can_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*args: object, **kwargs: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    first = saved(tmp_path / "one")
    monkeypatch.setattr(os, "link", refuses)
    assert hand_over(str(tmp_path / "one"), str(tmp_path / "two"), "a0")
    handed = tmp_path / "two" / "checkpoints" / "a0" / "before"
    assert (handed / "0").read_text() == "0"
    assert not (handed / "0").samefile(first / "0")


def test_nothing_saved_is_nothing_handed_over(tmp_path: Path) -> None:
    assert not has_saved(str(tmp_path / "one"), "a0")
    (tmp_path / "one" / "checkpoints" / "a0" / "0.loaded").mkdir(parents=True)
    assert not hand_over(str(tmp_path / "one"), str(tmp_path / "two"), "a0")
    assert not (tmp_path / "two").exists()
