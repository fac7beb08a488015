"""What the tests of images share: a docker that does as it is told, and Settings with a home of their own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localflyte.settings import Settings

FAKE = Path(__file__).with_name("fake_docker.py")


class FakeDocker:
    """The only program on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.order()
        self.calls_file.touch()
        for name in ("docker", "podman"):
            self.install(name)

    @property
    def calls_file(self) -> Path:
        return self.folder / "calls.jsonl"

    def install(self, name: str) -> None:
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {FAKE} "$@"\n')
        program.chmod(0o755)

    def remove(self, name: str) -> None:
        (self.folder / "bin" / name).unlink()

    def order(self, **orders: dict[str, Any]) -> None:
        """Say how commands go; ``image_ls`` is ``image ls``."""
        (self.folder / "orders.json").write_text(json.dumps({name.replace("_", " "): order for name, order in orders.items()}))

    def has(self, *names: str, user: str = "") -> None:
        kept = {
            name: {"Id": f"sha256:{number:064x}", "RepoTags": [name], "Config": {"Env": ["PATH=/bin"], "User": user, "Labels": {}}}
            for number, name in enumerate(names)
        }
        (self.folder / "images.json").write_text(json.dumps(kept))

    def calls(self, command: str = "") -> list[list[str]]:
        calls = [json.loads(line) for line in self.calls_file.read_text().splitlines()]
        return [call for call in calls if " ".join(call).startswith(command)]

    def built(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "built.json").read_text())
        return found


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    folder = tmp_path / "fake"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}/bin")
    monkeypatch.setenv("FAKE_DOCKER", str(folder))
    return FakeDocker(folder)


@pytest.fixture
def settings_with(tmp_path: Path) -> Callable[..., Settings]:
    def make(**values: Any) -> Settings:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return Settings(home=home, **values)

    return make
