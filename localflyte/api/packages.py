"""Packages: the version of an installed package, by the name under which code imports it."""

from __future__ import annotations

from functools import lru_cache

from localflyte.api.values import UncertainError
from localflyte.spec.digest import sha256

__all__ = ("package_version",)


@lru_cache(maxsize=1024)
def package_version(top: str) -> tuple[str, str]:
    """Find the version of the distribution that a top-level module belongs to.

    :return: the name of the distribution and its version
    :raises UncertainError: if the module belongs to none and has no file either
    """
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version

    try:
        return top, version(top)
    except PackageNotFoundError:
        pass
    names = sorted(set(_distributions().get(top, ())))
    if names:
        return "+".join(names), "+".join(version(name) for name in names)
    return top, _file_digest(top)


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return dict(packages_distributions())


def _file_digest(top: str) -> str:
    from importlib.util import find_spec

    spec = find_spec(top)
    if spec is None or not spec.has_location or spec.origin is None:
        raise UncertainError(f"package {top} has no version and no file to tell one from")
    with open(spec.origin, "rb") as file:
        return sha256(file.read())
