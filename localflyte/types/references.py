"""References: classes such as File, Dir and DataFrame, whose values are carried as a Ref beside the data."""

from __future__ import annotations

from typing import Any
from typing import ClassVar
from typing import Protocol
from typing import Self
from typing import get_origin

from localflyte.spec.packed import Ref
from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.refusal import mismatch
from localflyte.types.scope import reference_extension
from localflyte.types.scope import reference_place
from localflyte.types.scope import register
from localflyte.types.scope import resolve

__all__ = ("Reference", "build")


class Reference(Protocol):
    """What a class has to offer so that its values are carried by reference; a class without a Ref yet may make one now."""

    flyte_reference: ClassVar[str]
    """How errors and the cache key call the type."""

    def to_ref(self) -> Ref | None:
        """Point at the content; ``None`` stands for no content at all."""

    @classmethod
    def from_ref(cls, ref: Ref | None) -> Self:
        """Make the value again where it arrived."""

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> Self:
        """Make the value from its fields, as JSON gives them."""


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a class that is carried by reference.

    :return: the codec, or ``None`` if the annotation is no such class
    """
    kind = get_origin(annotation) or annotation
    name = getattr(kind, "flyte_reference", None)
    if not isinstance(kind, type) or not isinstance(name, str):
        return None
    return _reference(kind, name, from_fields=compile_type.loose)


def _reference(kind: Any, name: str, *, from_fields: bool) -> Codec:
    def encode(value: Any) -> Any:
        if from_fields and isinstance(value, dict):
            value = kind.from_mapping(value)
        if not isinstance(value, kind):
            raise mismatch(name, value, f"write {name}(path=...) or {name}.from_local_sync(...)" if isinstance(value, str) else "")
        ref = value.to_ref()
        return None if ref is None else reference_extension(register(ref))

    def decode(wire: Any) -> Any:
        return kind.from_ref(None if wire is None else resolve(reference_place(wire)))

    return Codec(name, encode, decode, kinds=(kind,), scoped=True, nullable=True)
