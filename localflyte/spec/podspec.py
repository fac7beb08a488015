"""Pods as Kubernetes and people write them, made and read whether or not the kubernetes package is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

__all__ = ("PodPart", "is_pod", "make_part", "named_as_kubernetes", "plain", "pod_terms")

_OF_THE_FILE = ("apiVersion", "kind", "metadata", "status")  # what every Kubernetes object says of itself


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
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    named = _attributes(value)
    if not named:
        return value.isoformat() if hasattr(value, "isoformat") else str(value)
    return {name: plain(item) for name, item in named.items() if item is not None}


def is_pod(value: Any) -> bool:
    """:return: whether this says what a pod is: a pod, its spec or a template of it, as an object or as a mapping"""
    if isinstance(value, type):
        return False
    inner = _field(value, "spec") or _field(value, "template")
    return isinstance(_field(value, "containers"), list | tuple) if inner is None else is_pod(inner)


def pod_terms(template: Any) -> dict[str, Any]:
    """Describe a pod in plain values, however it was declared.

    :param template: what `is_pod` takes
    :return: ``spec``, ``labels``, ``annotations``, the ``primary_container_name`` where one was said, and under ``unknown`` the
        names of what no pod has
    """
    body = named_as_kubernetes(plain(template))
    primary = body.pop("primaryContainerName", None)
    if "template" in body:
        body = named_as_kubernetes(body["template"])
    metadata = named_as_kubernetes(body.get("metadata") or {})
    own = {name: value for name, value in body.items() if name not in _OF_THE_FILE}
    spec = own.pop("spec", None)
    terms = {
        "spec": own if spec is None else spec,
        "labels": dict(metadata.get("labels") or {}),
        "annotations": dict(metadata.get("annotations") or {}),
    }
    if primary is not None:
        terms["primary_container_name"] = str(primary)
    if spec is not None and own:
        terms["unknown"] = list(own)
    return terms


def named_as_kubernetes(part: Mapping[str, Any]) -> dict[str, Any]:
    """Name the fields of one object as Kubernetes does, ``volumeMounts`` for ``volume_mounts``, and drop those that say nothing."""
    return {_camel(str(name)): value for name, value in part.items() if value is not None and value not in ([], {})}


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _attributes(value: Any) -> dict[str, Any]:
    """:return: what an object holds, named as Kubernetes does; of objects that the kubernetes client did not make, what is public"""
    renamed = getattr(value, "attribute_map", None)
    if isinstance(renamed, dict):
        return {camel: getattr(value, name) for name, camel in renamed.items()}
    held = getattr(value, "__dataclass_fields__", None) or getattr(value, "__dict__", {})
    return {_camel(name): getattr(value, name) for name in held if not name.startswith("_")}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
