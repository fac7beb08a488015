"""Tables: frames of pandas, pyarrow and polars, written as parquet or csv, read and turned into each other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any
from typing import NoReturn

from localflyte.io.handlers import ANYWHERE
from localflyte.io.handlers import OWN
from localflyte.io.handlers import decode
from localflyte.io.handlers import decoders
from localflyte.io.handlers import encoders
from localflyte.io.handlers import parts_of
from localflyte.io.handlers import protocol_of
from localflyte.io.location import is_remote
from localflyte.io.location import local_path
from localflyte.io.location import remote_filesystem
from localflyte.io.transfer import copy
from localflyte.io.transfer import temporary_path
from localflyte.types.frames import HANDLED
from localflyte.types.frames import frame_kind
from localflyte.types.frames import known_kind
from localflyte.types.refusal import ValueRefusedError

__all__ = ("CSV", "PARQUET", "convert", "format_of", "iterate", "read", "write", "writer_of")

PARQUET = "parquet"
CSV = "csv"

_HOLDS = "a frame of pandas, pyarrow or polars, or of a class that has handlers"


def format_of(uri: str, given: str = "") -> str:
    """:return: the format that was given, or that the ending of the name says"""
    return given or (CSV if uri.endswith(".csv") else PARQUET)


def writer_of(frame: Any, uri: str, given: str) -> tuple[Any, str, bool]:
    """Find what writes a table.

    :param uri: where to, or an empty string if nothing was said
    :param given: the format that was asked for, or an empty string
    :return: the handler, or ``None`` where none is needed; the format; and whether the table is to be written among the run's data
    :raises TypeError: if nothing writes tables of its class
    :raises ValueError: if nothing writes them in that format
    """
    kind = _nearest(type(frame))
    own = _own_formats(kind)
    form = given or (CSV if uri.endswith(".csv") else encoders.default_format(kind, own))
    protocol = protocol_of(uri) if uri else encoders.protocols.get(kind, "file")
    found = encoders.find(kind, protocol, form, own)
    if found is None:
        if not frame_kind(kind):
            raise TypeError(f"a flyte.io.DataFrame holds {_HOLDS}, not a {_name(kind)}")
        _refuse_format(form, kind, protocol, "DataFrameEncoder")
    return None if found is OWN else found, form, protocol in ("file", ANYWHERE)


def _nearest(kind: type[Any]) -> type[Any]:
    """:return: the nearest class that a class of frames is one of"""
    return next((each for each in getattr(kind, "__mro__", ()) if known_kind(each) or each in HANDLED), kind)


def _own_formats(kind: Any) -> tuple[str, ...]:
    """:return: the formats that need no handler"""
    return (PARQUET, CSV) if known_kind(kind) else ()


def write(frame: Any, uri: str, form: str) -> None:
    """Write a frame to a file.

    :raises ImportError: if the package that writes it is not installed
    :raises ValueRefusedError: if the format cannot hold the frame
    """
    kind = known_kind(_nearest(type(frame)))
    if is_remote(uri):
        place = temporary_path(f"frame.{form}")
        write(frame, place, form)
        copy(place, uri)
        os.unlink(place)
        os.rmdir(os.path.dirname(place))
        return
    path = local_path(uri)
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    if (kind.startswith("pandas") and form == PARQUET) or kind.startswith("pyarrow"):
        _need_pyarrow()
    part = f"{path}.{os.urandom(4).hex()}"  # whoever reads what was there before goes on reading that
    try:
        _write(frame, kind, part, form)
        os.replace(part, path)
    except ImportError as error:
        raise ImportError(f"{error} (pip install 'localflyte[frames]')", name=error.name) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] in ("pyarrow", "polars") or isinstance(error, (TypeError, ValueError)):
            raise ValueRefusedError(
                f"this {kind} cannot be written as {form}: {error}. "
                "Give each column values of one type, or annotate with Any to have it pickled."
            ) from error
        raise
    finally:
        if os.path.exists(part):
            os.unlink(part)


def _write(frame: Any, kind: str, path: str, form: str) -> None:
    match kind, form:
        case "pandas.DataFrame", "parquet":
            frame.to_parquet(path)
        case "pandas.DataFrame", _:
            frame.to_csv(path, index=False)
        case "pyarrow.Table", "parquet":
            from pyarrow.parquet import write_table

            write_table(frame, path)
        case "pyarrow.Table", _:
            from pyarrow.csv import write_csv

            write_csv(frame, path)
        case "polars.DataFrame", "parquet":
            frame.write_parquet(path)
        case "polars.DataFrame", _:
            frame.write_csv(path)
        case _, "parquet":
            frame.sink_parquet(path)
        case _:
            frame.sink_csv(path)


def read(uri: str, given: str, wanted: type[Any], columns: Sequence[str] = ()) -> Any:
    """Read a table as a kind of frame.

    :param given: its format, or an empty string to go by the ending of its name
    :param columns: the columns to read; all by default
    :raises ImportError: if the package that reads it is not installed
    :raises TypeError: if that is no kind of frame
    :raises ValueError: if nothing reads that kind of frame in that format
    """
    kind = _wanted(wanted)
    form = format_of(uri, given)
    handler = _reader_of(uri, given, wanted)
    if handler is not None:
        return decode(handler, uri, given, columns)
    chosen = list(columns) or None
    path = uri if is_remote(uri) else local_path(uri)
    if form == CSV and not path.endswith(".csv") and (is_remote(path) or os.path.isdir(path)):
        path = os.path.join(path, "data.csv")
    if kind.startswith("polars") and not is_remote(path) and not os.path.isdir(path):
        return _read_polars(path, form, kind, chosen)
    _need_pyarrow()
    if kind == "pandas.DataFrame":
        import pandas as pd

        return pd.read_parquet(path, columns=chosen) if form == PARQUET else pd.read_csv(path, usecols=chosen)
    return _from_arrow(_read_arrow(path, form, chosen), kind)


def _reader_of(uri: str, given: str, wanted: type[Any]) -> Any:
    kind = _nearest(wanted)
    own = _own_formats(kind)
    protocol = protocol_of(uri)
    found = decoders.find(kind, protocol, given or (format_of(uri) if own else ""), own)
    if found is None:
        _refuse_format(given, wanted, protocol, "DataFrameDecoder")
    return None if found is OWN else found


def _read_polars(path: str, form: str, kind: str, columns: list[str] | None) -> Any:
    import polars as pl

    if kind == "polars.DataFrame":
        return pl.read_parquet(path, columns=columns) if form == PARQUET else pl.read_csv(path, columns=columns)
    lazy = pl.scan_parquet(path) if form == PARQUET else pl.scan_csv(path)
    return lazy.select(columns) if columns else lazy


def _read_arrow(path: str, form: str, columns: list[str] | None) -> Any:
    system, inner = remote_filesystem(path) if is_remote(path) else (None, path)
    if form == PARQUET:
        from pyarrow.parquet import read_table

        return read_table(inner, columns=columns, filesystem=system)
    from pyarrow.csv import read_csv

    if system is None:
        table = read_csv(inner)
    else:
        with system.open(inner, "rb") as source:
            table = read_csv(source)
    return table.select(columns) if columns else table


def iterate(uri: str, given: str, wanted: type[Any], columns: Sequence[str] = ()) -> Iterator[Any]:
    """Read a table in parts, so that never all of it is in memory. A csv file is one part."""
    kind = _wanted(wanted)
    if _reader_of(uri, given, wanted) is not None:
        yield from parts_of(read(uri, given, wanted, columns))
        return
    if format_of(uri, given) != PARQUET or is_remote(uri) or os.path.isdir(local_path(uri)):
        yield read(uri, given, wanted, columns)
        return
    _need_pyarrow()
    from pyarrow import Table
    from pyarrow.parquet import ParquetFile

    with ParquetFile(local_path(uri)) as source:
        for batch in source.iter_batches(columns=list(columns) or None):
            yield _from_arrow(Table.from_batches([batch]), kind)


def convert(frame: Any, wanted: type[Any], columns: Sequence[str] = ()) -> Any:
    """Turn a frame into one of another kind, through Arrow's memory; one of the same kind is given as it is.

    :raises TypeError: if either is no frame
    """
    own, kind = frame_kind(type(frame)), frame_kind(wanted)
    if isinstance(frame, wanted):
        return _select(frame, kind, columns)
    kind = _wanted(wanted)
    if not own:
        raise TypeError(f"a flyte.io.DataFrame holds {_HOLDS}, not a {_name(type(frame))}")
    if not all(known_kind(_nearest(each)) for each in (type(frame), wanted)):
        raise TypeError(f"a {own} in memory cannot be made a {kind}: pass it to a task that declares one, which goes by a file")
    return _select(_through_arrow(frame, own, kind), kind, columns)


def _select(frame: Any, kind: str, columns: Sequence[str]) -> Any:
    if not columns or not known_kind(_nearest(type(frame))):
        return frame
    return frame[list(columns)] if kind == "pandas.DataFrame" else frame.select(list(columns))


def _through_arrow(frame: Any, own: str, kind: str) -> Any:
    if (own, kind) == ("polars.LazyFrame", "polars.DataFrame"):
        return frame.collect()
    if (own, kind) == ("polars.DataFrame", "polars.LazyFrame"):
        return frame.lazy()
    _need_pyarrow()
    if own == "pandas.DataFrame":
        from pyarrow import Table

        frame = Table.from_pandas(frame)
    elif own != "pyarrow.Table":
        frame = (frame if own == "polars.DataFrame" else frame.collect()).to_arrow()
    return _from_arrow(frame, kind)


def _from_arrow(table: Any, kind: str) -> Any:
    if kind == "pyarrow.Table":
        return table
    if kind == "pandas.DataFrame":
        return table.to_pandas()
    import polars as pl

    frame: Any = pl.from_arrow(table)
    return frame if kind == "polars.DataFrame" else frame.lazy()


def _wanted(kind: type[Any]) -> str:
    found = frame_kind(kind)
    if not found:
        raise TypeError(
            f"open() takes pandas.DataFrame, pyarrow.Table, polars.DataFrame or polars.LazyFrame, not {_name(kind)}; "
            "other kinds of frames come from one of these."
        )
    return found


def _refuse_format(form: str, kind: Any, protocol: str, base: str) -> NoReturn:
    raise ValueError(
        f"nothing is known to handle a {_name(kind)} as {form!r} at {protocol!r}: localflyte itself reads and writes frames of pandas, "
        f"pyarrow and polars as parquet and csv; for others, register a flyte.io.extend.{base}, or pass the file as a flyte.io.File"
    )


def _need_pyarrow() -> None:
    try:
        import pyarrow.parquet  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise ImportError(
            "tables cross from task to task as parquet, which needs pyarrow, and that is not installed here: "
            "pip install 'localflyte[frames]'",
            name="pyarrow",
        ) from error


def _name(kind: Any) -> str:
    return f"{kind.__module__}.{kind.__qualname__}" if isinstance(kind, type) else repr(kind)
