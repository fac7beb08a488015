"""The config of a plugin is read from a file: nested classes, and everything that is wrong with it by name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import Optional

import pytest

import localflyte as flyte


@dataclass
class Worker:
    group: str
    replicas: int = 1
    limits: dict[str, int] = field(default_factory=dict)


@dataclass
class Head:
    cores: int


@dataclass
class Config:
    workers: list[Worker]
    head: Optional[Head] = None
    by_name: dict[str, Worker] | None = None
    either: Head | Worker | str | None = None
    env: dict[str, str] | None = None
    extra: Any = None
    enabled: bool = False


def load(folder: Path, text: str) -> Any:
    pytest.importorskip("yaml")
    (folder / "plugin.yaml").write_text(text.replace("HERE", __name__))
    return flyte.load_plugin_config(folder / "plugin.yaml")


def test_a_config_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, "plugin: HERE.Config\nconfig:\n  workers: []\n  enabled: true\n") == Config([], enabled=True)
    assert load(tmp_path, "plugin: HERE.Head\nconfig: {cores: 2}\n") == Head(2)


def test_nested_classes_are_made_of_what_is_nested(tmp_path: Path) -> None:
    text = """
plugin: HERE.Config
config:
  workers:
    - {group: a, replicas: 2}
    - {group: b, limits: {gpu: 1}}
  head: {cores: 4}
  by_name: {c: {group: c}}
  env: {pip: requests}
  extra: {group: not a worker}
"""
    workers = [Worker("a", 2), Worker("b", limits={"gpu": 1})]
    expected = Config(workers, Head(4), {"c": Worker("c")}, env={"pip": "requests"}, extra={"group": "not a worker"})
    assert load(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("written", "made"), [("{cores: 1}", Head(1)), ("{group: a}", Worker("a")), ("text", "text"), ("null", None), ("[1]", [1])]
)
def test_of_several_types_the_one_that_fits_is_made(tmp_path: Path, written: str, made: object) -> None:
    assert load(tmp_path, f"plugin: HERE.Config\nconfig: {{workers: [], either: {written}}}\n").either == made


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("config: {a: 1}\n", ValueError, "top-level 'plugin' key"),
        ("- a\n", ValueError, "top-level 'plugin' key"),
        ("", ValueError, "top-level 'plugin' key"),
        ("plugin: HERE.Config\nconfig: [1]\n", ValueError, "'config' must name fields"),
        ("plugin: nowhere.at.All\n", ValueError, "Could not load plugin config class 'nowhere.at.All'"),
        ("plugin: HERE.Missing\n", ValueError, "Could not load plugin config class"),
        ("plugin: Alone\n", ValueError, "Could not load plugin config class"),
        ("plugin: .relative.Config\n", ValueError, "Could not load plugin config class"),
        ("plugin: [a\n", ValueError, r"plugin\.yaml is no YAML: while parsing"),
        ("plugin: HERE.load\n", ValueError, "is not a dataclass"),
        ("plugin: builtins.dict\n", ValueError, "is not a dataclass"),
        ("plugin: HERE.Head\nconfig: {cors: 1}\n", ValueError, "Unknown field 'cors' of Head; its fields are cores"),
        ("plugin: HERE.Config\nconfig: {workers: [{x: 1}]}\n", ValueError, "Unknown field 'x' of Worker"),
        ("plugin: HERE.Head\n", TypeError, "cores"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    with pytest.raises(FileNotFoundError, match="gone"):
        flyte.load_plugin_config(tmp_path / "gone.yaml")


def test_without_yaml_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ImportError, match="pip install pyyaml"):
        flyte.load_plugin_config("plugin.yaml")
