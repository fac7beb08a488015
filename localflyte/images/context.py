"""Context: the folder that an image is built from: a folder for each layer that brings files, called by its number, and the Dockerfile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

import anyio
from psutil import pid_exists

from localflyte.errors import ImageBuildError
from localflyte.images.dockerfile import refuse_passwords
from localflyte.images.projects import project_requirements
from localflyte.images.projects import script_requirements
from localflyte.images.recipe import Recipe
from localflyte.spec.ignore import Ignore
from localflyte.spec.ignore import kept_paths
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import adds
from localflyte.spec.image_layers import ignore_of
from localflyte.spec.image_layers import ignored_by

__all__ = ("context_folder", "fill_context", "remove_abandoned")

FOLDER = "images"
PREFIX = ".context-"


@contextmanager
def context_folder(home: Path) -> Iterator[Path]:
    """Have a private folder to build from; it is gone afterwards."""
    above = home / FOLDER
    above.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=above))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned(home: Path) -> None:
    """Remove the folders of processes that are no more."""
    for folder in (home / FOLDER).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdigit() and not pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


async def fill_context(folder: Path, recipe: Recipe, home: Path) -> None:
    """Lay into the folder what the layers bring.

    :raises ImageBuildError: if something is not there, or cannot be read
    """
    exported = {layer: await project_requirements(layer, home) for layer in recipe.layers if layer.kind == "uv_project"}
    await anyio.to_thread.run_sync(_lay, folder, recipe, exported)


def _lay(folder: Path, recipe: Recipe, exported: Mapping[Layer, str]) -> None:
    ignored = ignored_by(recipe.layers)
    for number, layer in enumerate(recipe.layers):
        if adds(layer):
            _bring(layer, folder / str(number), exported, ignored)
    refuse_passwords(recipe, (path.read_text(encoding="utf-8") for path in folder.glob("*/requirements.txt")))


def _bring(layer: Layer, into: Path, exported: Mapping[Layer, str], ignored: Sequence[str]) -> None:
    match layer.kind:
        case "requirements":
            _write(into, Path(layer.get("file")).read_text(encoding="utf-8"))
        case "uv_script":
            _write(into, "\n".join(script_requirements(layer.get("script"), local_files=False)) + "\n")
        case "uv_project":
            _write(into, exported[layer])
            if layer.get("project_install_mode") == "install_project":
                source = Path(layer.get("pyproject")).parent
                copy_tree(source, into / "project", ignore_of(str(source), ignored))
        case "wheels":
            _wheels(Path(layer.get("wheel_dir")), into, layer.get("package_name"))
        case "source_file":
            into.mkdir()
            shutil.copy2(layer.get("src"), into)
        case "source_folder":
            source = Path(layer.get("src"))
            if not source.is_dir():
                raise ImageBuildError(f"with_source_folder: {source} is not a folder; with_source_file copies a file")
            copy_tree(source, into, ignore_of(str(source), ignored))


def _wheels(folder: Path, into: Path, package: str) -> None:
    into.mkdir()
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise ImageBuildError(f"there is no wheel in {folder}, which {package} is to come from")
    for wheel in wheels:
        shutil.copyfile(wheel, into / wheel.name)


def copy_tree(source: Path, into: Path, ignore: Ignore) -> None:
    """Copy a folder, links as links, without what is ignored and without what is no file."""
    into.mkdir()
    for path in kept_paths(str(source), ignore):
        whole, target = source / path, into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if whole.is_symlink() or whole.is_file():
            shutil.copy2(whole, target, follow_symlinks=False)
        elif whole.is_dir():
            target.mkdir(exist_ok=True)


def _write(into: Path, requirements: str) -> None:
    into.mkdir()
    (into / "requirements.txt").write_text(requirements, encoding="utf-8")
