"""Programs of our own words, run by localflyte and by the flyte SDK: what comes out is the same, or differs as `differences` says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import module_from_spec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
PROGRAMS = sorted(path.stem for path in (HERE / "programs").glob("*.py") if path.stem != "cases")
THEIRS = os.environ.get("LOCALFLYTE_TEST_FLYTE_PYTHON")
WITHIN = 120  # seconds; the slowest program waits for the SDK's sleeps

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(not THEIRS, reason="LOCALFLYTE_TEST_FLYTE_PYTHON does not name an interpreter with flyte 2.12.1"),
]


def _differences() -> dict[tuple[str, str], Any]:
    spec = spec_from_file_location("parity_differences", HERE / "differences.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.DIFFERENCES


DIFFERENCES = _differences()


@cache
def results(program: str, engine: str, folder: str) -> dict[str, str]:
    """:return: what each case of a program gave, run once for all tests"""
    home = Path(folder, f"{program}-{engine}")
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")}
    env |= {"HOME": str(home), "TMPDIR": str(home), "FLYTE_DISABLE_SENTRY": "1", "PYTHONUTF8": "1"}
    path = str(HERE / "programs" / f"{program}.py")
    if engine == "ours":
        env |= {"LOCALFLYTE_HOME": str(home / "localflyte"), "PYTHONPATH": str(PROJECT), "LOCALFLYTE_IMAGE_POLICY": "host"}
        command = [sys.executable, "-m", "localflyte", path]
    else:
        assert THEIRS is not None
        command = [THEIRS, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=home, env=env, timeout=WITHIN, stdin=subprocess.DEVNULL)
    if "No module named 'pandas'" in done.stderr or "No module named 'pyarrow'" in done.stderr:
        pytest.skip(f"{program} needs pandas and pyarrow with both interpreters")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0 and lines, f"{engine} ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(lines[-1])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the programs of this session keep what they write."""
    return str(tmp_path_factory.mktemp("parity"))


@pytest.mark.parametrize("program", PROGRAMS)
def test_same(program: str, folder: str) -> None:
    """Every case gives the same under both, but for those that are listed as different."""
    ours, theirs = results(program, "ours", folder), results(program, "theirs", folder)
    assert list(ours) == list(theirs)
    different = {name: (theirs[name], ours[name]) for name in ours if ours[name] != theirs[name]}
    unlisted = {name: each for name, each in different.items() if (program, name) not in DIFFERENCES}
    assert not unlisted, "theirs, then ours:\n" + "\n".join(f"{name}\n  {a}\n  {b}" for name, (a, b) in unlisted.items())


@pytest.mark.parametrize(("program", "name"), sorted(DIFFERENCES))
def test_different(program: str, name: str, folder: str) -> None:
    """What is listed as different is so, and exactly as listed: a reason that has gone is taken out of the list."""
    listed = DIFFERENCES[program, name]
    got = results(program, "theirs", folder)[name], results(program, "ours", folder)[name]
    assert got == (listed.theirs, listed.ours), listed.why
