"""Tasks run wherever their modules lie: in a package below a folder of sources, and where no import finds them at all."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import localflyte as flyte

HELPER = """
import pathlib
import flyte

env = flyte.TaskEnvironment("helper", include=("../../data/*.txt",))

@env.task
async def length(name: str) -> int:
    return len((pathlib.Path(__file__).parents[2] / "data" / name).read_text())
"""

MAIN = """
import flyte
from pkg import helper

env = flyte.TaskEnvironment("main", depends_on=[helper.env])

@env.task
async def main(name: str = "a.txt") -> int:
    return await helper.length(name)

if __name__ == "__main__":
    flyte.init_from_config(root_dir=__file__.rpartition("/pkg/")[0])
    print(flyte.run(main).outputs()[0])
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A project whose package lies below a folder of its own, beside its data."""
    for name, text in {"src/pkg/__init__.py": "", "src/pkg/helper.py": HELPER, "src/pkg/deep/main.py": MAIN, "data/a.txt": "abc"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def run(sources: Path, home: Path, *args: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "localflyte", *args],
        cwd=sources,
        env={**os.environ, "LOCALFLYTE_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2]), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_package_below_a_folder_of_sources(sources: Path, home: Path) -> None:
    assert "o0     3" in run(sources, home, "run", "--root-dir", "src", "src/pkg/deep/main.py", "main")


def test_the_same_as_a_script(sources: Path, home: Path) -> None:
    path = os.pathsep.join([str(sources / "src"), str(Path(__file__).parents[2])])
    assert run(sources, home, "src/pkg/deep/main.py", PYTHONPATH=path) == "3\n"


TASKS = """
import dataclasses
import localflyte as flyte

env = flyte.TaskEnvironment("elsewhere")

@dataclasses.dataclass
class Point:
    x: int

@env.task
async def double(point: Point) -> Point:
    return Point(2 * point.x)

@env.task
async def main(x: int) -> int:
    return (await double(Point(x))).x
"""


def load(name: str, path: Path) -> ModuleType:
    """Load a file under a name, as test runners do."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Any]:
    """Loads the tasks under a name that an import does not find, or finds something else under."""
    path = tmp_path / "tasks.py"
    path.write_text(TASKS)
    names: list[str] = []

    def make(name: str) -> ModuleType:
        names.append(name)
        return load(name, path)

    yield make
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["nowhere.of.tasks", "json.tasks", "tasks"])
def test_a_module_that_was_loaded_from_its_path(elsewhere: Any, home: Path, name: str) -> None:
    module = elsewhere(name)
    assert flyte.run(module.main, 4).outputs()[0] == 8
    assert flyte.run(module.double, module.Point(3)).outputs()[0].x == 6
