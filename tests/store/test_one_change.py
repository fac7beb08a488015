"""One change at a time to a project that was run: whether it is run again, and what of it is named as having changed, by the
components of its key and in the words of the run.

Each case is run for real, in interpreters of its own, against the store that the unchanged project filled.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROJECT = {
    "main.py": '''
import brought
import localflyte as flyte
import settings
from helpers import helper
from helpers import make_adder
from localflyte.io import File

env = flyte.TaskEnvironment(name="env", image="auto")
RATE = 3
add = make_adder(1)


def shifted(x: int, by: int = 1) -> int:
    return x + by


class Box:
    """A box."""

    side = 2

    def size(self) -> int:
        """Its size."""
        return self.side * 1


@env.task
def unrelated(x: int) -> int:
    return x


@env.task(cache=flyte.Cache(behavior="auto", salt="", ignored_inputs=("marks", "label")), retries=0)
def task(x: int, file: File, marks: str, label: str = "a", more: int = 5) -> int:
    """Work."""
    with open(marks, "a", encoding="utf-8") as noted:
        noted.write("x")
    with open(file.path, encoding="utf-8") as opened:
        size = len(opened.read())
    return helper(x) + add(x) + shifted(x) + Box().size() + RATE + settings.LIMIT + brought.number() + size + more
''',
    "helpers.py": """
def deep(x: int) -> int:
    return x * 1


def helper(x: int) -> int:
    return deep(x) + 1


def make_adder(n):
    def adder(x: int) -> int:
        return x + n

    return adder
""",
    "settings.py": "LIMIT = 10\nOTHER = 20\n",
    "input.txt": "content",
    "site-packages/brought.py": "def number():\n    return 1\n",
    "site-packages/brought-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n",
    "ask.py": """
import json
import os
import sys

sys.path.append(os.path.abspath("site-packages"))

import main
import localflyte as flyte
from localflyte.api.resolve import invocation_for
from localflyte.io import File
from localflyte.store.content import Contents
from localflyte.store.keys import make_key

marks, x, label = sys.argv[1:]
inputs = {"x": int(x), "marks": marks, "label": label}


reasons = []


def listen(event):
    if event.kind == "action.miss":
        reasons.append(event.data["why"])


def runs(**more):
    before = os.path.getsize(marks)
    flyte.with_runcontext(explain=True, sinks=[listen]).run(main.task, **inputs, **more)
    return os.path.getsize(marks) - before


