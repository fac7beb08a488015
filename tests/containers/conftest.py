"""What the tests of containers share: a docker whose containers are processes, the real engine, and a package for environments."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engines import started_engine
from images.wheels import make_wheel

from localflyte.runs.lives import my_life

END_WITHIN = 5.0  # seconds that an engine may take to have removed what has ended
BOXED = Path(__file__).with_name("boxed_docker.py")


class BoxedDocker:
    """The only container engines on the PATH, and no real ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.order()
        (folder / "bin").mkdir(parents=True)
        for name in ("docker", "podman"):
            program = folder / "bin" / name
            program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {BOXED} {name} "$@"\n')
            program.chmod(0o755)

    def order(self, **orders: dict[str, Any]) -> None:
        """Say how commands go."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "orders.json").write_text(json.dumps(orders))

    def calls(self, command: str) -> list[list[str]]:
        calls = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        return [call for call in calls if call[0] == command]

    def running(self) -> list[int]:
        return [int(path.read_text().split()[0]) for path in self.folder.glob("*.pid")]


@pytest.fixture
def boxed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BoxedDocker:
    folder = tmp_path / "boxed"
    folder.mkdir()
    monkeypatch.setenv("BOXED_DOCKER", str(folder))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOCALFLYTE_CONTAINER_ENGINE", "docker")
    monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "auto")
    return BoxedDocker(folder)


@pytest.fixture
def engine(engine_name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The program of a real engine; what a test leaves running in it fails that test."""
    program = started_engine(engine_name)
    monkeypatch.setenv("LOCALFLYTE_CONTAINER_ENGINE", engine_name)
    monkeypatch.setenv("LOCALFLYTE_CONTAINER_NETWORK", "none")
    monkeypatch.setenv("LOCALFLYTE_BUILD_NETWORK", "none")
    monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "auto")
    yield program
    from localflyte.engine.thread import close_engine

    close_engine()
    give_up = time.monotonic() + END_WITHIN
    while ours(program) and time.monotonic() < give_up:
        pass
    assert not ours(program)


def ours(program: str) -> set[str]:
    """:return: the containers that this process has started and that are still there"""
    label = f"label=localflyte.engine={my_life()}"
    listed = subprocess.run([program, "ps", "--all", "--quiet", "--filter", label], capture_output=True, text=True, check=True)
    return set(listed.stdout.split())


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that this interpreter does not have, found without a network by what makes environments."""
    make_wheel(tmp_path / "wheels", "sample_of_contract", text="ANSWER = 42\n")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("LOCALFLYTE_IMAGE_POLICY", "venv")
