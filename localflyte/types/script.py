"""Script: the name under which a worker imports the file that runs here as ``__main__``."""

from __future__ import annotations

import sys
from os.path import abspath
from os.path import basename
from os.path import dirname
from os.path import sep
from os.path import splitext
from typing import Any

__all__ = ("find_in_script", "is_script", "name_in_script", "script_module")

_OWN_FOLDER = dirname(dirname(abspath(__file__))) + sep


def script_module() -> str:
    """Name the script of this process as a worker knows it: the stem of its file, or what ``python -m`` was given.

    :return: the name, or an empty string where ``__main__`` has no file (a notebook, ``-c``) or is localflyte itself
    """
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if not file or abspath(file).startswith(_OWN_FOLDER):
        return ""
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name != "__main__":
        return str(spec.name)
    return str(splitext(basename(file))[0])


def is_script(module: str) -> bool:
    """Tell whether what a worker calls `module` is the ``__main__`` of this process."""
    if not module or module != script_module():
        return False
    # a console script may have the stem of a package: bin/localflyte is not the module localflyte
    other = sys.modules.get(module)
    return other is None or getattr(other, "__file__", None) in (None, sys.modules["__main__"].__file__)


def name_in_script(thing: Any) -> tuple[str, str] | None:
    """Name a class or function of the script so that a worker finds it by importing.

    :return: module and qualified name, or ``None`` if importing the script does not define it
    """
    module, path = script_module(), getattr(thing, "__qualname__", "")
    if not module or not path or "<" in path:
        return None
    main = sys.modules["__main__"]
    if _walk(main, path) is not thing or not _is_defined_at_top(str(main.__file__), path.partition(".")[0]):
        return None
    return module, path


def _is_defined_at_top(file: str, name: str) -> bool:
    """Whether a file defines a name outside of any block: no worker runs what stands under ``if __name__ == "__main__"``."""
    key = (file, name)
    if key not in _at_top:
        import re

        try:
            with open(file, encoding="utf-8", errors="replace") as source:
                text = source.read()
        except OSError:
            return False
        _at_top[key] = bool(re.search(rf"^(?:class|def|async\s+def)\s+{re.escape(name)}\b|^{re.escape(name)}\s*[:=]", text, re.MULTILINE))
    return _at_top[key]


_at_top: dict[tuple[str, str], bool] = {}


def find_in_script(module: str, path: str) -> Any:
    """Find a class or function by the name that `name_in_script` gave it, in whichever process this is."""
    if is_script(module):
        return _walk(sys.modules["__main__"], path)
    if module not in sys.modules:
        __import__(module)
    return _walk(sys.modules[module], path)


def _walk(place: Any, path: str) -> Any:
    for step in path.split("."):
        place = getattr(place, step, None)
    return place
