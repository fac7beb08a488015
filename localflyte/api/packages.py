"""Packages: the version of an installed package, by the name under which code imports it."""

from __future__ import annotations

import os
from functools import lru_cache

from localflyte.api.sources import file_of
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
    beside = _installed_beside(top)
    if beside:
        return "+".join(name for name, _ in beside), "+".join(version for _, version in beside)
    from importlib.metadata import version

    names = sorted(set(_distributions().get(top, ())))
    if names:
        return "+".join(names), "+".join(version(name) for name in names)
    return top, _content_digest(top)


def _installed_beside(top: str) -> list[tuple[str, str]]:
    """Look at what installers left beside the module: `importlib.metadata` says the same, after 20 to 40 ms.

    :return: name and version of each distribution that brings the module
    """
    file = (file_of(top) or "").rstrip("/")
    folder = os.path.dirname(file)
    if os.path.basename(file).startswith("__init__."):
        folder = os.path.dirname(folder)
    if not folder:
        return []
    found = _distributions_in(folder)
    alike = [each for each in found if each[0].lower().replace("-", "_") == top.lower()]
    # One of the same name mostly is the one, and then the others need not be read.
    chosen = [each for each in alike if _provides(each[2], top) is not False] or [each for each in found if _provides(each[2], top)]
    return sorted((name, version) for name, version, _ in chosen)


@lru_cache(maxsize=64)
def _distributions_in(folder: str) -> list[tuple[str, str, str]]:
    """:return: name, version and folder of all that is installed in a folder"""
    found = []
    for entry in sorted(os.listdir(folder)):
        if entry.endswith(".dist-info"):
            name, _, version = entry.removesuffix(".dist-info").partition("-")
            found.append((name, version, f"{folder}/{entry}"))
    return found


@lru_cache(maxsize=1024)
def _provides(distribution: str, top: str) -> bool | None:
    """:return: whether a distribution brings a module; another of that name may do so. ``None`` if it does not say"""
    listed = _read(f"{distribution}/top_level.txt")
    if listed:
        return top in listed.split()
    record = "\n" + _read(f"{distribution}/RECORD")
    if len(record) == 1:
        return None
    return any(f"\n{top}{ending}" in record for ending in ("/", ".py,", ".cpython", ".abi3"))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


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
