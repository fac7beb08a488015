"""Imports: packages that the image of a task does not bring, and modules that a code bundle leaves out."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from localflyte.api.packages import package_version
from localflyte.api.sources import file_of
from localflyte.api.sources import owner_of
from localflyte.api.uses import UNTOLD
from localflyte.portability.declared import declared_by
from localflyte.portability.declared import normal
from localflyte.portability.finding import Finding
from localflyte.portability.finding import place
from localflyte.portability.scope import Scope

__all__ = ("find_modules", "find_packages")


def find_packages(scope: Scope) -> Iterator[Finding]:
    """Find the packages that its code imports and its image does not bring; nothing is said of an image that cannot be looked into."""
    declared = declared_by(scope.task.image)
    if declared is None:
        return
    known: set[str] = set()
    for module, file, line in scope.imports:
        top = module.partition(".")[0]
        if top in known or owner_of(module) != "package":
            continue
        known.add(top)
        names = _distributions(top)
        if not names or declared & {normal(each) for each in names}:
            continue
        yield Finding(
            "package",
            f"{names[0]} in {_environment(scope.task)}",
            place(file, line),
            f"task {scope.task.name} imports {top}, of the distribution {names[0]}",
            f"the image of {_environment(scope.task)} does not bring it",
            f'Add it to the image: image=flyte.Image.from_debian_base().with_pip_packages("{names[0]}")',
        )


def find_modules(scope: Scope, root: str, copy_style: str) -> Iterator[Finding]:
    """Find the modules of the project that a code bundle leaves out.

    :param root: the root folder, which the bundle is made of
    :param copy_style: ``"loaded_modules"``, ``"all"``, or ``"none"`` where the code is in the image already
    """
    if copy_style == "none" or _brings_code(scope.task.image):
        return
    home = (scope.task.function.__module__, scope.task.function.__code__.co_filename, 1)
    known: set[str] = set()
    for module, file, line in (home, *scope.imports):
        source = (file_of(module) or "").rstrip("/")
        if module in known or not os.path.isfile(source) or owner_of(module) != "project":
            continue
        known.add(module)
        called = os.path.basename(source) if module == "__main__" else module
        if not _is_below(source, root):
            what, why = f"lies outside of the root folder {root}", "a code bundle holds what is below the root folder"
            way_out = f"Choose a root folder above both with --root-dir or flyte.init(root_dir=...), or install {called} in the image"
        elif copy_style == "loaded_modules" and module not in sys.modules and not _is_included(source, scope.task) and not _has_ruff():
            what, why = "is imported only while the task runs", 'a code bundle of copy_style="loaded_modules" holds what is loaded by now'
            way_out = 'Import it at the top of a module, name it in include=(...) of the environment, or choose copy_style="all"'
        else:
            continue
        used = "is defined in" if module == home[0] else "imports"
        yield Finding("module", called, place(file, line), f"task {scope.task.name} {used} {called}, which {what}", why, way_out)


def _distributions(top: str) -> list[str]:
    with suppress(*UNTOLD):
        name, version = package_version(top)
        if name != top or version.count(".") or len(version) < 64:  # else it is no distribution, and a digest stands for the version
            return name.split("+")
    return []


def _environment(task: Any) -> str:
    return f"environment {task.parent_env_name!r}" if task.parent_env_name else f"task {task.name}"


def _brings_code(image: Any) -> bool:
    """:return: whether the image may hold the project's own code"""
    layers = getattr(image, "layers", ())
    installs = any(each.get("project_install_mode") == "install_project" for each in layers)
    known = image in (None, "auto") or declared_by(image) is not None
    return installs or not known or any(each.kind in ("source_folder", "source_file", "code_bundle", "wheels") for each in layers)


def _is_below(file: str, root: str) -> bool:
    return os.path.realpath(file).startswith(os.path.join(os.path.realpath(root), ""))


def _is_included(file: str, task: Any) -> bool:
    environment = task.parent_env() if task.parent_env is not None else None
    if environment is None:
        return False
    folder = os.path.dirname(environment.declared_at.rpartition(":")[0])
    for pattern in environment.include:
        path = os.path.join(folder, pattern)
        found = [path, *glob.glob(path, recursive=True)]
        if any(os.path.realpath(file) == os.path.realpath(each) or (os.path.isdir(each) and _is_below(file, each)) for each in found):
            return True
    return False


def _has_ruff() -> bool:
    """:return: whether flyte can look for imports that have not happened yet; it asks ruff for them"""
    return shutil.which("ruff") is not None
