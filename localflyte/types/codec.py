"""The codec of an annotation: found or compiled once, then kept."""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import partial
from typing import Any
from typing import get_origin

from localflyte.types import bare
from localflyte.types import choices
from localflyte.types import exacts
from localflyte.types import frames
from localflyte.types import mappings
from localflyte.types import moments
from localflyte.types import records
from localflyte.types import references
from localflyte.types import scalars
from localflyte.types import sequences
from localflyte.types import structs
from localflyte.types import transformed
from localflyte.types import unions
from localflyte.types.annotations import strip
from localflyte.types.base import Codec
from localflyte.types.free import decode_free
from localflyte.types.free import encode_free
from localflyte.types.free import order_free
from localflyte.types.models import build as build_model
from localflyte.types.records import is_named_tuple

__all__ = ("Codec", "codec_for", "forget", "readable")

# References come before structs and models: File is a class of its own kind whatever it is built on.
_BUILDERS = (
    transformed.build,
    scalars.build,
    sequences.build,
    mappings.build,
    unions.build,
    choices.build,
    moments.build,
    references.build,
    frames.build,
    build_model,
    records.build,
    structs.build,
    exacts.build,
    bare.build,
)

_Key = tuple[Any, bool]
_codecs: dict[_Key, Codec] = {}


def codec_for(annotation: Any) -> Codec:
    """Find the codec of a type; compiled at the first call.

    :raises NameError: if a class has an annotation that cannot be resolved
    """
    try:
        known = _codecs.get((annotation, False))
    except TypeError:  # an unhashable annotation, such as Annotated[int, []]
        known = None
    return known or _Compiler(_Session(), loose=False)(annotation)


def forget() -> None:
    """Compile types anew from now on, since one of them got a transformer."""
    _codecs.clear()


def readable(annotation: Any) -> str:
    """Write a type as a person would."""
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")


class _Session:
    """One compilation: the types that are being compiled, outermost first, so that a type may contain itself."""

    def __init__(self) -> None:
        self.open: list[_Key] = []
        self.cut = _NOTHING_CUT
        """The outermost open type that something compiled since then refers back to."""


_NOTHING_CUT = 1 << 30


class _Compiler:
    def __init__(self, session: _Session, *, loose: bool) -> None:
        self._session = session
        self.loose = loose

    def inside(self, annotation: Any) -> Codec:
        return self(annotation) if self.loose else _Compiler(self._session, loose=True)(annotation)

    def __call__(self, annotation: Any) -> Codec:
        written, annotation = annotation, strip(annotation)
        if written is not annotation:
            special = _annotated(written, annotation, self)
            if special is not None:
                return special
        if self.loose and _is_its_own_inside(annotation):
            return _Compiler(self._session, loose=False)(annotation)
        key = (annotation, self.loose)
        try:
            known = _codecs.get(key)
        except TypeError:
            return self._build(annotation)
        if known is not None:
            return known
        session = self._session
        if key in session.open:
            depth = session.open.index(key)
            session.cut = min(session.cut, depth)
            return _forward(annotation, key, len(session.open) - depth)
        depth = len(session.open)
        session.open.append(key)
        try:
            made = self._build(annotation)
        finally:
            session.open.pop()
        # What was compiled while an outer type stood open knows that type by name only: its line would depend on who came first.
        if session.cut >= depth:
            session.cut = _NOTHING_CUT
            _codecs[key] = made
        return made

    def _build(self, annotation: Any) -> Codec:
        for build in _BUILDERS:
            made = build(annotation, self)
            if made is not None:
                return made
        return _free(annotation)


def _annotated(written: Any, annotation: Any, compile_type: _Compiler) -> Codec | None:
    """Make the codec of a type of which its annotation says more: how it is kept, or when two of its values are the same."""
    transformer = transformed.transformer_in(written)
    if transformer is not None:
        return transformed.transformed(transformer, annotation)
    from localflyte.types.keyed import key_of
    from localflyte.types.keyed import keyed
    from localflyte.types.keyed import method_in

    method = method_in(written)
    made = bare.pickled(written, annotation) or frames.detailed(
        written, annotation, compile_type, partial(key_of, method) if method is not None else None
    )
    if method is None or (made is not None and made.line.startswith("keyed:")):
        return made
    return keyed(made or compile_type(annotation), method)


def _is_its_own_inside(annotation: Any) -> bool:
    """Whether a type is carried the same way wherever it stands, as every class is that has fields of its own."""
    return isinstance(annotation, type) and (is_dataclass(annotation) or is_named_tuple(annotation) or hasattr(annotation, "model_fields"))


def _forward(annotation: Any, key: _Key, levels: int) -> Codec:
    """Stand in for a type inside of itself.

    :param levels: how far out the type itself is
    """

    def real() -> Codec:
        found = _codecs.get(key)
        return found if found is not None else _Compiler(_Session(), loose=key[1])(annotation)

    name = readable(annotation)
    return Codec(
        name,
        lambda value: real().encode(value),
        lambda wire: real().decode(wire),
        line=f"^{levels}",
        kinds=(annotation,) if isinstance(annotation, type) else (),
        order=lambda wire: real().order(wire),
        scoped=True,
        nullable=True,
    )


def _free(annotation: Any) -> Codec:
    """Make the codec of a type without a form of its own: Any, a class of the user, a callable."""
    name = "Any" if annotation is Any else readable(annotation)
    kinds = (annotation,) if isinstance(annotation, type) and annotation not in (object, Any) else ()
    if kinds:
        made = _by_transformer(annotation)
        if made is not None:
            return made

    def encode_class(value: Any) -> Any:
        made = transformed.TRANSFORMERS and _by_transformer(annotation)
        if made:  # it was registered after the task was declared
            return made.encode(value)
        if hasattr(type(value), "flyte_convert") and not isinstance(value, annotation):
            # flyte.io.DataFrame, where a pandas.DataFrame is declared
            value = value.flyte_convert(annotation)
        return encode_free(value)

    def decode_class(wire: Any) -> Any:
        made = transformed.TRANSFORMERS and _by_transformer(annotation)
        return made.decode(wire) if made else decode_free(wire)

    return Codec(
        name,
        encode_class if kinds else encode_free,
        decode_class if kinds else decode_free,
        line=f"any:{readable(get_origin(annotation) or annotation)}",
        kinds=kinds,
        order=order_free,
        scoped=True,
        nullable=True,
        accepts_all=True,
    )


def _by_transformer(annotation: Any) -> Codec | None:
    transformed.load_plugins(annotation)
    transformer = transformed.find(annotation)
    return None if transformer is None else transformed.transformed(transformer, annotation)
