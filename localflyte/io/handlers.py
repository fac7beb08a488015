"""Handlers: what programs register to write and read tables of a kind, or in a format, that localflyte does not know by itself.

A handler is found by the class of the table, the protocol of the place (``file`` for this machine) and the format. An exact match
comes first; then what was registered for the protocol, for every protocol (`ANYWHERE`), and for every format (an empty one).
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import Self

from localflyte.types.codec import forget
from localflyte.types.frames import HANDLED

__all__ = (
    "ANYWHERE",
    "OWN",
    "DuplicateHandlerError",
    "Registry",
    "TableColumn",
    "TableLiteral",
    "TableMetadata",
    "TableType",
    "decode",
    "decoders",
    "encode",
    "encoders",
    "parts_of",
    "protocol_of",
)

ANYWHERE = "fsspec"  # flyte's word for every place that can be opened
OWN = object()
"""Stands for what localflyte does by itself."""
_ANY_FORMAT = ""


class DuplicateHandlerError(ValueError):
    """Raised when there is a handler for a class, protocol and format already, and `override` was not asked for."""


@dataclass
class TableColumn:
    """Stands for a column in flyte's protobuf."""

    name: str


@dataclass
class TableType:
    """Stands for flyte's protobuf StructuredDatasetType: what is to be written, or was."""

    format: str = ""
    columns: Sequence[Any] = ()


@dataclass
class TableMetadata:
    """Stands for flyte's protobuf StructuredDatasetMetadata."""

    structured_dataset_type: Any = field(default_factory=TableType)


@dataclass
class TableLiteral:
    """Stands for flyte's protobuf StructuredDataset: where a table is."""

    uri: str
    metadata: Any = field(default_factory=TableMetadata)


class Registry:
    """The handlers of one direction, and which of them a class of tables uses where nothing is said."""

    def __init__(self) -> None:
        self.handlers: dict[Any, dict[str, dict[str, Any]]] = {}
        self.formats: dict[Any, str] = {}
        self.protocols: dict[Any, str] = {}

    def add(self, handler: Any, *, override: bool, is_format: bool, is_protocol: bool) -> None:
        """Remember a handler.

        :param is_format: whether its format is that of tables of the class of which nothing is said
        :param is_protocol: whether its protocol is
        :raises DuplicateHandlerError: if there is one already
        """
        kind, protocol, form = handler.python_type, handler.protocol or ANYWHERE, handler.supported_format
        protocol = "file" if protocol == "/" else protocol
        known = self.handlers.setdefault(kind, {}).setdefault(protocol, {})
        if form in known and not override:
            raise DuplicateHandlerError(
                f"there is a handler for {kind.__qualname__}, protocol {protocol!r} and format {form!r} already: "
                f"{type(known[form]).__name__}; register with override=True to take its place"
            )
        known[form] = handler
        if is_format and form != _ANY_FORMAT and (override or kind not in self.formats):
            self.formats[kind] = form
        if is_protocol and (override or kind not in self.protocols):
            self.protocols[kind] = protocol
        HANDLED.add(kind)
        forget()

    def find(self, kind: Any, protocol: str, form: str, own: Sequence[str] = ()) -> Any:
        """Find the handler for a class of tables at a place in a format.

        :param own: the formats that localflyte knows for this class by itself, the usual one first
        :return: the handler, `OWN` where none is needed, or ``None``
        """
        known = self.handlers.get(kind, {})
        there = known.get(protocol, {})
        anywhere = {**dict.fromkeys(own, OWN), **known.get(ANYWHERE, {})}
        if form in there:
            return there[form]
        default = self.default_format(kind, own)
        found = there.get(_ANY_FORMAT) or there.get(default) or anywhere.get(form) or anywhere.get(_ANY_FORMAT)
        if found is None and form == _ANY_FORMAT:
            found = anywhere.get(default) or _sole(anywhere)
        return found or _sole(there)

    def default_format(self, kind: Any, own: Sequence[str] = ()) -> str:
        """:return: the format of tables of a class of which nothing is said"""
        return self.formats.get(kind) or (own[0] if own else _ANY_FORMAT)


def _sole(handlers: Mapping[str, Any]) -> Any:
    return next(iter(handlers.values())) if len(handlers) == 1 else None


encoders = Registry()
decoders = Registry()


def protocol_of(uri: str) -> str:
    """:return: the protocol of a place; ``file`` for a path of this machine"""
    protocol, found, _ = uri.partition("://")
    return protocol if found else "file"


def encode(handler: Any, table: Any, form: str) -> tuple[str, str]:
    """Have a handler write a table.

    :param table: the flyte.io.DataFrame around it; its ``uri`` is where it should go, if that is known
    :param form: the format that was asked for
    :return: where the table is, and its format
    :raises TypeError: if the handler does not say where
    """
    with _Loop() as loop:
        literal = loop.run(lambda: handler.encode(table, _table_type(form, ())))
    uri = literal if isinstance(literal, str) else getattr(literal, "uri", None)
    if not isinstance(uri, str) or not uri:
        raise TypeError(f"{type(handler).__name__}.encode() gave {literal!r}, which has no uri: say where the table was written")
    return uri, handler.supported_format or form


def decode(handler: Any, uri: str, form: str, columns: Sequence[str]) -> Any:
    """Have a handler read a table.

    :return: the table, or an iterator over its parts, as the handler does it
    """
    about = _table_type(form, columns)
    literals = sys.modules.get("flyteidl2.core.literals_pb2")
    if literals is None:
        metadata: Any = TableMetadata(about)
        literal: Any = TableLiteral(uri, metadata)
    else:
        metadata = literals.StructuredDatasetMetadata(structured_dataset_type=about)
        literal = literals.StructuredDataset(uri=uri, metadata=metadata)
    with _Loop() as loop:
        return loop.run(lambda: handler.decode(literal, metadata))


def parts_of(read: Any) -> Iterator[Any]:
    """Go through what a handler has read: the parts that it gives one after the other, or the whole."""
    if isinstance(read, Iterator):
        yield from read
    elif isinstance(read, AsyncIterator):
        with _Loop() as loop:
            while True:
                part = loop.run(lambda: anext(read, OWN))
                if part is OWN:
                    return
                yield part
    else:
        yield read


class _Loop:
    """An event loop in a thread of its own, since the one that asks may run a loop already."""

    def __enter__(self) -> Self:
        import asyncio
        from concurrent.futures import ThreadPoolExecutor

        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1)
        return self

    def run(self, start: Callable[[], Any]) -> Any:
        """Call what may be an async function, and wait for its result."""

        async def call() -> Any:
            made = start()
            return await made if hasattr(made, "__await__") else made

        return self._thread.submit(copy_context().run, self._loop.run_until_complete, call()).result()

    def __exit__(self, *_: object) -> None:
        self.run(self._loop.shutdown_asyncgens)
        self._thread.shutdown()
        self._loop.close()


def _table_type(form: str, columns: Sequence[str]) -> Any:
    """Describe a table with flyte's own protobuf where the program has loaded it, else with what stands here for it."""
    types = sys.modules.get("flyteidl2.core.types_pb2")
    if types is None:
        return TableType(form, [TableColumn(name) for name in columns])
    kind = types.StructuredDatasetType
    return kind(format=form, columns=[kind.DatasetColumn(name=name) for name in columns])
