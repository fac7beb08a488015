"""DataFrame: a table that a task takes or gives, passed by reference as a parquet or csv file."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Generator
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import Self

from localflyte.io.handlers import encode
from localflyte.io.hashing import HashMethod
from localflyte.io.hashing import split_hash_method
from localflyte.io.location import base_name
from localflyte.io.location import is_remote
from localflyte.io.location import new_location
from localflyte.io.location import stable_path
from localflyte.io.stored import ByReference
from localflyte.io.tables import CSV
from localflyte.io.tables import PARQUET
from localflyte.io.tables import convert
from localflyte.io.tables import format_of
from localflyte.io.tables import iterate
from localflyte.io.tables import read
from localflyte.io.tables import write
from localflyte.io.tables import writer_of
from localflyte.spec.packed import Ref
from localflyte.types.refusal import ValueRefusedError

__all__ = ("CSV", "PARQUET", "DataFrame", "Parts")


class DataFrame(ByReference):
    """A table, in memory or in a file.

    :param uri: where its file or folder of files is; ``None`` while it is in memory only
    :param format: ``"parquet"`` or ``"csv"``; by default the ending of the name says it
    :param hash: the caller's own content key; without it the content decides whether a cached result fits
    """

    flyte_reference: ClassVar[str] = "DataFrame"
    _parts = ("uri", "format", "hash")
    _described = "A table, by where its file lies."

    def __init__(self, uri: str | None = None, format: str = "", hash: str | None = None, *, frame: Any = None) -> None:
        self.uri = uri
        self.format = format
        self.hash = hash
        self._frame = frame
        self._wanted: type[Any] | None = None
        self._columns: tuple[str, ...] = ()
        self._is_at_own_place = False

    @classmethod
    def wrap_df(cls, val: Any = None, uri: str | None = None) -> Self:
        """Wrap a frame. It is written when it crosses a border: to `uri`, or to a place of its own."""
        return cls(uri, frame=val)

    from_df = wrap_df

    @classmethod
    def from_local_sync(
        cls,
        df: Any,
        columns: Mapping[str, Any] | None = None,  # noqa: ARG003 - a cluster notes them
        remote_destination: str | None = None,
        hash_method: HashMethod | str | None = None,
    ) -> Self:
        """Wrap a frame, with a place to write it to or a key of its own.

        :param columns: what a cluster notes of the columns; all of them are written
        """
        key, method = split_hash_method(hash_method)
        if method is not None:
            method.update(df)
            key = method.result()
        made = cls.wrap_df(df, remote_destination)
        made.hash = key
        return made

    @classmethod
    async def from_local(
        cls,
        df: Any,
        columns: Mapping[str, Any] | None = None,
        remote_destination: str | None = None,
        hash_method: HashMethod | str | None = None,
    ) -> Self:
        """Wrap a frame; see `from_local_sync`."""
        return cls.from_local_sync(df, columns, remote_destination, hash_method)

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None, **more: Any) -> Self:
        """Point at a table that is already where it should be; nothing is read or checked."""
        return cls(remote_path, format or "", **more)

    @classmethod
    def columns(cls) -> dict[str, Any]:
        """:return: nothing; a class derived from this one may say more"""
        return {}

    @classmethod
    def column_names(cls) -> list[str]:
        """:return: the names of `columns`"""
        return list(cls.columns())

    @property
    def val(self) -> Any:
        """The frame in memory, if there is one."""
        return self._frame

    @property
    def metadata(self) -> None:
        """What a cluster notes of a table; there is none here."""
        return

    @property
    def literal(self) -> None:
        """Flyte's protobuf form of a table; there is none here."""
        return

    def choose(self, columns: Sequence[str]) -> Self:
        """Read only these columns from now on; a parameter ``Annotated[DataFrame, {"a": int}]`` does that."""
        self._columns = tuple(columns)
        return self

    def open(self, dataframe_type: type[Any]) -> Self:
        """Choose the kind of frame that `all` and `iter` give: that of pandas, ``pyarrow.Table``, or one of the two of polars."""
        self._wanted = dataframe_type
        return self

    def all_sync(self) -> Any:
        """Load the whole table.

        :raises ValueError: if `open` was not called before, or there is no table
        :raises TypeError: for other kinds of frames
        """
        wanted = self._opened()
        if self._frame is not None:
            return convert(self._frame, wanted, self._columns)
        return read(self._place(), self.format, wanted, self._columns)

    async def all(self) -> Any:
        """Load the whole table; see `all_sync`."""
        return self.all_sync()

    def iter(self) -> Parts:
        """Load the table part by part, as its file was written: ``async for part in await table.open(kind).iter()``.

        :return: what can be awaited, and gone through with ``async for`` or ``for``
        :raises ValueError: if `open` was not called before, or there is no table
        """
        wanted = self._opened()
        if self._frame is not None:
            return Parts(lambda: iter((convert(self._frame, wanted, self._columns),)))
        uri = self._place()
        return Parts(lambda: iterate(uri, self.format, wanted, self._columns))

    def flyte_convert(self, kind: type[Any]) -> Any:
        """Load the table as the kind of frame that a parameter declares."""
        return DataFrame.all_sync(self.open(kind))

    def to_ref(self) -> Ref:
        """Point at the file of the table; a frame that has none yet is written now.

        :raises ValueRefusedError: if there is no table, or its format cannot hold it
        """
        if self._frame is not None:
            self._write()
        if self.uri is None:
            raise ValueRefusedError("this DataFrame has neither a frame nor a uri; wrap a frame with DataFrame.from_df(frame)")
        place = stable_path(self.uri)
        kind = "dir" if not is_remote(place) and os.path.isdir(place) else "file"
        return Ref(kind, place, self.hash or "", base_name(place), self.format or format_of(place))

    @classmethod
    def from_ref(cls, ref: Ref | None) -> Self:
        """Make the value again where its content arrived."""
        return cls() if ref is None else cls(ref.path, ref.format, ref.hash or None)

    def _write(self) -> None:
        place = None if self._is_at_own_place else self.uri
        handler, form, is_here = writer_of(self._frame, place or "", self.format)
        if place is None:
            # anew each time: a frame may have changed since, and whoever got the last file may be reading it
            self.uri, self._is_at_own_place = new_location(f"frame.{form or 'table'}") if is_here else None, True
        if handler is None:
            write(self._frame, self.uri or "", form)
            self.format = form
        else:
            self.uri, self.format = encode(handler, self, form)

    def _opened(self) -> type[Any]:
        if self._wanted is None:
            raise ValueError("No dataframe type set. Call open(pandas.DataFrame), open(pyarrow.Table) or open(polars.DataFrame) first.")
        return self._wanted

    def _place(self) -> str:
        if self.uri is None:
            raise ValueError("This DataFrame has neither a frame nor a uri.")
        return self.uri


class Parts:
    """The parts of a table, read as they are asked for. Awaiting it gives itself, as flyte's ``iter`` is awaited."""

    def __init__(self, start: Callable[[], Iterator[Any]]) -> None:
        self._start = start

    def __iter__(self) -> Iterator[Any]:
        return self._start()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for part in self._start():
            yield part

    def __await__(self) -> Generator[None, None, Self]:
        return self
        yield
