"""Layout: the scratch copies of the examples that each interpreter runs in, laid out as an installed project would be.

Some examples are projects with a `src` folder, which `uv sync` installs. Nothing is installed here: the folders are put on the
path of both interpreters, with the entry points that an installation would write.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

__all__ = ("copy", "roots")

#: Programs whose project depends on one that lies beside it.
WITH_SIBLINGS = ("published-library/", "type_transformers/")


def copy(checkout: Path, given: Path, scratch: Path) -> dict[str, Path]:
    """Copy the examples once for each interpreter.

    :param given: what is laid over the copy that localflyte runs in
    :return: the examples folder of ``ours`` and of ``theirs``
    """
    copies = {}
    for engine in ("ours", "theirs"):
        copies[engine] = scratch / engine / "examples"
        shutil.copytree(checkout / "examples", copies[engine], symlinks=True)
        for project in copies[engine].rglob("pyproject.toml"):
            _write_entry_points(project)
    shutil.copytree(given, copies["ours"], dirs_exist_ok=True)
    return copies


def roots(examples: Path, name: str) -> list[str]:
    """:return: the folders that an installation of the program's project makes importable; a program that lies alone has none"""
    folders = Path(name).parts[:-1]
    if name.startswith(WITH_SIBLINGS):
        project = examples / folders[0]
    elif len(folders) > 1:
        project = examples / folders[0] / folders[1]
    else:
        return []
    return [*sorted(str(path) for path in project.rglob("src") if path.is_dir()), str(project)]


def _write_entry_points(project: Path) -> None:
    said = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
    groups = said.get("entry-points")
    if not groups or not (project.parent / "src").is_dir():
        return
    installed = project.parent / "src" / f"{said['name']}-{said['version']}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {said['name']}\nVersion: {said['version']}\n", encoding="utf-8")
    lines = [line for group, points in groups.items() for line in (f"[{group}]", *(f"{name} = {at}" for name, at in points.items()))]
    (installed / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
