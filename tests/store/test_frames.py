"""A table that a task gives counts by its content for the task that takes it, in every run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import localflyte as flyte

pytest.importorskip("pandas", reason="frames are optional, and not here in every test environment")
pytest.importorskip("pyarrow", reason="frames are optional, and not here in every test environment")


def test_an_equal_table_is_found_by_the_next_run(tmp_path: Path, home: Path) -> None:
    from programs import frames

    marks = str(tmp_path / "marks")
    for rows, count in ((100, 2), (100, 2), (101, 4), (50_000, 6), (50_000, 6)):
        assert flyte.run(frames.main, rows=rows, marks=marks).outputs()[0] == 2 * rows
        assert os.path.getsize(marks) == count
