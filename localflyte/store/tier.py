"""Tier: a second place to look for results: a folder that ``localflyte cache export`` wrote. Nothing is ever written to it.

It holds plain files, so it can lie on a read-only mount or come out of a CI cache. Whoever names it trusts who wrote it, as
with code; what is damaged in it is a miss all the same.
"""

from __future__ import annotations

import os
from contextlib import suppress

from localflyte.store.blobs import Blobs
from localflyte.store.blobs import open_regular
from localflyte.store.record import ROW_BYTES

__all__ = ("CODE", "RECORDS", "Tier")

RECORDS = "records"
CODE = "code"


class Tier:
    """:param folder: need not be there"""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.blobs = Blobs(os.path.join(folder, "blobs"), writable=False)

    def record(self, digest: str) -> bytes | None:
        """:return: the record of a key, unchecked"""
        return self._read(RECORDS, digest)

    def code(self, digest: str) -> bytes | None:
        """:return: what a version was made of, unchecked"""
        return self._read(CODE, digest)

    def _read(self, kind: str, digest: str) -> bytes | None:
        with suppress(FileNotFoundError), open_regular(os.path.join(self.folder, kind, digest[:2], digest)) as file:
            return file.read(ROW_BYTES)  # one that is cut there is damaged
        return None
