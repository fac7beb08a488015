"""Streams: files opened for reading or writing, with plain and with awaitable methods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Generator
from typing import IO
from typing import Any
from typing import Self

from localflyte.io.location import is_remote
from localflyte.io.location import local_path
from localflyte.io.location import remote_filesystem

__all__ = ("AsyncOpening", "AsyncStream", "open_stream", "writes")

_BY_ENDING = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}
_LATENCY_HINTS = ("block_size", "cache_type", "cache_options")  # fsspec's; they mean something over a network only


def writes(mode: str) -> bool:
    """:return: whether a file opened in this mode can change"""
    return any(letter in mode for letter in "wax+")


def open_stream(path: str, mode: str = "rb", *, compression: str | None = None, **options: Any) -> IO[Any]:
    """Open a local path, a ``file://`` URL, or what fsspec can open.

    :param compression: ``"gzip"``, ``"bz2"``, ``"xz"``, or ``"infer"`` to go by the ending of the name
    :param options: further arguments of `open`, such as ``encoding``
    :raises ValueError: if the compression is unknown
    """
    if is_remote(path):
        system, inner = remote_filesystem(path)
        stream: IO[Any] = system.open(inner, mode, compression=compression, **options)
        return stream
    for hint in _LATENCY_HINTS:
        options.pop(hint, None)
    target = local_path(path)
    if compression == "infer":
        compression = next((kind for ending, kind in _BY_ENDING.items() if target.endswith(ending)), None)
    if compression is None:
        return open(target, mode, **options)
    return _open_compressed(target, mode, compression, options)


def _open_compressed(path: str, mode: str, compression: str, options: dict[str, Any]) -> IO[Any]:
    opener: Callable[..., Any]
    match compression:
        case "gzip":
            from gzip import open as opener
        case "bz2":
            from bz2 import open as opener
        case "xz" | "lzma":
            from lzma import open as opener
        case _:
            raise ValueError(f"unknown compression {compression!r}: use 'gzip', 'bz2', 'xz' or 'infer'")
    stream: IO[Any] = opener(path, mode if "b" in mode or "t" in mode else f"{mode}t", **options)  # noqa: SIM115 - the caller closes it
    return stream


class _Done:
    """An awaitable whose value is there already."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, Any]:
        return self._value
        yield


class AsyncStream:
    """A file with awaitable methods. Reads and writes of local files happen at once; there is no thread between."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream = stream

    @property
    def name(self) -> Any:
        """The path of the file, where the opener knows it."""
        return getattr(self._stream, "name", None)

    @property
    def mode(self) -> str:
        """How the file was opened."""
        return str(getattr(self._stream, "mode", ""))

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self._stream.closed

    async def read(self, size: int = -1) -> Any:
        """Read up to `size` bytes or characters, or all that is left."""
        return self._stream.read(size)

    async def readline(self, size: int = -1) -> Any:
        """Read one line."""
        return self._stream.readline(size)

    async def readlines(self, hint: int = -1) -> list[Any]:
        """Read all lines that are left."""
        return self._stream.readlines(hint)

    def write(self, data: Any) -> _Done:
        """Write. It is done when this returns, so that libraries may write without awaiting."""
        return _Done(self._stream.write(data))

    def writelines(self, lines: Any) -> _Done:
        """Write many pieces."""
        return _Done(self._stream.writelines(lines))

    async def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position."""
        return self._stream.seek(offset, whence)

    async def tell(self) -> int:
        """:return: the position"""
        return self._stream.tell()

    async def truncate(self, size: int | None = None) -> int:
        """Cut the file off."""
        return self._stream.truncate(size)

    def flush(self) -> _Done:
        """Hand to the system what was written."""
        return _Done(self._stream.flush())

    async def close(self) -> None:
        """Close the file."""
        self._stream.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stream.close()

    async def __aiter__(self) -> AsyncIterator[Any]:
        for line in self._stream:
            yield line


class AsyncOpening:
    """What ``file.open()`` gives: to be entered with ``async with``."""

    def __init__(self, opener: Callable[[], IO[Any]], closed: Callable[[], None]) -> None:
        self._open = opener
        self._closed = closed

    async def __aenter__(self) -> AsyncStream:
        self._stream = self._open()
        return AsyncStream(self._stream)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stream.close()
        if kind is None:
            self._closed()
