"""flyte.io: files, folders and frames that tasks pass by reference. Nothing is loaded before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from localflyte._lazy import lazy_exports

__all__ = ("PARQUET", "DataFrame", "Dir", "EmptyDir", "File", "HashFunction")

if TYPE_CHECKING:
    from localflyte.io.dir import Dir as Dir
    from localflyte.io.dir import EmptyDir as EmptyDir
    from localflyte.io.file import File as File
    from localflyte.io.frame import PARQUET as PARQUET
    from localflyte.io.frame import DataFrame as DataFrame
    from localflyte.io.hashing import HashFunction as HashFunction

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "PARQUET": "frame",
        "DataFrame": "frame",
        "Dir": "dir",
        "EmptyDir": "dir",
        "File": "file",
        "HashFunction": "hashing",
    },
    submodules=("extend",),
)
