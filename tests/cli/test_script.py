"""``python -m localflyte``: a script as ``__main__``, or the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*args: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    import os

    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
    return subprocess.run(
        [sys.executable, "-m", "localflyte", *args], cwd=cwd, env=surroundings, capture_output=True, text=True, check=False
    )


def test_a_script_sees_what_python_would_show_it(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / "beside.py").write_text("VALUE = 7\n")
    script = folder / "program.py"
    script.write_text(
        "import sys, beside, __main__\nprint(__name__, sys.argv, sys.path[0], __file__, beside.VALUE, __main__.beside is beside)\n"
    )
    done = run("inside/program.py", "--flag", "x", cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == f"__main__ ['inside/program.py', '--flag', 'x'] {folder} {script} 7 True\n"
    assert done.returncode == 0


def test_flyte_means_localflyte_in_a_script(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import flyte, flyte.errors\nimport localflyte\nprint(flyte is localflyte)\n")
    assert run("program.py", cwd=tmp_path).stdout == "True\n"


def test_a_script_is_not_changed_by_how_we_are_written(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("def f(x: int) -> None: ...\nprint(f.__annotations__['x'])\n")
    assert run("program.py", cwd=tmp_path).stdout == "<class 'int'>\n"


def test_the_exit_code_of_a_script_is_kept(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("raise SystemExit(7)\n")
    assert run("program.py", cwd=tmp_path).returncode == 7


def test_a_failing_script_shows_its_own_frames_only(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("def f():\n    raise ValueError('no')\nf()\n")
    done = run("program.py", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("ValueError: no\n")
    assert done.stderr.count("  File ") == 2
    assert "localflyte" not in done.stderr


def test_a_script_with_a_syntax_error_shows_the_line(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("def (:\n")
    done = run("program.py", cwd=tmp_path)
    assert done.returncode == 1
    assert "def (:" in done.stderr
    assert "localflyte" not in done.stderr


def test_a_file_called_like_a_command_is_a_script(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("print('script')\n")
    assert run("run", cwd=tmp_path).stdout == "script\n"


def test_a_command_is_a_command_where_no_such_file_is(tmp_path: Path) -> None:
    done = run("run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("localflyte: say which file and which task")


def test_a_missing_script_is_one_line(tmp_path: Path) -> None:
    done = run("nothing.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "localflyte: there is no file 'nothing.py', and no such command either\n"


def test_a_script_does_not_pay_for_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("import sys\nprint('click' in sys.modules, 'rich' in sys.modules)\n")
    assert run("program.py", cwd=tmp_path).stdout == "False False\n"
