"""Kept: outlines beside Python's own compiled files, since parsing takes most of the time of a fingerprint.

The rules are those of compiled files: in ``__pycache__``, made again when the source is another, not written where those are
not. An outline says the same in every Python version.
"""

from __future__ import annotations

import os
import sys
import time
from binascii import crc32
from contextlib import suppress
from typing import Any

from msgpack import packb

from localflyte.api.outline import Outline
from localflyte.api.outline import unpack
from localflyte.spec.digest import sha256

__all__ = ("Stamp", "outline_of_file", "outline_of_source")

#: Of the files beside the sources. It changes with anything that changes what an outline says.
FORM = 1
#: A file can change twice within one tick of its filesystem's clock, so what changed just now is not known by its times.
SETTLED_NS = 2_000_000_000

Stamp = tuple[int, int, int, int]
"""What changes with a file: its mtime, its size, its inode and its ctime."""


def outline_of_file(file: str, stamp: Stamp) -> Outline | None:
    """Find the outline of a file that has these times, without reading it.

    :return: ``None`` if it is not kept
    """
    found = _read(_place_beside(file)) if file.endswith(".py") else None
    return Outline(found[2]) if found is not None and found[1] == stamp else None


def outline_of_source(source: bytes, file: str = "", stamp: Stamp | None = None) -> Outline:
    """Outline a source.

    :param file: where it lies, to keep the outline beside it
    :param stamp: of the file, from before it was read
    :raises SyntaxError: if it is no Python
    :raises RecursionError: if it is nested too deeply to look into
    """
    kept = _place_beside(file) if file.endswith(".py") else ""
    digest = sha256(source)
    found = _read(kept) if kept else None
    settled = stamp if stamp is not None and max(stamp[0], stamp[3]) < time.time_ns() - SETTLED_NS else None
    if found is not None and found[0] == digest and found[1] == settled:
        return Outline(found[2])
    if found is not None and found[0] == digest:
        rows = found[2]
    else:
        from localflyte.api.outlining import rows_of  # and with it `ast`, which costs more than what follows

        rows = rows_of(source)
    if kept:
        with suppress(OSError):
            _write(kept, packb([digest, settled, rows]))
    return Outline(rows)


def _place_beside(file: str) -> str:
    """:return: where the outline of a file is kept: in the folder in which Python would keep the compiled file"""
    folder, _, name = file.rpartition("/")
    if sys.pycache_prefix is None:
        folder = f"{folder}/__pycache__"
    else:
        from importlib.util import cache_from_source

        folder = os.path.dirname(cache_from_source(file))
    return f"{folder}/{name.removesuffix('.py')}.localflyte-{FORM}"


def _read(path: str) -> Any:
    """:return: digest and stamp of the source, and what was kept of it; ``None`` if that is not there or damaged"""
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read()
    except OSError:
        return None
    body = memoryview(data)[4:]
    return unpack(body) if len(data) > 4 and data[:4] == crc32(body).to_bytes(4) else None


def _write(path: str, body: bytes) -> None:
    if sys.dont_write_bytecode or not os.path.isdir(os.path.dirname(path)):
        return
    draft = f"{path}.{os.getpid()}.{id(body):x}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(fd, "wb") as file:
            file.write(crc32(body).to_bytes(4) + body)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
