"""Literals: what stands here for Flyte's protobuf types and literals, for programs that convert values by hand."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import is_dataclass
from datetime import date
from datetime import time
from datetime import timedelta
from enum import Enum
from json import dumps
from typing import Any
from typing import NoReturn

from localflyte.spec.packed import Packed
from localflyte.types.codec import codec_for
from localflyte.types.codec import readable
from localflyte.types.frames import frame_kind
from localflyte.types.packing import unpack

__all__ = ("LocalLiteral", "LocalLiteralMap", "LocalType", "literal_string_repr", "refuse")


class LocalType:
    """What stands here for a protobuf LiteralType: the Python type."""

    def __init__(self, python_type: Any) -> None:
        self.python_type = python_type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalType) and other.python_type == self.python_type

    def __hash__(self) -> int:
        return hash(str(self.python_type))

    def __repr__(self) -> str:
        return f"LocalType({readable(self.python_type)})"

    def ClearField(self, field_name: str) -> None:  # noqa: N802 - protobuf's name
        """Take a part away, as programs do with the message: nothing here, where the type itself is all there is."""


@dataclass(frozen=True)
class LocalLiteral:
    """What stands here for a protobuf Literal: a value as it crosses a border."""

    packed: Packed
    python_type: Any


@dataclass(frozen=True)
class LocalLiteralMap:
    """What stands here for a protobuf LiteralMap: literals by name."""

    literals: Mapping[str, Any]


def literal_string_repr(lm: Any) -> Any:
    """Show a literal, or several by name, shortly: files and tables by their place, structures as JSON.

    :raises ValueError: if it is neither
    :raises NotImplementedError: if it is Flyte's protobuf
    """
    if lm is None:
        return {}
    if isinstance(lm, LocalLiteralMap):
        lm = lm.literals
    if isinstance(lm, Mapping):
        return {name: literal_string_repr(each) for name, each in lm.items()}
    if isinstance(lm, LocalLiteral):
        if frame_kind(lm.python_type):  # to read the table would take longer than to say where it is
            return lm.packed.refs[0].path
        return _shown(unpack(codec_for(lm.python_type), lm.packed))
    if hasattr(lm, "DESCRIPTOR"):
        refuse("literal_string_repr")
    raise ValueError(f"{lm!r} is no literal")


def _shown(value: Any) -> Any:
    kind = type(value)
    if hasattr(kind, "flyte_reference"):
        return value.path if hasattr(value, "path") else value.uri
    if kind is list or kind is tuple:
        return [_shown(each) for each in value]
    if kind is dict:
        return {key: _shown(each) for key, each in value.items()}
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return dumps(asdict(value), default=_in_json)
    if hasattr(kind, "model_dump_json"):
        return value.model_dump_json()
    return value if value is None or isinstance(value, (bool, int, float, str)) else _in_json(value)


def _in_json(value: Any) -> Any:
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    shown = _shown(value) if hasattr(type(value), "flyte_reference") or isinstance(value, Enum) else None
    return str(value) if shown is None else shown


def refuse(name: str) -> NoReturn:
    """Say that something needs protobuf.

    :raises NotImplementedError: always
    """
    raise NotImplementedError(
        f"flyte.types.{name} reads Flyte's protobuf, which localflyte does not have: values cross as msgpack. It works with the flyte SDK."
    )
