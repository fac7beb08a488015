"""Stored: what File, Dir and DataFrame have in common: a place, and the way over a border as a reference."""

from __future__ import annotations

import os
from typing import Any
from typing import ClassVar
from typing import Generic
from typing import Self
from typing import TypeVar

from localflyte.io.location import base_name
from localflyte.io.location import stable_path
from localflyte.spec.packed import Ref
from localflyte.types.artifacts import metadata_of
from localflyte.types.scope import is_collecting
from localflyte.types.scope import register
from localflyte.types.scope import resolve

__all__ = ("ByReference", "Stored")

T = TypeVar("T")


class ByReference:
    """A value whose content stays where it is. It is a plain class; pydantic models may have it as a field all the same."""

    flyte_reference: ClassVar[str] = ""
    _parts: ClassVar[tuple[str, ...]] = ()
    """The attributes that make the value, in the order in which people give them."""
    _described: ClassVar[str] = ""
    """What it is, for whoever reads a JSON schema."""

    def to_ref(self) -> Ref | None:
        """Point at the content; ``None`` stands for no content at all."""
        raise NotImplementedError

    @classmethod
    def from_ref(cls, ref: Ref | None) -> Self:
        """Make the value again where its content arrived."""
        raise NotImplementedError

    @classmethod
    def from_mapping(cls, value: dict[str, Any]) -> Self:
        """Make the value from its fields, as JSON gives them.

        :raises ValueError: if the first of them, the place, is not there
        """
        needed = cls._parts[0]
        place = value.get(needed)
        if not isinstance(place, str):
            raise ValueError(f"a {cls.flyte_reference} needs its {needed}, as in {{{needed!r}: '...'}}")
        return cls(**{part: value[part] for part in cls._parts if value.get(part) is not None})

    def model_dump(self, **_: Any) -> dict[str, Any]:
        """:return: the fields; flyte's own class is a pydantic model, so programs ask it as they ask models"""
        return self._fields()

    def model_dump_json(self, *, indent: int | None = None, **_: Any) -> str:
        """:return: the fields as JSON"""
        from json import dumps

        return dumps(self._fields(), indent=indent, separators=None if indent else (",", ":"), ensure_ascii=False)

    def model_copy(self, *, update: dict[str, Any] | None = None, **_: Any) -> Self:
        """:return: another of the same fields, some of them changed"""
        from copy import copy

        made = copy(self)
        for name, value in (update or {}).items():
            setattr(made, name, value)
        return made

    @classmethod
    def model_validate(cls, value: Any, **_: Any) -> Self:
        """Make the value from its fields.

        :raises ValueError: if they are not its fields
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict):
            raise ValueError(f"expected {cls.flyte_reference} or its fields, got {type(value).__name__}")
        return cls.from_mapping(value)

    @classmethod
    def model_json_schema(cls, **_: Any) -> dict[str, Any]:
        """:return: the JSON schema of the fields"""
        schema: dict[str, Any] = cls.__get_pydantic_json_schema__(None, None)
        return schema

    def get_flyte_metadata(self) -> Any:
        """:return: what ``flyte.artifacts.new`` said of it
        :raises ValueError: if it is no artifact
        """
        metadata = metadata_of(self)
        if metadata is None:
            raise ValueError(f"this {self.flyte_reference} is no artifact: name it with flyte.artifacts.new(value, Metadata(name=...))")
        return metadata

    def _fields(self) -> dict[str, Any]:
        return {part: getattr(self, part) for part in self._parts}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._shown(', ')})"

    def __str__(self) -> str:
        return self._shown(" ")  # flyte's own class is a pydantic model, and programs print it

    def _shown(self, between: str) -> str:
        return between.join(f"{name}={value!r}" for name, value in self._fields().items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByReference) or self.flyte_reference != other.flyte_reference:
            return NotImplemented
        return self._fields() == other._fields()

    __hash__ = None  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Inside a value that is being packed, a reference goes beside the pickle too, so that the content is carried along."""
        if is_collecting():
            ref = self.to_ref()
            return _from_scope, (type(self), -1 if ref is None else register(ref))
        return super().__reduce_ex__(protocol)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic models have fields of this type. Called by pydantic only, so nobody else loads it."""
        from pydantic_core import core_schema

        def serialize(value: Any) -> Any:
            return value if is_collecting() or not isinstance(value, ByReference) else value._fields()

        return core_schema.no_info_plain_validator_function(
            cls.model_validate, serialization=core_schema.plain_serializer_function_ser_schema(serialize)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> Any:
        """Describe the fields to whoever reads the model's JSON schema."""
        place, *others = cls._parts
        maybe = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
        properties: dict[str, Any] = {place: {"type": "string"}, **{name: dict(maybe) for name in others}}
        properties["format"] = {"type": "string", "default": ""}
        return {
            "type": "object",
            "title": cls.flyte_reference,
            "description": cls._described,
            "properties": properties,
            "required": [place],
            "x-flyte-type": cls.flyte_reference.lower(),
        }


class Stored(ByReference, Generic[T]):
    """A file or folder."""

    _kind: ClassVar[str] = ""
    _parts = ("path", "name", "format", "hash")

    def __init__(
        self, path: str | os.PathLike[str], name: str | None = None, format: str = "", hash: str | None = None, hash_method: Any = None
    ) -> None:
        self.path = os.fspath(path)
        self.name = base_name(self.path) if name is None else name
        self.format = format
        self.hash = hash
        self.hash_method = hash_method

    def to_ref(self) -> Ref | None:
        """Point at the content by a path that other processes understand."""
        return Ref(self._kind, stable_path(self.path), self.hash or "", self.name, self.format)

    @classmethod
    def from_ref(cls, ref: Ref | None) -> Self:
        """Make the value again where its content arrived."""
        if ref is None:
            raise ValueError(f"a {cls.flyte_reference} came without its reference")
        return cls(path=ref.path, name=ref.name, format=ref.format, hash=ref.hash or None)


def _from_scope(kind: Any, place: int) -> Any:
    return kind.from_ref(None if place < 0 else resolve(place))
