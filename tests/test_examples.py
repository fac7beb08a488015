"""The example of the README, as a person runs it: over a small folder, through the command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MODULES = ("bisect", "colorsys", "contextlib", "heapq", "keyword")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A few modules of the standard library, to be changed at will."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name in MODULES:
        shutil.copy(Path(sysconfig.get_path("stdlib"), f"{name}.py"), folder)
    return folder


def survey(folder: Path) -> tuple[Counter[str], dict[str, Any]]:
    """Run the example and count what happened to `measure` and `summarise`.

    :return: how often a task ran and how often it was cached, by "<task> ran" and "<task> cached"; and the result
    """
    command = [sys.executable, "-m", "localflyte", "run", "--json", str(EXAMPLES / "stdlib_report.py"), "main", "--root", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=EXAMPLES.parent, env=os.environ, timeout=120)
    assert done.returncode == 0, done.stderr + done.stdout
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        data = row.get("data", {})
        if row["kind"] == "action.queued":
            names[row["action"]] = data["short_name"]
        elif row["kind"] == "action.finished" and names.get(row["action"], "main") != "main":
            counts[f"{names[row['action']]} {'cached' if data['cached'] else 'ran'}"] += 1
    return counts, rows[-1]


def test_every_module_is_measured(home: Path, folder: Path) -> None:
    """Each file is one call of its own, and the table counts them all."""
    counts, result = survey(folder)
    assert counts == {"measure ran": len(MODULES), "summarise ran": 1}
    (text,) = result["outputs"].values()
    lines = sum(path.read_bytes().count(b"\n") for path in folder.iterdir())
    assert text.startswith(f"{len(MODULES)} modules, {lines:,} lines")


def test_a_second_run_measures_nothing(home: Path, folder: Path) -> None:
    """What did not change is taken from the cache, and the answer is the same."""
    _, first = survey(folder)
    counts, second = survey(folder)
    assert counts == {"measure cached": len(MODULES), "summarise cached": 1}
    assert second["outputs"] == first["outputs"]


def test_an_edited_file_is_the_only_one_measured_again(home: Path, folder: Path) -> None:
    """The content of a file decides, not its name and not its time."""
    survey(folder)
    for path in folder.iterdir():
        path.touch()
    with (folder / "heapq.py").open("a") as file:
        file.write("\n\ndef one_more():\n    return 1\n")
    counts, _ = survey(folder)
    assert counts == {"measure ran": 1, "measure cached": len(MODULES) - 1, "summarise ran": 1}


def test_the_page_of_the_example_is_written(home: Path, folder: Path) -> None:
    """`report=True` leaves a page that names every package."""
    survey(folder)
    (page,) = home.glob("runs/*/reports/*.html")
    assert "contextlib.ContextDecorator" in page.read_text() or "contextlib.ExitStack" in page.read_text()
