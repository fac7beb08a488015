"""Inputs of containers: what their folder holds, and what is mounted into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from localflyte.extras import inputs as module
from localflyte.extras.inputs import Inputs
from localflyte.extras.inputs import Mount
from localflyte.io import Dir
from localflyte.io import File


def put(folder: Path, values: dict[str, Any], metadata: str = "JSON", *, named: bool = False) -> list[Mount]:
    folder.mkdir()
    inputs = Inputs(str(folder), "/in", named=named)
    inputs.put(values, metadata)
    return inputs.mounts


def test_values_are_files_of_their_name_and_one_tells_of_all(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    assert put(folder, {"a": 1, "b": True, "c": "é", "d": [1], "e": None, "f": {1}}) == []
    assert {path.name: path.read_text() for path in folder.iterdir() if path.name != "inputs.json"} == {
        "a": "1",
        "b": "true",
        "c": "é",
        "d": "[1]",
    }
    told = {"a": 1, "b": True, "c": "é", "d": [1], "e": None, "f": "{1}"}
    assert json.loads((folder / "inputs.json").read_text()) == told


@pytest.mark.parametrize(("metadata", "names"), [("YAML", ["a", "inputs.yaml"]), ("PROTO", ["a"])])
def test_the_form_of_what_tells_of_all(tmp_path: Path, metadata: str, names: list[str]) -> None:
    put(tmp_path / "in", {"a": 1}, metadata)
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == names


def test_an_input_of_that_name_wins(tmp_path: Path) -> None:
    put(tmp_path / "in", {"inputs.json": "mine"})
    assert (tmp_path / "in" / "inputs.json").read_text() == "mine"


def test_files_are_mounted_one_by_one_and_have_names_that_differ(tmp_path: Path) -> None:
    source = tmp_path / "x.txt"
    source.touch()
    file = File(str(source))
    assert put(tmp_path / "plain", {"one": file, "many": [file, file]}) == [
        Mount(str(source), target, readonly=True) for target in ("/in/one", "/in/many/0", "/in/many/1")
    ]
    mounts = put(tmp_path / "named", {"one": file, "many": [file, file]}, named=True)
    assert [mount.target for mount in mounts] == ["/in/one/x.txt", "/in/many/x.txt", "/in/many/1_x.txt"]


@pytest.mark.parametrize(("value", "what"), [(File("/no/such"), "file"), (Dir("/no/such"), "folder"), (File("/"), "file")])
def test_what_is_gone_is_named(tmp_path: Path, value: Any, what: str) -> None:
    with pytest.raises(FileNotFoundError, match=f"the input 'src' is .*, and there is no such {what}"):
        put(tmp_path / "in", {"src": value})


def test_an_empty_folder_is_one_there_too(tmp_path: Path) -> None:
    assert put(tmp_path / "in", {"src": Dir.empty()}) == []
    assert (tmp_path / "in" / "src").is_dir()


def test_what_is_too_much_for_a_command_line_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_MOUNTS", 1)
    (tmp_path / "x").write_text("x")
    assert len(put(tmp_path / "in", {"many": [File(str(tmp_path / "x"))] * 3})) == 1
    assert (tmp_path / "in" / "many" / "2").read_text() == "x"
