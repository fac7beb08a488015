"""A project of 200 modules with a function that reaches all of them, for what it costs to tell what a task's code is."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

__all__ = ("MODULES", "load_project")

MODULES = 200
PACKAGE = "benchproject"
WRITTEN = 1_700_000_000  # what changed a moment ago is not trusted to its times, and a project is mostly older

MODULE = '''\
"""Step {number} of the made project."""

from dataclasses import dataclass
from math import sqrt

{imports}

LIMIT = {number} + 10
NAMES = ("alpha", "beta", "step {number}")
WEIGHTS = {{"low": 0.25, "middle": {number} / 7, "high": 2.5}}
TABLE = [[1, 2, 3], [4, 5, {number}]]


@dataclass(frozen=True)
class Step:
    """What a step is told."""

    name: str
    weight: float = 1.0

    def scaled(self, by: float) -> float:
        """Scale its weight, within its limit."""
        if self.weight * by > LIMIT:
            return float(LIMIT)
        return self.weight * by

    def label(self) -> str:
        return f"{{self.name}} of {number}"


def pick(kind: str) -> Step:
    """Choose by kind."""
    weight = WEIGHTS.get(kind, 0.0)
    # what is not known counts as nothing
    return Step(kind, weight)


def rows(count: int) -> list[int]:
    found = []
    for index in range(count):
        for row in TABLE:
            found.append(sum(row) + index)
    return found


def mean(values: list[int]) -> float:
    if not values:
        return 0.0
    return sqrt(sum(value * value for value in values) / len(values))


def compute(count: int) -> float:
    """Do this step, and those below it."""
    step = pick(NAMES[count % 2])
    total = step.scaled(mean(rows(count % 5)))
    if step.label() in NAMES:
        total += 1
{calls}
    return total
'''


def load_project(*, anew: bool = False) -> Callable[..., Any]:
    """Write the project below the home directory, if it is not there, and import all of it.

    :param anew: write it in any case, with nothing that was compiled from it
    :return: the function that reaches every module
    """
    folder = Path(os.environ["HOME"]) / "project"
    package = folder / PACKAGE
    if anew:
        rmtree(folder, ignore_errors=True)
    if not package.is_dir():
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("", encoding="utf-8")
        for number in range(MODULES):
            below = [each for each in (2 * number + 1, 2 * number + 2) if each < MODULES]
            imports = "\n".join(f"from {PACKAGE} import step{each:03}" for each in below)
            calls = "\n".join(f"    total += step{each:03}.compute(count)" for each in below)
            text = MODULE.format(number=number, imports=imports, calls=calls)
            file = package / f"step{number:03}.py"
            file.write_text(text, encoding="utf-8")
            os.utime(file, (WRITTEN, WRITTEN))
    sys.path.insert(0, str(folder))
    function: Callable[..., Any] = import_module(f"{PACKAGE}.step000").compute
    assert sum(name.startswith(f"{PACKAGE}.step") for name in sys.modules) == MODULES
    return function
