"""Rows 26, 37, 40 and 42 at every call to the file system: it fails, once or from then on, is torn, or is the last. No answer is false."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import shim
from faults.loop import SCENARIOS
from faults.outside import ROOT

SECONDS = 300  # reached only where something hangs


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of stores are made in it, and nothing is to outlast a loss of power."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="localflyte-loop-", dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_row_42_whatever_call_fails_no_answer_is_false_and_nothing_is_lost(
    scenario: str, fast: Path, library: Path, count_faults: Callable[[str, int, int], None]
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faults.loop", scenario, str(fast)],
        env={**os.environ, **shim.environment(library), "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    count_faults(f"store, {scenario}", told["injected"], len(told["false"]))
    assert told["false"] == []
    assert told["injected"] > 50
