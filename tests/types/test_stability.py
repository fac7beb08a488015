"""What the cache key is made of is the same in every process, and what a worker imports is little."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PRINT_KEYS = """
from typing import Any, Optional
from localflyte.types.interface import Interface

def f(a: dict[str, int], b: set[str], c: Any, d: Optional[int], e: frozenset[tuple[int, str]]) -> tuple[set[str], int]: ...

interface = Interface.from_function(f, task="e.f")
values = {
    "a": {"x": 1, "y": 2},
    "b": {"p", "q", "r"},
    "c": {"s": {"u", "v", "w"}, "t": ({"z"},)},
    "d": None,
    "e": frozenset({(1, "a"), (2, "b")}),
}
print(interface.digest_line)
for name, packed in interface.encode_inputs(values, task="e.f", canonical=True).items():
    print(name, (packed.canonical or packed.data).hex())
"""

HEAVY = (
    "asyncio",
    "pathlib",
    "tempfile",
    "logging",
    "hashlib",
    "ssl",
    "threading",
    "subprocess",
    "concurrent",
    "random",
    "cloudpickle",
    "pydantic",
)


def run(code: str, **environment: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    ).stdout


def test_the_hash_seed_changes_nothing() -> None:
    assert len({run(PRINT_KEYS, PYTHONHASHSEED=seed) for seed in ("0", "1", "2", "3")}) == 1


@pytest.mark.parametrize("module", ["localflyte.types.interface", "localflyte.types.opaque", "localflyte.io.file", "localflyte.io.dir"])
def test_a_worker_loads_nothing_heavy(module: str) -> None:
    bare = set(run("import sys; print(*sys.modules)").split())
    loaded = set(run(f"import {module}, sys; print(*sys.modules)").split())
    assert {name.partition(".")[0] for name in loaded - bare} & set(HEAVY) == set()
