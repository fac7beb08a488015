"""What engines use is known to whoever sweeps: while they live, and when they were killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from localflyte.store.uses import Uses
from localflyte.store.uses import survey_uses

KEYS = ["a" * 64, "b" * 64]
ENGINE = """
import os, sys
from localflyte.store.uses import Uses
uses = Uses(sys.argv[1])
for key in sys.argv[2:]:
    uses.note(key)
os.kill(os.getpid(), 9)
"""


def test_what_a_live_engine_uses_is_held(tmp_path: Path) -> None:
    before = time.time()
    uses = Uses(str(tmp_path))
    for key in (*KEYS, *KEYS):
        uses.note(key)
    found = survey_uses(str(tmp_path))
    assert (found.held, found.over, found.files) == (set(KEYS), {}, [])
    assert before <= found.since <= time.time()
    (file,) = tmp_path.iterdir()
    assert file.read_text().split() == KEYS
    uses.end()


def test_who_has_ended_holds_nothing_and_knows_what_it_used(tmp_path: Path) -> None:
    uses = Uses(str(tmp_path))
    before = time.time()
    uses.note(KEYS[0])
    used = uses.end()
    assert list(used) == [KEYS[0]]
    assert before <= used[KEYS[0]] <= time.time()
    assert survey_uses(str(tmp_path)).held == set()
    assert list(tmp_path.iterdir()) == []
    assert uses.end() == {}


def test_what_a_killed_engine_used_is_found(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", ENGINE, str(tmp_path), *KEYS], check=False)
    found = survey_uses(str(tmp_path))
    assert found.held == set()
    assert set(found.over) == set(KEYS)
    assert found.files == [str(path) for path in tmp_path.iterdir()]


def test_lines_that_are_no_keys_count_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "1-x").write_bytes(b"\xff\xfe\n../../etc/passwd\n" + b"c" * 64 + b"\nhalf")
    assert set(survey_uses(str(tmp_path)).over) == {"c" * 64}


def test_what_is_no_file_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "live" / "1-folder").mkdir(parents=True)
    (tmp_path / "file").write_text("d" * 64)
    (tmp_path / "live" / "1-link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "live" / "1-pipe")
    found = survey_uses(str(tmp_path / "live"))
    assert (found.held, found.over, found.files) == (set(), {}, [])


def test_no_folder_is_no_use(tmp_path: Path) -> None:
    assert survey_uses(str(tmp_path / "none")).held == set()


def test_what_is_forgotten_is_held_all_the_same(tmp_path: Path) -> None:
    uses = Uses(str(tmp_path))
    uses.note(KEYS[0])
    assert list(uses.forget()) == [KEYS[0]]
    assert len(uses) == 0
    uses.note(KEYS[1])
    assert survey_uses(str(tmp_path)).held == set(KEYS)
    assert list(uses.end()) == [KEYS[1]]