said = {"ran": runs(file=File("input.txt")), "ran_with_given_hash": runs(file=File("input.txt", hash="mine"))}
invocation = invocation_for(main.task, (), {**inputs, "file": File("input.txt")})
parts = {**make_key(invocation, Contents()).parts, **invocation.plan.cache.parts}
print(json.dumps({**said, "why": reasons, "parts": {name: part for name, part in parts.items() if name != "version"}}))
""",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One change, and what is expected of it."""

    file: str = "main.py"
    old: str = ""
    new: str = ""
    named: tuple[str, ...] = ()
    """The components that differ; none means that the result is found."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)


CASES: dict[str, Case] = {
    "nothing": Case(),
    # What counts
    "body": Case(old="+ size + more", new="+ size - more", named=("function main.task",)),
    "helper": Case("helpers.py", "deep(x) + 1", "deep(x) + 2", named=("function helpers.helper",)),
    "helper of a helper": Case("helpers.py", "x * 1", "x * 2", named=("function helpers.deep",)),
    "constant": Case(old="RATE = 3", new="RATE = 4", named=("constant main.RATE",)),
    "constant of an imported module": Case("settings.py", "LIMIT = 10", "LIMIT = 11", named=("constant settings.LIMIT",)),
    "closure": Case(old="make_adder(1)", new="make_adder(2)", named=("closure n of helpers.make_adder.<locals>.adder",)),
    "function of a closure": Case("helpers.py", "x + n", "x - n", named=("function helpers.make_adder.<locals>.adder",)),
    "default argument of a helper": Case(old="by: int = 1", new="by: int = 2", named=("default by of main.shifted",)),
    "default argument of the task": Case(old="more: int = 5", new="more: int = 6", named=("default more of main.task", "input:more")),
    "class method": Case(old="self.side * 1", new="self.side * 2", named=("method main.Box.size",)),
    "class attribute": Case(old="side = 2", new="side = 3", named=("class main.Box",)),
    "distribution version": Case(
        "site-packages/brought-1.0.dist-info/METADATA", "Version: 1.0", "Version: 1.1", named=("package brought",),
        renamed={"site-packages/brought-1.0.dist-info": "site-packages/brought-1.1.dist-info"},
    ),
    "file content": Case("input.txt", "content", "contents", named=("input:file",)),
    "argument": Case(arguments={"x": "8"}, named=("input:x",)),
    "salt": Case(old='salt=""', new='salt="new"', named=("salt",)),
    "image": Case(old='image="auto"', new='image="python:3.9"', named=("image",)),
    "type of an input": Case(old="x: int, file", new="x: float | int, file", named=("interface", "function main.task")),
    # What does not
    "comment": Case(old="    return x + by", new="    # why\n    return x + by  # so"),
    "docstring of the task": Case(old='"""Work."""', new='"""Work hard."""'),
    "docstring of a class": Case(old='"""A box."""', new='"""A larger box."""'),
    "docstring of a method": Case(old='"""Its size."""', new="'''How large\n        it is.'''"),
    "decorator setting": Case(old="retries=0", new="retries=2, short_name='other', timeout=60"),
    "whitespace": Case("helpers.py", "deep(x) + 1", "(\n        deep( x )\n        + 1\n    )"),
    "moved lines": Case("helpers.py", "\ndef deep", "\n\n\n\n\ndef deep"),
    "unrelated task": Case(old="def unrelated(x: int) -> int:\n    return x", new="def unrelated(x: int) -> int:\n    return -x"),
    "unrelated constant": Case("settings.py", "OTHER = 20", "OTHER = 21"),
    "installed source": Case("site-packages/brought.py", "return 1", "return 2"),
    "ignored input": Case(arguments={"label": "b"}),
    "hash seed": Case(environment={"PYTHONHASHSEED": "77"}),
    "environment variable": Case(environment={"TZ": "Asia/Tokyo"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("one-change")


@pytest.fixture(scope="module")
def unchanged(workplace: Path) -> dict[str, Any]:
    """What was said when the project was run for the first time."""
    said = ask(workplace, "before", Case())
    assert (said["ran"], said["ran_with_given_hash"]) == (1, 1)
    return said


def ask(workplace: Path, name: str, case: Case) -> dict[str, Any]:
    """Run a copy of the project in which one thing was changed."""
    folder = workplace / name.replace(" ", "-")
    for file, text in PROJECT.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    if case.old:
        text = PROJECT[case.file]
        assert text.count(case.old) == 1, "the change must be one"
        (folder / case.file).write_text(text.replace(case.old, case.new))
    for old, new in case.renamed.items():
        (folder / old).rename(folder / new)
    (folder / "marks").write_text("")
    arguments = {"x": "7", "label": "a", **case.arguments}
    done = subprocess.run(
        [sys.executable, "ask.py", str(folder / "marks"), arguments["x"], arguments["label"]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "LOCALFLYTE_HOME": str(workplace / "home"), **case.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    shutil.rmtree(folder)
    return said


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> set[str]:
    return {name for name in {*first, *second} if first.get(name) != second.get(name)}


@pytest.mark.parametrize("name", CASES)
def test_one_change(workplace: Path, unchanged: dict[str, Any], name: str) -> None:
    """Test that what changes the result is computed anew, with the reason, and that nothing else is."""
    case = CASES[name]
    said = ask(workplace, name, case)
    assert differing(unchanged["parts"], said["parts"]) == set(case.named)
    assert said["ran"] == (1 if case.named else 0)
    told = said["why"][0] if said["ran"] else ""
    assert told.count(" changed") + told.count(" differs") + told.count(" is new") == len(case.named)
    for part in case.named:
        assert part.replace("input:", "input ") in told


def test_a_hash_of_ones_own_stands_for_the_content(workplace: Path, unchanged: dict[str, Any]) -> None:
    """Test that a file with an explicit hash is found by that, whatever is in it."""
    said = ask(workplace, "given", CASES["file content"])
    assert (said["ran_with_given_hash"], unchanged["ran_with_given_hash"]) == (0, 1)
