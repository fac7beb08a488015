"""DataFrame: a table that a task takes or gives, passed by reference as a parquet or csv file."""

from __future__ import annotations

import os
import sys
from typing import Any
from typing import ClassVar
from typing import NoReturn
from typing import Self

from localflyte.io.hashing import HashMethod
from localflyte.io.hashing import split_hash_method
from localflyte.io.location import base_name
from localflyte.io.location import is_remote
from localflyte.io.location import local_path
from localflyte.io.location import new_location
from localflyte.io.location import stable_path
from localflyte.io.stored import ByReference
from localflyte.spec.packed import Ref

__all__ = ("CSV", "PARQUET", "DataFrame")

PARQUET = "parquet"
CSV = "csv"


class DataFrame(ByReference):
    """A table, in memory or in a file.

    :param uri: where its file is; ``None`` while it is in memory only
    :param format: ``"parquet"`` or ``"csv"``; by default the ending of the name says it
    :param hash: the caller's own content key; without it the content decides whether a cached result fits
    """

    flyte_reference: ClassVar[str] = "DataFrame"
    _parts = ("uri", "format", "hash")

    def __init__(self, uri: str | None = None, format: str = "", hash: str | None = None) -> None:
        self.uri = uri
        self.format = format
        self.hash = hash
        self._frame: Any = None
        self._wanted: type[Any] | None = None

    @classmethod
    def wrap_df(cls, val: Any = None, uri: str | None = None) -> Self:
        """Wrap a frame. It is written when it crosses a border: to `uri`, or to a place of its own."""
        made = cls(uri)
        made._frame = val
        return made

    from_df = wrap_df

    @classmethod
    def from_local_sync(
        cls, df: Any, columns: Any = None, remote_destination: str | None = None, hash_method: HashMethod | str | None = None
    ) -> Self:
        """Wrap a frame, with a place to write it to or a key of its own.

        :raises NotImplementedError: if columns are given; localflyte does not check or select them yet
        """
        if columns:
            _missing("columns=")
        key, method = split_hash_method(hash_method)
        if method is not None:
            method.update(df)
            key = method.result()
        made = cls.wrap_df(df, remote_destination)
        made.hash = key
        return made

    @classmethod
    async def from_local(
        cls, df: Any, columns: Any = None, remote_destination: str | None = None, hash_method: HashMethod | str | None = None
    ) -> Self:
        """Wrap a frame; see `from_local_sync`."""
        return cls.from_local_sync(df, columns, remote_destination, hash_method)

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None, **more: Any) -> Self:
        """Point at a table that is already where it should be; nothing is read or checked."""
        return cls(remote_path, format or "", **more)

    @property
    def val(self) -> Any:
        """The frame in memory, if there is one."""
        return self._frame

    def open(self, dataframe_type: type[Any]) -> Self:
        """Choose the kind of frame that `all` gives: ``pandas.DataFrame`` or ``pyarrow.Table``."""
        self._wanted = dataframe_type
        return self

    def all_sync(self) -> Any:
        """Load the whole table.

        :raises ValueError: if `open` was not called before
        :raises NotImplementedError: for other kinds of frames and formats
        """
        if self._wanted is None:
            raise ValueError("No dataframe type set. Call open(pandas.DataFrame) or open(pyarrow.Table) first.")
        if self._frame is not None:
            return _convert(self._frame, self._wanted)
        if self.uri is None:
            raise ValueError("This DataFrame has neither a frame nor a uri.")
        return _read(self.uri, _format(self.uri, self.format), self._wanted)

    async def all(self) -> Any:
        """Load the whole table; see `all_sync`."""
        return self.all_sync()

    def flyte_convert(self, kind: type[Any]) -> Any:
        """Load the table as the kind of frame that a parameter declares."""
        return DataFrame.all_sync(self.open(kind))

    async def iter(self) -> Any:
        """Not there yet.

        :raises NotImplementedError: always
        """
        _missing("DataFrame.iter()")

    def to_ref(self) -> Ref | None:
        """Point at the file of the table; a frame that has none yet is written now."""
        if self._frame is not None:
            self.format = self.format or (CSV if (self.uri or "").endswith(".csv") else PARQUET)
            self.uri = self.uri or new_location(f"frame.{self.format}")
            _write(self._frame, local_path(self.uri), self.format)
        if self.uri is None:
            return None
        place = stable_path(self.uri)
        kind = "dir" if not is_remote(place) and os.path.isdir(place) else "file"
        return Ref(kind, place, self.hash or "", base_name(place), _format(place, self.format))

    @classmethod
    def from_ref(cls, ref: Ref | None) -> Self:
        """Make the value again where its content arrived."""
        return cls() if ref is None else cls(ref.path, ref.format, ref.hash or None)


def _missing(what: str) -> NoReturn:
    raise NotImplementedError(
        f"{what} is not supported by localflyte yet: it carries pandas.DataFrame and pyarrow.Table as parquet or csv. "
        "Convert the frame, or write a file of your own and pass a flyte.io.File."
    )


def _format(uri: str, given: str) -> str:
    return given or (CSV if uri.endswith(".csv") else PARQUET)


def _is(kind: Any, module: str, name: str) -> bool:
    return kind is getattr(sys.modules.get(module), name, object())


def _write(frame: Any, path: str, form: str) -> None:
    kind = type(frame)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    if form not in (PARQUET, CSV):
        _missing(f"the format {form!r}")
    if _is(kind, "pandas", "DataFrame"):
        frame.to_parquet(path) if form == PARQUET else frame.to_csv(path, index=False)
    elif _is(kind, "pyarrow", "Table"):
        if form == PARQUET:
            from pyarrow.parquet import write_table

            write_table(frame, path)
        else:
            from pyarrow.csv import write_csv

            write_csv(frame, path)
    else:
        _missing(f"a frame of type {kind.__module__}.{kind.__qualname__}")


def _read(uri: str, form: str, wanted: type[Any]) -> Any:
    path = uri if is_remote(uri) else local_path(uri)
    if form not in (PARQUET, CSV):
        _missing(f"the format {form!r}")
    if _is(wanted, "pandas", "DataFrame"):
        import pandas as pd

        return pd.read_parquet(path) if form == PARQUET else pd.read_csv(path)
    if _is(wanted, "pyarrow", "Table"):
        if form == PARQUET:
            from pyarrow.parquet import read_table

            return read_table(path)
        from pyarrow.csv import read_csv

        return read_csv(path)
    _missing(f"a frame of type {wanted.__module__}.{wanted.__qualname__}")


def _convert(frame: Any, wanted: type[Any]) -> Any:
    if isinstance(frame, wanted):
        return frame
    if _is(type(frame), "pandas", "DataFrame") and _is(wanted, "pyarrow", "Table"):
        return wanted.from_pandas(frame)
    if _is(type(frame), "pyarrow", "Table") and _is(wanted, "pandas", "DataFrame"):
        return frame.to_pandas()
    _missing(f"turning {type(frame).__qualname__} into {wanted.__module__}.{wanted.__qualname__}")
