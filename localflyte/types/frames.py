"""Frames: tables of pandas, pyarrow and polars as they are, carried as a reference to a parquet file and read where they are declared."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta
from typing import Annotated
from typing import Any
from typing import NamedTuple
from typing import NewType
from typing import get_args
from typing import get_origin

from localflyte.spec.packed import Ref
from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import mismatch
from localflyte.types.scope import reference_extension
from localflyte.types.scope import reference_place
from localflyte.types.scope import register
from localflyte.types.scope import resolve

__all__ = ("HANDLED", "build", "detailed", "frame_kind", "known_kind")

HANDLED: set[Any] = set()
"""The classes of tables that a program has registered handlers for."""

_KINDS = (("pandas", "DataFrame"), ("pyarrow", "Table"), ("polars", "DataFrame"), ("polars", "LazyFrame"))


_COLUMNS = (bool, int, float, str, datetime, timedelta)
"""What a column may be declared as, beside numpy's types."""


class _Details(NamedTuple):
    """What an annotation says of a table: ``Annotated[DataFrame, {"a": int}, "csv"]``."""

    columns: tuple[str, ...] = ()
    format: str = ""

    @property
    def line(self) -> str:
        return f"<{','.join(self.columns)};{self.format}>" if self != _Details() else ""


def frame_kind(kind: Any) -> str:
    """:return: ``"pandas.DataFrame"`` and the like for such a class and those derived from it, else an empty string"""
    return next(filter(None, map(_carried_kind, getattr(kind, "__mro__", ()))), "")


def _carried_kind(kind: Any) -> str:
    return known_kind(kind) or (f"{kind.__module__}.{kind.__qualname__}" if kind in HANDLED else "")


def known_kind(kind: Any) -> str:
    """:return: ``"pandas.DataFrame"`` and the like for the very classes that localflyte itself reads and writes, else an empty string"""
    for package, name in _KINDS:
        # by the name first: a look into a package that is to be loaded lazily would load it
        if kind.__name__ == name and package in sys.modules and getattr(sys.modules[package], name, None) is kind:
            return f"{package}.{name}"
    return ""


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a frame's class.

    :return: the codec, or ``None`` if the annotation is no such class; one derived from it is more than its table, and is pickled
    """
    return _frame(annotation) if isinstance(annotation, type) and _carried_kind(annotation) else None


def detailed(written: Any, annotation: Any, compile_type: Compile, key: Callable[[Any], str] | None = None) -> Codec | None:
    """Make the codec of a table whose annotation says more than its class.

    :param written: the annotation with what is said
    :param annotation: the class
    :param key: computes a key of a frame that counts instead of its content
    :return: the codec, or ``None`` if it is no table, or nothing is said of its columns or format
    """
    if isinstance(annotation, type) and _carried_kind(annotation):
        return _frame(annotation, _details(written), key)
    if getattr(annotation, "flyte_reference", "") != "DataFrame":
        return None
    details = _details(written)
    return _wrapper(compile_type(annotation), details) if details != _Details() else None


def _frame(kind: type[Any], details: _Details | None = None, key: Callable[[Any], str] | None = None) -> Codec:
    """Make the codec of a frame's class; the parameters are those of `detailed`."""
    name, details = frame_kind(kind), details or _Details()

    def encode(value: Any) -> Any:
        if getattr(type(value), "flyte_reference", "") == "DataFrame":
            ref = _ref_of_wrapper(value, key)
        elif isinstance(value, kind):
            wrapper = _io("frame").DataFrame(format=details.format, hash=key(value) if key else None, frame=value)
            ref = wrapper.to_ref()
        else:
            raise mismatch(name, value, "wrap it: flyte.io.DataFrame.from_df(x)" if frame_kind(type(value)) else "")
        return reference_extension(register(ref))

    def decode(wire: Any) -> Any:
        ref = resolve(reference_place(wire))
        return _io("tables").read(ref.path, ref.format, kind, details.columns)

    line = f"{'keyed:' if key else ''}frame:{name}{details.line}"
    return Codec(name, encode, decode, line=line, kinds=(kind,), scoped=True)


def _ref_of_wrapper(value: Any, key: Callable[[Any], str] | None) -> Ref:
    ref: Ref = value.to_ref()
    return ref._replace(hash=key(value.val)) if key and value.val is not None and not value.hash else ref


def _wrapper(codec: Codec, details: _Details) -> Codec:
    def encode(value: Any) -> Any:
        if not details.format or getattr(value, "format", None) != "" or (value.val is not None and value.uri is not None):
            return codec.encode(value)
        value.format = details.format
        try:
            return codec.encode(value)
        finally:
            if value.val is None:
                value.format = ""  # a table elsewhere stays what it is for whoever passed it

    def decode(wire: Any) -> Any:
        value = codec.decode(wire)
        value.choose(details.columns)
        return value

    line = f"{codec.line}{details.line}"
    return Codec(codec.name, encode, decode, line=line, kinds=codec.kinds, scoped=True, nullable=codec.nullable)


def _details(written: Any) -> _Details:
    columns: tuple[str, ...] = ()
    form = ""
    while True:
        if get_origin(written) is Annotated:
            for each in written.__metadata__:
                if isinstance(each, str):
                    form = form or each
                elif isinstance(each, Mapping) or (isinstance(each, type) and hasattr(each, "__annotations__")):
                    columns = columns or tuple(_names(each))
            return _Details(columns, form)
        if isinstance(written, NewType):
            written = written.__supertype__
        elif type(written).__name__ == "TypeAliasType":
            written = written.__value__
        else:
            return _Details()


def _names(columns: Any, outer: str = "") -> Sequence[str]:
    """Name the columns of a mapping or a class; what is in a struct is named ``outer.inner``, as parquet does."""
    names: list[str] = []
    for name, kind in (columns if isinstance(columns, Mapping) else columns.__annotations__).items():
        inner = isinstance(kind, Mapping) or (isinstance(kind, type) and "__dataclass_fields__" in vars(kind))
        if not inner:
            _check_column(f"{outer}{name}", kind)
        names += _names(kind, f"{outer}{name}.") if inner else [f"{outer}{name}"]
    return names


def _check_column(name: str, kind: Any) -> None:
    """Refuse the type of a column that Flyte does not describe; one that is text cannot be looked up here.

    :raises TypeTransformerFailedError: if it is none of those
    """
    origin, args = get_origin(kind), get_args(kind)
    if origin in (list, dict) and args:
        _check_column(name, args[-1])
    elif not isinstance(kind, str) and kind not in _COLUMNS and getattr(kind, "__module__", "") != "numpy":
        known = ", ".join(each.__name__ for each in _COLUMNS)
        raise TypeTransformerFailedError(
            f"column {name!r} of a table is declared as {getattr(kind, '__name__', None) or kind}, which Flyte does not describe; "
            f"write {known}, a list or dict of one, or a type of numpy"
        )


def _io(name: str) -> Any:
    from importlib import import_module

    # io stands above types; it is loaded when the first table crosses
    return import_module(f"localflyte.io.{name}")
