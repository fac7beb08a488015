"""Models: pydantic models, dumped on one side and validated on the other. Nothing here imports pydantic by itself."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Any

from msgpack import ExtType

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.free import decode_free
from localflyte.types.free import encode_tree
from localflyte.types.free import order_free
from localflyte.types.opaque import pack_object
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import mismatch
from localflyte.types.scope import OPAQUE

__all__ = ("build",)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a pydantic model class.

    :return: the codec, or ``None`` if the annotation is no such class
    """
    pydantic = sys.modules.get("pydantic")
    if pydantic is None or not isinstance(annotation, type) or not issubclass(annotation, pydantic.BaseModel):
        return None
    fields: Any = getattr(annotation, "model_fields")  # noqa: B009 - type checkers know only the class `type`
    inner = (f"{name}: {compile_type.inside(field.annotation).line}" for name, field in sorted(fields.items()))
    line = f"{annotation.__name__}{{{', '.join(inner)}}}"
    return _model(annotation, line, is_root=issubclass(annotation, pydantic.RootModel))


def _model(kind: Any, line: str, *, is_root: bool) -> Codec:
    dump_options, validate_options = _border_options()

    def encode(value: Any) -> Any:
        if not isinstance(value, kind):
            if not isinstance(value, dict) and not is_root:
                raise mismatch(kind.__name__, value)
            try:
                value = kind.model_validate(value)
            except ValueError as error:  # pydantic's own error is one
                raise TypeTransformerFailedError(f"expected {kind.__name__}: {error}") from error
        return encode_tree(value.model_dump(round_trip=True, warnings=False, **dump_options), _encode_leaf)

    def decode(wire: Any) -> Any:
        return kind.model_validate(decode_free(wire), **validate_options)

    return Codec(kind.__name__, encode, decode, line=line, kinds=(kind,), order=order_free, scoped=True, nullable=is_root)


def _encode_leaf(value: Any) -> Any:
    """Carry what is no plain data: members of an Enum by value, anything else as a small pickle."""
    if isinstance(value, Enum):
        return encode_tree(value.value, _encode_leaf)
    return ExtType(OPAQUE, pack_object(value))


def _border_options() -> tuple[dict[str, bool], dict[str, bool]]:
    """Make a dump fit its validation also where fields have an alias: by name, or by alias before pydantic could do that."""
    from pydantic import VERSION

    if tuple(map(int, VERSION.split(".")[:2])) >= (2, 11):
        return {"by_alias": False}, {"by_name": True, "by_alias": False}
    return {"by_alias": True}, {}
