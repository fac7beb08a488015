"""A folder seen under another path: by whatever Python opens, lists and asks with, and nothing else is changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEEN = "/etc/flyte/secrets"
HEAD = f"""
import sys
from localflyte.worker.mounts import mount, remove_folder
SEEN, REAL = {SEEN!r}, sys.argv[1]
mount({{SEEN: REAL}})  # before what a program imports: some of it keeps these functions under names of its own
import glob, io, os, pathlib, shutil, tempfile
"""


@pytest.fixture
def real(tmp_path: Path) -> Path:
    folder = tmp_path / "real"
    (folder / "GROUP").mkdir(parents=True)
    (folder / "GROUP" / "key").write_text("value")
    return folder


def run(code: str, real: Path) -> str:
    """Wrapping is for the life of a process, so it is done in one of its own."""
    done = subprocess.run([sys.executable, "-c", HEAD + code, str(real)], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('open(f"{SEEN}/GROUP/key").read()', "value"),
        ('open(file=f"{SEEN}/GROUP/key").read()', "value"),
        ('open(os.fsencode(f"{SEEN}/GROUP/key"), "rb").read()', "b'value'"),
        ('io.open(pathlib.Path(SEEN, "GROUP", "key")).read()', "value"),
        ('pathlib.Path(f"{SEEN}/GROUP/key").read_text()', "value"),
        ('pathlib.Path(f"{SEEN}/GROUP/KEY").read_text()', "value"),
        ('os.read(os.open(f"{SEEN}/GROUP/key", os.O_RDONLY), 9)', "b'value'"),
        ('os.stat(path=f"{SEEN}/GROUP/key").st_size', "5"),
        ('os.path.exists(f"{SEEN}/GROUP/key"), os.path.isfile(f"{SEEN}/GROUP/key"), os.path.isdir(SEEN)', "(True, True, True)"),
        ('pathlib.Path(f"{SEEN}/GROUP/key").exists(), pathlib.Path(SEEN).is_dir()', "(True, True)"),
        ('os.path.exists(f"{SEEN}/GROUP/other"), os.path.exists(f"{SEEN}s/GROUP/key")', "(False, False)"),
        ('os.access(f"{SEEN}/GROUP/key", os.R_OK)', "True"),
        ('os.listdir(SEEN), os.listdir(f"{SEEN}/GROUP/")', "(['GROUP'], ['key'])"),
        ('[path.name for path in pathlib.Path(SEEN).rglob("*")]', "['GROUP', 'key']"),
        ('glob.glob(f"{SEEN}/*/*")', f"['{SEEN}/GROUP/key']"),
        ("[names for _, _, names in os.walk(SEEN)]", "[[], ['key']]"),
        ('open(shutil.copy(f"{SEEN}/GROUP/key", tempfile.mkdtemp(dir=REAL))).read()', "value"),
    ],
)
def test_what_is_there_is_found(real: Path, expression: str, value: str) -> None:
    assert run(f"print(({expression}))", real) == value


def test_what_is_not_there_is_missed_under_the_name_that_was_asked_for(real: Path) -> None:
    code = "try:\n    open(f'{SEEN}/GROUP/other')\nexcept FileNotFoundError as error:\n    print(error.filename)"
    assert run(code, real) == f"{SEEN}/GROUP/other"


@pytest.mark.parametrize(
    "code",
    [
        "r, w = os.pipe(); open(w, 'wb').close(); assert open(r, 'rb').read() == b''",
        "assert os.listdir() == os.listdir('.')",
        "assert shutil.rmtree.avoids_symlink_attacks; shutil.rmtree(tempfile.mkdtemp(dir=REAL))",
        "assert open.__name__ == 'open' and 'file' in open.__doc__ and os.stat in os.supports_dir_fd",
        "try:\n    open(None)\nexcept TypeError: pass\nelse: raise AssertionError",
        "try:\n    open()\nexcept TypeError: pass\nelse: raise AssertionError",
        "import importlib, json.tool",
        "with tempfile.TemporaryDirectory(dir=REAL) as folder: open(folder + '/x', 'w').close()",
    ],
)
def test_everything_else_is_as_ever(real: Path, code: str) -> None:
    run(code, real)


def test_a_folder_is_removed_with_all_that_is_in_it(real: Path) -> None:
    run("remove_folder(REAL)", real)
    assert not real.exists()
