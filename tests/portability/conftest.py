"""What tests of portability share: a program that is written, imported and looked at."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from localflyte.portability.checks import check_run
from localflyte.portability.finding import Finding

Look = Callable[..., list[Finding]]


@pytest.fixture
def look(tmp_path: Path) -> Iterator[Look]:
    """Write modules, import ``main``, run some code as the program would, and look at the task of that module."""
    project = Project(tmp_path)

    def look_at(
        main: str, *, after: str = "", args: Any = (), kind: str = "", path: str = "", style: str = "loaded_modules", **others: str
    ) -> list[Finding]:
        modules: Mapping[str, str] = {"main": main, **{name.replace("_IN_", "/"): text for name, text in others.items()}}
        folder = project.write(modules)
        project.imported(folder, path)
        exec(after)
        root = str(folder / "root") if path else str(folder)
        found = check_run(sys.modules["main"].task, args, {}, root=root, copy_style=style)
        return [each for each in found if not kind or each.kind == kind]

    yield look_at
    project.forget()
