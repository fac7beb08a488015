"""Lazy exports: the list of localflyte's public modules, and the ``__getattr__`` of a front door that loads a name when it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from importlib import import_module

__all__ = ("DOORS", "lazy_exports")

#: The public modules, under the names that flyte gives them.
DOORS = (
    "ai",
    "app",
    "artifacts",
    "cli",
    "clustered",
    "config",
    "connectors",
    "durable",
    "errors",
    "extend",
    "extras",
    "git",
    "io",
    "models",
    "notify",
    "prefetch",
    "remote",
    "report",
    "sandbox",
    "storage",
    "syncify",
    "types",
)


def lazy_exports(
    package: str,
    names: Mapping[str, str],
    submodules: Collection[str] = (),
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make the lazy half of a front door.

    :param package: the ``__name__`` of the package
    :param names: each exported name and the module below the package that defines it
    :param submodules: modules of the package that are reachable as attributes without an import
    :return: the functions to bind as ``__getattr__`` and ``__dir__``
    """

    def load(name: str) -> object:
        module = names.get(name)
        if module is not None:
            value: object = getattr(import_module(f"{package}.{module}"), name)
        elif name in submodules:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        # Later uses find it in the module's own dictionary and do not come here again.
        setattr(sys.modules[package], name, value)
        return value

    def known() -> list[str]:
        return sorted({*vars(sys.modules[package]), *names, *submodules})

    return load, known
