"""Disk: diskcache reduced to what can be trusted. It stores and reads bytes in rows, and refuses everything else.

diskcache as it comes unpickles what it finds, opens and deletes paths that its rows name (CVE-2025-69872). Here a row
holds bytes under a text key, or it is not ours.
"""

from __future__ import annotations

from typing import Any

from diskcache import UNKNOWN
from diskcache import Disk

__all__ = ("BytesDisk", "ForeignRowError")

MODE_RAW = 1  # diskcache.core.MODE_RAW: the value is in the row, as it is


class ForeignRowError(Exception):
    """Raised when a row of the index is not of the one shape we write."""


class BytesDisk(Disk):  # type: ignore[misc]
    """Text keys, bytes values, nothing in files, nothing unpickled."""

    def put(self, key: Any) -> tuple[str, bool]:
        if not isinstance(key, str):
            raise ForeignRowError(f"a key must be text, not {type(key).__name__}")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        if not raw or not isinstance(key, str):
            raise ForeignRowError("a key of the index is not text")
        return key

    def store(self, value: Any, read: bool, key: Any = UNKNOWN) -> tuple[int, int, None, bytes]:
        if read or not isinstance(value, bytes):
            raise ForeignRowError(f"a value must be bytes, not {type(value).__name__}")
        return 0, MODE_RAW, None, value

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        if mode != MODE_RAW or filename is not None or read or not isinstance(value, bytes):
            raise ForeignRowError(f"a row of the index is not plain bytes (mode {mode!r})")
        return value

    def filename(self, key: Any = UNKNOWN, value: Any = UNKNOWN) -> tuple[str, str]:
        raise ForeignRowError("values never go into files of the index")

    def remove(self, file_path: str) -> None:
        """Leave the file alone. We name none, so this is what a planted row named, on its way out."""
