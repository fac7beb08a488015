"""Names: of runs, short enough to type, and of actions, the same whatever order things happen in."""

from __future__ import annotations

import hashlib
import os
import re
import time

__all__ = ("ROOT_ACTION", "action_name", "check_run_name", "is_action_name", "is_run_name", "new_run_name")

ROOT_ACTION = "a0"

LONGEST_RUN_NAME = 100  # characters; leaves room for "<name>/logs/<action>.<attempt>.out.txt" on filesystems that allow 255 bytes a part
ACTION_DIGITS = 20  # of base36, 103 bits: no two calls of one run share a name by chance
RANDOM_DIGITS = 4  # with the second they are made in; the folder is made exclusively, which settles the rest
SECOND_DIGITS = 6  # of base36, enough until 2038, after which names wrap round and stay unique enough

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)  # two at a time halve the divisions of a name, which is a call's
_RUN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_ACTION_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,127}\Z")


def new_run_name() -> str:
    """Make a name for a run: the random part comes first, so that a few letters are enough to find it again."""
    drawn = _base36(int.from_bytes(os.urandom(8), "big"), RANDOM_DIGITS)
    return "r" + drawn + _base36(int(time.time()), SECOND_DIGITS)


def action_name(parent: str, task: str, inputs_digest: str, seq: int, group: str = "") -> str:
    """Name a call by what it is, never by when it happened.

    :param parent: name of the calling action
    :param task: full name of the task that is called
    :param inputs_digest: digest of the inputs
    :param seq: how many equal calls (task, inputs, group) the parent has made, this one included, from 1
    :param group: name of the group it was called in, empty outside of one
    """
    # Lengths first: no two different tuples may read as the same text.
    text = "".join(f"{len(part)}:{part}" for part in (parent, task, inputs_digest, str(seq), group))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return _base36(int.from_bytes(digest[:16], "big"), ACTION_DIGITS)


def check_run_name(name: str) -> str:
    """Return the name if it can be the name of a folder.

    :raises ValueError: if it is empty, too long, or holds anything but letters, digits, ``.``, ``_`` and ``-``
    """
    if not name:
        raise ValueError("The name of a run is empty. Leave it out to have one made, or give letters, digits, '.', '_' and '-'.")
    if len(name) > LONGEST_RUN_NAME:
        raise ValueError(f"The run name {name[:20]!r}... has {len(name)} characters; at most {LONGEST_RUN_NAME} are allowed.")
    if _RUN_NAME.match(name) is None:
        raise ValueError(
            f"The run name {name!r} cannot be used: it names a folder, so it may hold only letters, digits, '.', '_' and '-', "
            f"and must not begin with '.' or '-'. Try {_nearest_legal(name)!r}."
        )
    return name


def is_run_name(name: str) -> bool:
    """Tell whether a folder of that name may hold a run."""
    return len(name) <= LONGEST_RUN_NAME and _RUN_NAME.match(name) is not None


def is_action_name(name: str) -> bool:
    """Tell whether the name may be part of a file's name."""
    return _ACTION_NAME.match(name) is not None


def _base36(number: int, digits: int) -> str:
    """:param digits: how many, an even number"""
    drawn = []
    for _ in range(digits // 2):
        number, pair = divmod(number, 1296)
        drawn.append(_PAIRS[pair])
    return "".join(reversed(drawn))


def _nearest_legal(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "my-run"
