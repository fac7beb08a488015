"""Kept: outlines beside Python's own compiled files, since parsing takes most of the time of a fingerprint.

The rules are those of compiled files: in ``__pycache__``, made again when the source is another, not written where those are
not. An outline says the same in every Python version.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from msgpack import packb

from localflyte.api.outline import Outline
from localflyte.api.outline import unpack
from localflyte.spec.digest import sha256

__all__ = ("outline_of_source",)

#: Of the files beside the sources. It changes with anything that changes what an outline says.
FORM = 1


def outline_of_source(source: bytes, file: str = "") -> Outline:
    """Outline a source.

    :param file: where it lies, to keep the outline beside it
    :raises SyntaxError: if it is no Python
    :raises RecursionError: if it is nested too deeply to look into
    """
    kept = _place_beside(file) if file.endswith(".py") else ""
    digest = sha256(source)
    rows = _read(kept, digest) if kept else None
    if rows is None:
        from localflyte.api.outlining import rows_of  # and with it `ast`, which costs more than what follows

        rows = rows_of(source)
        if kept:
            with suppress(OSError):
                _write(kept, digest, rows)
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


def _read(path: str, digest: str) -> Any:
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return None
    head = data[:128]
    if head[:64] != digest.encode() or head[64:] != sha256(data[128:]).encode():
        return None
    return unpack(data[128:])


def _write(path: str, digest: str, rows: Any) -> None:
    if sys.dont_write_bytecode or not os.path.isdir(os.path.dirname(path)):
        return
    body: bytes = packb(rows)
    draft = f"{path}.{os.getpid()}.{id(rows):x}"
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(fd, "wb") as file:
            file.write(digest.encode() + sha256(body).encode() + body)
        os.replace(draft, path)
    except BaseException:
        os.unlink(draft)
        raise
