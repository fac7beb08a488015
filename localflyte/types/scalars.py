"""Scalars: None, bool, int, float, str and bytes, which msgpack carries as they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import mismatch

__all__ = ("MAX_INT", "MIN_INT", "build")

MAX_INT = 2**63 - 1
MIN_INT = -(2**63)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Find the codec of a scalar type.

    :return: the codec, or ``None`` if the annotation is no scalar
    """
    if annotation is float and compile_type.loose:
        return _LOOSE_FLOAT
    try:
        return _SCALARS.get(annotation)
    except TypeError:  # unhashable
        return None


def _encode_none(value: Any) -> None:
    if value is not None:
        raise mismatch("None", value)


def _encode_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise mismatch("bool", value)


def _encode_int(value: Any) -> int:
    if type(value) is int:
        if MIN_INT <= value <= MAX_INT:
            return value
        raise ValueRefusedError(
            f"integer out of range: {value if abs(value) < 10**40 else 'this one'} needs more than 64 bits; pass it as str"
        )
    if isinstance(value, int) and type(value) is not bool:
        return _encode_int(int.__int__(value))
    raise mismatch("int", value)


def _encode_float(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, float):
        return float.__float__(value)
    raise mismatch("float", value, "write 1.0 or float(x)" if type(value) is int else "")


def _encode_loose_float(value: Any) -> float:
    if type(value) is float:
        return value
    if isinstance(value, (float, int)) and type(value) is not bool:
        return float(value)
    raise mismatch("float", value)


def _encode_str(value: Any) -> str:
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    raise mismatch("str", value)


def _encode_bytes(value: Any) -> bytes:
    if type(value) is bytes:
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise mismatch("bytes", value, "encode it first, for example with .encode()" if isinstance(value, str) else "")


def _sweep_none(values: Collection[Any]) -> bool:
    return set(map(type, values)) <= {type(None)}


def _sweep_bool(values: Collection[Any]) -> bool:
    return set(map(type, values)) <= {bool}


def _sweep_int(values: Collection[Any]) -> bool:
    kinds = set(map(type, values))
    if kinds != {int}:
        return not kinds
    return bool(max(values) <= MAX_INT and min(values) >= MIN_INT)


def _sweep_float(values: Collection[Any]) -> bool:
    # numpy.float64 is a float to Python and to msgpack, so a list of them needs no conversion
    return all(issubclass(kind, float) for kind in set(map(type, values)))


def _sweep_str(values: Collection[Any]) -> bool:
    return all(issubclass(kind, str) for kind in set(map(type, values)))


def _sweep_bytes(values: Collection[Any]) -> bool:
    return all(issubclass(kind, bytes) for kind in set(map(type, values)))


_LOOSE_FLOAT = Codec("float", _encode_loose_float, kinds=(float,), sweep=_sweep_float, keyable=True)
_NONE = Codec("None", _encode_none, kinds=(type(None),), sweep=_sweep_none, keyable=True, nullable=True)
_SCALARS: dict[Any, Codec] = {
    None: _NONE,
    type(None): _NONE,
    bool: Codec("bool", _encode_bool, kinds=(bool,), sweep=_sweep_bool, keyable=True),
    int: Codec("int", _encode_int, kinds=(int,), sweep=_sweep_int, keyable=True),
    float: Codec("float", _encode_float, kinds=(float,), sweep=_sweep_float, keyable=True),
    str: Codec("str", _encode_str, kinds=(str,), sweep=_sweep_str, keyable=True),
    bytes: Codec("bytes", _encode_bytes, kinds=(bytes,), sweep=_sweep_bytes, keyable=True),
}
