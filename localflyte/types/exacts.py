"""Exacts: Decimal, UUID, Path and complex, carried by a text or number form that loses nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.refusal import mismatch

__all__ = ("build",)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of Decimal, UUID, Path and its relatives, or complex.

    :return: the codec, or ``None`` if the annotation is no such type
    """
    if annotation is complex:
        return Codec("complex", _encode_complex, _decode_complex, kinds=(complex,))
    if not isinstance(annotation, type):
        return None
    # whoever annotates with one of these has imported its module; nobody else should pay for it
    if _is(annotation, "decimal", "Decimal"):
        return _texts(annotation, "Decimal", str)
    if _is(annotation, "uuid", "UUID"):
        return _texts(annotation, "UUID", str)
    if any(_is(annotation, "pathlib", name) for name in _PATHS):
        return _texts(annotation, annotation.__name__, str)
    return None


_PATHS = ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")


def _is(annotation: type, module: str, name: str) -> bool:
    return annotation.__name__ == name and getattr(sys.modules.get(module), name, None) is annotation


def _texts(kind: type, name: str, text: Callable[[Any], str]) -> Codec:
    def encode(value: Any) -> str:
        if isinstance(value, kind):
            return text(value)
        raise mismatch(name, value, f"write {name}({value!r})" if isinstance(value, str) and len(value) < 40 else "")

    return Codec(name, encode, kind, kinds=(kind,), keyable=True)


def _encode_complex(value: Any) -> list[float]:
    if isinstance(value, complex):
        return [value.real, value.imag]
    raise mismatch("complex", value)


def _decode_complex(wire: list[float]) -> complex:
    return complex(*wire)
