"""Tables: what reads and writes them, imported once in a fork server, so that its children need not."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

__all__ = ("load_tables",)

#: What reading and writing a table imports beside the package that a program names; each child would import it anew.
_NEEDED = ("pyarrow.parquet", "pyarrow.dataset")
_NEEDED_BY_PANDAS = ("pyarrow.pandas_compat", "pandas.core.arrays.arrow.extension_types")


def load_tables(interfaces: Iterable[str]) -> bool:
    """Import what a process needs to read and write tables, if a task takes or gives one and it is installed.

    :param interfaces: the digest lines of the tasks' interfaces
    :return: whether anything was imported
    """
    if not any("frame:p" in line or "DataFrame" in line for line in interfaces):
        return False
    with suppress(ImportError):
        for name in _NEEDED + (_NEEDED_BY_PANDAS if "pandas" in sys.modules else ()):
            import_module(name)
    return True
