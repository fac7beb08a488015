"""Parts of a Kubernetes pod spec, made and read whether or not the kubernetes package is there."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ("PodPart", "make_part", "plain")


class PodPart:
    """An object of the kubernetes client in name only: it has the attributes it was given, and ``None`` for all others."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PodPart) and plain(self) == plain(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"PodPart({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


def make_part(kind: str, **fields: Any) -> Any:
    """Make an object of the kubernetes client, ``V1Container``, or its likeness where that is not loaded.

    A file that builds its own spec has loaded it. For all others, a second of import time buys nothing.
    """
    client = sys.modules.get("kubernetes.client")
    return PodPart(**fields) if client is None else getattr(client, kind)(**fields)


def plain(value: Any) -> Any:
    """Turn a spec into what its YAML would say: dicts with the names of the Kubernetes API, lists, text and numbers."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, PodPart):
        named = {_camel(name): item for name, item in value.__dict__.items()}
    elif isinstance(getattr(value, "attribute_map", None), dict):
        named = {camel: getattr(value, name) for name, camel in value.attribute_map.items()}
    else:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    return {name: plain(item) for name, item in named.items() if item is not None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
