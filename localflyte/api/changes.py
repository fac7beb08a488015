"""Changes: whether files of the program were edited while it runs, as they are beside a notebook or a prompt.

The fork servers of an engine stay warm from run to run, with the code that they imported. After an edit they would run the
old code for whoever reloaded the new one, and its results would be stored as those of the new.
"""

from __future__ import annotations

import sys

from localflyte.api.sources import owner_of
from localflyte.api.sources import stamp_of

__all__ = ("times_changed",)

_seen: dict[str, object] = {}
_count = 0


def times_changed() -> int:
    """Look at the files of the project's modules that are loaded here.

    :return: how often it was found that one of them had changed since the last look
    """
    global _count  # noqa: PLW0603 - there is one program in a process
    changed = False
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if not file or owner_of(name) != "project":
            continue
        stamp = stamp_of(file)
        if stamp is not None and _seen.setdefault(file, stamp) != stamp:
            _seen[file] = stamp
            changed = True
    _count += changed
    return _count
