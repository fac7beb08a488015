"""flyte.artifacts: names for values that a cluster keeps. Here a value keeps none: a task returns the value itself."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from typing import Literal
from typing import Protocol
from typing import TypeVar

from localflyte.errors import ClusterOnlyError
from localflyte.syncify import syncify
from localflyte.types.artifacts import named

__all__ = ("KIND_KEY", "Artifact", "Card", "CardFormat", "CardType", "Kind", "Metadata", "new")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CardFormat = Literal["html", "md", "json", "yaml", "csv", "tsv", "png", "jpg", "jpeg"]
CardType = Literal["model", "data", "generic"]
Kind = Literal["model", "data", "generic"]
KIND_KEY = "flyte.io/kind"


@dataclass(frozen=True, kw_only=True)
class Card:
    """A page about a value."""

    uri: str
    format: CardFormat = "html"
    card_type: CardType = "generic"

    @syncify
    @classmethod
    async def create_from(
        cls,
        *,
        content: str | None = None,
        local_path: str | os.PathLike[str] | None = None,
        format: CardFormat = "html",
        card_type: CardType = "generic",
    ) -> Card:
        """Keep a page among the data of the running task, under a name that its content decides.

        :param content: the page itself
        :param local_path: a file that holds it
        :raises ValueError: if neither is given
        :raises ClusterOnlyError: outside of a task, where a cluster would have to take it
        """
        from hashlib import sha256

        from localflyte.api.context import current
        from localflyte.storage import join
        from localflyte.storage import put_stream

        if not content and local_path is None:
            raise ValueError("Card.create_from() needs the page, as content= or as the file local_path=")
        context = current()
        if context is None:
            raise ClusterOnlyError(
                "flyte.artifacts.Card.create_from outside of a task", "It uploads a page to a cluster. Inside of a task it works here, too."
            )
        data = content.encode("utf-8", "surrogatepass") if content else _read(local_path)
        place = join(context.raw_data_path.path, "cards", f"{card_type}-{sha256(data).hexdigest()[:16]}.{format}")
        return cls(uri=await put_stream(data, to_path=place), format=format, card_type=card_type)


def _read(path: Any) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What a cluster would know a value by."""

    name: str
    version: str | None = None
    description: str | None = None
    attrs: Mapping[str, str] | None = None
    card: Card | None = None
    kind: Kind | None = None
    partitions: Mapping[str, Any] | None = None
    parents: tuple[Any, ...] | None = None
    version_from_content: bool = False

    @classmethod
    def create_model_metadata(
        cls,
        *,
        name: str,
        version: str | None = None,
        description: str | None = None,
        card: Card | None = None,
        framework: str | None = None,
        model_type: str | None = None,
        architecture: str | None = None,
        task: str | None = None,
        modality: tuple[str, ...] = ("text",),
        serial_format: str = "safetensors",
        attrs: Mapping[str, str] | None = None,
        partitions: Mapping[str, Any] | None = None,
    ) -> Metadata:
        """Describe a model. What is said of it here becomes attributes, which win over those of the same name in `attrs`."""
        known = {
            KIND_KEY: "model",
            "framework": framework or "",
            "model_type": model_type or "",
            "architecture": architecture or "",
            "task": task or "",
            "modality": ",".join(modality),
            "serial_format": serial_format,
        }
        attrs = {**(attrs or {}), **known}
        return cls(name=name, version=version, description=description, attrs=attrs, card=card, partitions=partitions)


class Artifact(Protocol[T_co]):
    """A value with a name, as an annotation."""

    def get_flyte_metadata(self) -> Metadata:
        """:return: what a cluster knows it by"""
        ...


def new(obj: T, metadata: Metadata) -> T:
    """Name a value that a task returns, as an output of its own. On a cluster it becomes an artifact; here it arrives as the value.

    :param obj: a File, Dir or DataFrame of flyte.io; nothing else can be an artifact
    :return: the same value, with a ``get_flyte_metadata()``
    :raises TypeError: if either is something else
    """
    if not isinstance(getattr(type(obj), "flyte_reference", None), str):
        raise TypeError(
            f"values of type {type(obj).__name__!r} cannot be artifacts: name a flyte.io.File, Dir or DataFrame, "
            "and return other values as they are"
        )
    if not isinstance(metadata, Metadata):
        raise TypeError(f"artifacts.new() takes flyte.artifacts.Metadata(name=...) as its second argument, not {metadata!r}")
    made: T = named(obj, metadata)
    return made
