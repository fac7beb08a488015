"""Quiet: imports without the thread that an allocator starts for itself, so that the process can be forked afterwards.

The jemalloc in pyarrow's wheels gives memory back from a thread of its own, unless it is told not to when it is loaded; then the
threads that free memory do so in passing. The variable is put where libraries look, and not into `os.environ`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from importlib import import_module

__all__ = ("load_tables", "quiet")

_VARIABLE = "JE_ARROW_MALLOC_CONF"

#: What reading and writing a table imports beside the package that a program names; a fifth of a second in each child.
_NEEDED = ("pyarrow.parquet", "pyarrow.dataset")
_NEEDED_BY_PANDAS = ("pyarrow.pandas_compat", "pandas.core.arrays.arrow.extension_types")


@contextmanager
def quiet() -> Iterator[None]:
    """Have libraries that are loaded meanwhile start no such thread, unless the task's environment says something about it."""
    if _VARIABLE in os.environ:
        yield
        return
    os.putenv(_VARIABLE, "background_thread:false")
    try:
        yield
    finally:
        os.unsetenv(_VARIABLE)


def load_tables(interfaces: Iterable[str]) -> bool:
    """Import what a process needs to read and write tables, if a task takes or gives one and it is installed.

    :param interfaces: the digest lines of the tasks' interfaces
    :return: whether anything was imported
    """
    if not any("frame:p" in line or "DataFrame" in line for line in interfaces):
        return False
    with quiet(), suppress(ImportError):
        for name in _NEEDED + (_NEEDED_BY_PANDAS if "pandas" in sys.modules else ()):
            import_module(name)
    return True
