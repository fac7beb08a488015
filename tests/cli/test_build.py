"""``localflyte build``: one line for each image of a file says what it came to; what cannot be had is said, and is the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from localflyte.api import registry
from localflyte.cli import main

Build = Callable[..., tuple[int, str, str]]

PROGRAM = """
import flyte

plain = flyte.TaskEnvironment("plain")
packages = flyte.Image.from_debian_base(name="demo", registry="ghcr.io/team").with_pip_packages("some")
one = flyte.TaskEnvironment("one", image=packages)
two = flyte.TaskEnvironment("two", image=packages)
named = flyte.TaskEnvironment("named", image=flyte.Image.from_ref_name("mine"))

@plain.task
def a() -> int:
    return 1

@one.task
def b() -> int:
    return 1

@two.task
def c() -> int:
    return 1

@two.task
def c2() -> int:
    return 1

@named.task
def d() -> int:
    return 1
"""
DOCKER = """#!/bin/sh
case "$1 $2" in
    "version "*) echo 24.0.7 ;;
    "info "*) echo "8 []" ;;
    "image inspect") echo '[{"Id": "sha256:1", "Config": {}}]' ;;
    "build "*) echo "Step 1/1 : FROM x" ;;
esac
"""


@pytest.fixture
def build(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Build:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").write_text(DOCKER)
    (tmp_path / "bin" / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/bin")
    monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "auto")

    def run(*arguments: str, text: str = PROGRAM) -> tuple[int, str, str]:
        (tmp_path / "to_build.py").write_text(text)
        code = main(["build", *arguments])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def test_each_image_has_a_line(build: Build) -> None:
    code, out, err = build("--image", "mine=team/x:1", "--push-dry-run", "to_build.py")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "plain: this interpreter (nothing to do)"
    assert lines[1] == "  nothing would be pushed: it is not built"
    assert lines[2].startswith("one, two: the docker image localflyte/demo:")
    assert "(made in " in lines[2]
    assert lines[3].startswith("  would be pushed to ghcr.io/team/demo:")
    assert lines[3].endswith(", for linux/amd64, linux/arm64")
    assert lines[4] == "named: the docker image team/x:1 (nothing to do)"
    assert "building the image demo with docker" in err


def test_only_what_is_named(build: Build) -> None:
    assert build("to_build.py", "plain")[:2] == (0, "plain: this interpreter (nothing to do)\n")
    text = PROGRAM.replace(', registry="ghcr.io/team"', "")
    assert "nothing could be pushed: it has no registry= to go to" in build("--push-dry-run", "to_build.py", "one", text=text)[1]


@pytest.fixture
def folder(build: Build, tmp_path: Path) -> Iterator[Build]:
    """A folder of programs, one below it, and one that cannot be loaded."""
    (tmp_path / "many" / "below").mkdir(parents=True)
    for place, name in (("many/imported_env", "shared"), ("many/below/deep", "deep")):
        text = f'import flyte\nenv = flyte.TaskEnvironment("{name}")\n@env.task\ndef work() -> None: ...\n'
        (tmp_path / f"{place}.py").write_text(text)
    (tmp_path / "many" / "main.py").write_text("from many.imported_env import env as _\n")
    known = list(registry.environments())
    registry.environments().clear()
    yield build
    registry.environments()[:0] = known
    for name in [name for name in sys.modules if name.partition(".")[0] == "many"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("arguments", "environments"),
    [
        (["--all", "many/main.py"], ["shared"]),
        (["--all", "many"], ["shared"]),
        (["-r", "many", "--copy-style", "all"], ["shared, deep"]),
        (["--all", "-r", "many", "deep"], ["deep"]),
    ],
)
def test_all_builds_for_every_environment(folder: Build, arguments: list[str], environments: list[str]) -> None:
    code, out, _ = folder(*arguments)
    assert (code, [line.partition(":")[0] for line in out.splitlines()]) == (0, environments)


def test_a_file_that_cannot_be_loaded_ends_it_or_is_left_out(folder: Build, tmp_path: Path) -> None:
    (tmp_path / "many" / "broken.py").write_text("1 / 0\n")
    code, out, err = folder("--all", "many")
    assert (code, out) == (1, "")
    assert "1 of 3 files could not be loaded: many/broken.py; --ignore-load-errors goes on without them" in err
    code, out, err = folder("--all", "--ignore-load-errors", "many")
    assert (code, "many/broken.py could not be loaded: ZeroDivisionError" in err) == (0, True)


def test_what_cannot_be_had_is_said_and_the_rest_is_made(build: Build) -> None:
    code, out, err = build("to_build.py")
    assert code == 1
    assert "named: Image.from_ref_name('mine') names no image" in err
    assert out.startswith("plain: this interpreter")


def test_a_notice_is_said(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "host")
    code, out, err = build("to_build.py", "one")
    assert (code, out) == (0, "one: this interpreter (nothing to do)\n")
    assert "images are not honoured" in err


def test_no_task_no_image(build: Build) -> None:
    code, out, err = build("to_build.py", text="import flyte\n")
    assert (code, out) == (0, "")
    assert "to_build.py has no task" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["to_build.py", "nope"], "there is no environment 'nope'"),
        (["--image", "mine=-v/:/host", "to_build.py"], "--image mine=URI needs the URI of an image"),
        (["nowhere.py"], "there is no file 'nowhere.py'"),
        (["--copy-style", "bogus", "to_build.py"], "'bogus' is not one of 'loaded_modules', 'all', 'none'"),
    ],
)
def test_a_wrong_command(build: Build, arguments: list[str], message: str) -> None:
    code, _, err = build(*arguments)
    assert (code, message in err) == (2, True)
