"""What the tests of container tasks share: a docker whose containers are commands of this machine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

PLAIN = Path(__file__).with_name("plain_docker.py")


class PlainDocker:
    """The container engine that is found, and no real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "bin" / "docker"
        self.program.parent.mkdir(parents=True)
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {PLAIN} {folder} "$@"\n')
        self.program.chmod(0o755)
        (folder / "calls.jsonl").touch()
        self.order()

    def order(self, **orders: dict[str, Any]) -> None:
        """Say how commands go."""
        (self.folder / "orders.json").write_text(json.dumps(orders))

    def calls(self, command: str) -> list[list[str]]:
        calls = [json.loads(line) for line in (self.folder / "calls.jsonl").read_text().splitlines()]
        return [call for call in calls if call[0] == command]

    def left(self) -> list[str]:
        """:return: the names of the containers that there are"""
        return [path.stem for path in self.folder.glob("localflyte-*.json")]


@pytest.fixture
def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlainDocker:
    docker = PlainDocker(tmp_path / "plain")
    monkeypatch.setenv("PATH", f"{docker.program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOCALFLYTE_CONTAINER_ENGINE", "docker")
    return docker
