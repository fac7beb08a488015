"""Wants: the Python packages that a recipe asks for, layer by layer, put together for one resolution."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from localflyte.errors import ImageBuildError
from localflyte.images.dockerfile import extra_arguments
from localflyte.images.projects import project_requirements
from localflyte.images.projects import script_header
from localflyte.images.projects import script_requirements
from localflyte.images.recipe import Recipe
from localflyte.images.uv import index_variables
from localflyte.images.uv import masked
from localflyte.spec.digest import sha256
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import adds
from localflyte.spec.image_layers import content_digest
from localflyte.spec.image_layers import ignore_of
from localflyte.spec.image_layers import ignored_by

__all__ = ("Wants", "read_wants")

_INCLUDE = re.compile(r"(?m)^[ \t]*(?:-r|-c|--requirement|--constraint)[ =]*(\S+)")
_SOURCE = re.compile(r"(?m)^[ \t]*(-i|--index-url|--extra-index-url|-f|--find-links|--no-index)\b[ =]*([^\n#]*)")
OF_INDEX = frozenset(("pip", "requirements", "wheels", "uv_script", "uv_project"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What is to be installed."""

    lines: tuple[str, ...] = field(repr=False)
    """Of a requirements file."""
    sources: tuple[str, ...] = field(repr=False)
    """The lines that say where packages are found, of files that say so themselves."""
    arguments: tuple[str, ...] = field(repr=False)
    """For uv, beside that."""
    env: dict[str, str] = field(repr=False)
    """For uv: the indexes."""
    projects: tuple[str, ...]
    """Folders whose project is installed itself, without what it depends on."""
    content: tuple[str, ...]
    """Digests of what lies on this machine and is named by its place."""

    @property
    def key(self) -> str:
        """A digest of all of it; passwords take no part."""
        parts: list[Any] = [*map(masked, self.lines), *map(masked, self.arguments), self.env_without_passwords, self.content]
        return sha256(json.dumps(parts, sort_keys=True).encode("utf-8", "surrogateescape"))

    @property
    def env_without_passwords(self) -> dict[str, str]:
        return {name: masked(value) for name, value in self.env.items()}


async def read_wants(recipe: Recipe, home: Path) -> Wants:
    """Read what the layers of a recipe ask for.

    :param home: the folder of localflyte
    :raises ImageBuildError: if a file of them cannot be used
    """
    recipe.check_files()
    layers = [layer for layer in recipe.layers if layer.kind in OF_INDEX and adds(layer)]
    lines: list[str] = []
    arguments: list[str] = []
    projects: list[str] = []
    content: list[str] = []
    sources: list[str] = []
    for layer in layers:
        own = await _lines(layer, home)
        lines += own
        if layer.kind == "requirements":
            sources += [line for path in _included(Path(layer.get("file"))) for line in _sources(path)]
        if layer.kind == "uv_project":
            sources += [line for line in own if _SOURCE.match(line)]
        if layer.get("pre"):
            arguments += ["--prerelease", "allow"]
        if layer.kind != "uv_project":
            arguments += extra_arguments(layer)
        if layer.kind == "uv_script":
            arguments += _of_script(layer)
        if layer.kind == "wheels":
            arguments += ["--find-links", layer.get("wheel_dir")]
            content.append(content_digest(layer.get("wheel_dir")))
        if layer.get("project_install_mode") == "install_project":
            projects.append(str(Path(layer.get("pyproject")).parent))
            content.append(content_digest(projects[-1], ignore_of(projects[-1], ignored_by(recipe.layers))))
    return Wants(
        lines=tuple(lines),
        sources=tuple(dict.fromkeys(sources)),
        arguments=tuple(arguments),
        env=index_variables(layers),
        projects=tuple(projects),
        content=tuple(content),
    )


async def _lines(layer: Layer, home: Path) -> list[str]:
    match layer.kind:
        case "pip":
            return [_requirement(each) for each in layer.get("packages")]
        case "requirements":
            # By its place, so that what it includes is found; its text, so that it counts.
            return [f"-r {layer.get('file')}", *(f"# {content_digest(str(path))}" for path in _included(Path(layer.get("file"))))]
        case "wheels":
            return [_wheel(layer)]
        case "uv_script":
            return script_requirements(layer.get("script"), local_files=True)
        case _:
            return (await project_requirements(layer, home)).splitlines()


def _requirement(text: str) -> str:
    """:return: a package as a line, and nothing that a line could be beside"""
    if "\n" in text or "\r" in text or text.lstrip().startswith("-"):
        raise ImageBuildError(f"with_pip_packages: {text!r} is no package; options belong into extra_args=")
    return text


def _wheel(layer: Layer) -> str:
    """:return: the wheel of the folder, which wins over one of an index"""
    folder, name = Path(layer.get("wheel_dir")), str(layer.get("package_name"))
    plain = name.replace("-", "_").replace(".", "_").lower()
    found = sorted(wheel for wheel in folder.glob("*.whl") if wheel.name.lower().split("-")[0].replace(".", "_") == plain)
    if not found:
        raise ImageBuildError(f"there is no wheel of {name} in {folder}; build it, or correct wheel_dir= or package_name=")
    if len(found) > 1:  # of several versions or platforms uv takes the best
        return _requirement(name)
    return f"{name} @ {found[0].resolve().as_uri()}"


def _of_script(layer: Layer) -> list[str]:
    newest = ((script_header(layer.get("script")).get("tool") or {}).get("uv") or {}).get("exclude-newer")
    return ["--exclude-newer", str(newest)] if newest else []


def _included(path: Path, known: frozenset[Path] = frozenset()) -> list[Path]:
    """:return: a requirements file, and those that it includes"""
    if path in known or not path.is_file():
        return [path]
    names = _INCLUDE.findall(_text(path))
    return [path, *(each for name in names for each in _included(path.parent / name, known | {path}))]


def _sources(path: Path) -> list[str]:
    """:return: the lines of a requirements file that say where packages are found, for they are not carried over to a lock"""
    found = []
    for option, value in _SOURCE.findall(_text(path)):
        place = value.strip()
        local = option in ("-f", "--find-links") and "://" not in place
        found.append(f"{option} {path.parent / place if local else place}".strip())
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
