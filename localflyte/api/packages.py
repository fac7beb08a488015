"""Packages: the version of an installed package, by the name under which code imports it."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from localflyte.api.values import UncertainError
from localflyte.spec.digest import sha256

__all__ = ("package_version",)

MOST_FILES = 2_000  # of a package without a version, whose files have to tell one


@lru_cache(maxsize=1024)
def package_version(top: str) -> tuple[str, str]:
    """Find the version of the distribution that a top-level module belongs to.

    :return: the name of the distribution and its version
    :raises UncertainError: if the module belongs to none and has no file either
    """
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import distribution
    from importlib.metadata import version

    try:
        named_alike = distribution(top)
        if _provides(named_alike, top):
            return top, named_alike.version
    except PackageNotFoundError:
        pass
    names = sorted(set(_distributions().get(top, ())))
    if names:
        return "+".join(names), "+".join(version(name) for name in names)
    return top, _content_digest(top)


def _provides(distribution: Any, top: str) -> bool:
    """Whether a distribution of the same name really brings the module; that of another may do so."""
    listed = distribution.read_text("top_level.txt")
    if listed is not None:
        return top in listed.split()
    files = distribution.files
    return files is None or any(file.parts[0] in (top, f"{top}.py") or file.parts[0].startswith(f"{top}.") for file in files)


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return dict(packages_distributions())


def _content_digest(top: str) -> str:
    """:return: a digest of the files of a package that no installer has put there"""
    from importlib.util import find_spec

    spec = find_spec(top)
    if spec is None or not spec.has_location or spec.origin is None:
        raise UncertainError(f"package {top} has no version and no file to tell one from")
    folder = os.path.dirname(spec.origin) if spec.submodule_search_locations else ""
    files = sorted(_files_below(folder)) if folder else [spec.origin]
    if len(files) > MOST_FILES:
        raise UncertainError(f"package {top} has no version, and more than {MOST_FILES} files to tell one from")
    rows = []
    for path in files:
        with open(path, "rb") as file:
            rows.append(f"{os.path.relpath(path, folder or os.path.dirname(path))} {sha256(file.read())}")
    return sha256("\n".join(rows).encode("utf-8", "surrogateescape"))


def _files_below(folder: str) -> list[str]:
    found: list[str] = []
    for root, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [os.path.join(root, name) for name in files]
        if len(found) > MOST_FILES:
            break
    return found
