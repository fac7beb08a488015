"""Frames: how messages are cut out of a byte stream. Four bytes of length, big-endian, then one msgpack array."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgpack import Packer
from msgpack import unpackb

from localflyte.errors import ProtocolError

__all__ = ("FrameReader", "pack_frame")

HEADER = 4
MAX_FRAME_BYTES = 1 << 30


def pack_frame(message: tuple[Any, ...]) -> bytes:
    """:return: the message as one frame, ready to send"""
    packer = Packer(use_bin_type=True, autoreset=False)
    packer.pack(message)
    with packer.getbuffer() as body:  # what `packb` gives would be a copy of it, and it may be large
        return b"".join((len(body).to_bytes(HEADER, "big"), body))


class FrameReader:
    """Collects received bytes and gives out whole messages. What does not fit the format is a `ProtocolError`."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._buffer = bytearray()
        self._limit = limit

    @property
    def partial(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """Take received bytes in and yield every message that is now complete.

        :raises ProtocolError: if a length is over the limit, or a body is not one msgpack array that begins with its kind
        """
        buffer = self._buffer
        buffer += data
        start, end = 0, len(buffer)
        try:
            while end - start >= HEADER:
                size = int.from_bytes(buffer[start : start + HEADER], "big")
                if size > self._limit:
                    raise ProtocolError(f"a frame of {size} bytes is over the limit of {self._limit} (max_frame_bytes)")
                if end - start - HEADER < size:
                    break
                start += HEADER + size
                yield _unpack(buffer, start - size, start)
        finally:
            del buffer[:start]


def _unpack(buffer: bytearray, start: int, end: int) -> list[Any]:
    with memoryview(buffer)[start:end] as body:
        try:
            message = unpackb(body, raw=False, strict_map_key=False)
        except Exception as error:
            raise ProtocolError(f"a frame could not be read: {type(error).__name__}: {error}") from error
    if not isinstance(message, list) or not message or not isinstance(message[0], str):
        raise ProtocolError("a frame is not an array that begins with its kind")
    return message
