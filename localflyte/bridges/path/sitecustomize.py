"""Sitecustomize: what a fresh interpreter, started by a task in whose run ``flyte`` means localflyte, has to know to agree.

Its folder stands first in the ``PYTHONPATH`` of such tasks, so Python imports this file while it starts. A package called
``flyte`` there would not do: multiprocessing gives what it starts the ``sys.path`` of the task, which has no such folder.
The folder leaves ``sys.path`` again, and a sitecustomize that would have been found without it runs too.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ()

_HERE = os.path.dirname(os.path.abspath(__file__))


class _FirstImport:
    """Installs the alias when ``flyte`` is first imported: most programs that tasks start never do, and need not wait for it."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname != "flyte":
            return None
        sys.meta_path.remove(self)
        try:
            from localflyte.bridges.flyte import install
        except ModuleNotFoundError as error:
            if error.name != "localflyte":
                raise
            return None  # an interpreter of another environment, where flyte is what is installed there
        install()
        del sys.modules["flyte"]  # or the import that asks us would load localflyte once more
        return sys.meta_path[0].find_spec(fullname, path, target)


def _run_next() -> None:
    this = sys.modules.pop(__name__, None)
    try:
        import sitecustomize  # type: ignore[import-not-found]  # noqa: F401 - the one that we stand before
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        if this is not None:
            sys.modules.setdefault(__name__, this)


if _HERE in sys.path:  # what type checkers and documentation tools import is not meant
    sys.path[:] = [entry for entry in sys.path if entry != _HERE]
    sys.meta_path.insert(0, _FirstImport())
    _run_next()
