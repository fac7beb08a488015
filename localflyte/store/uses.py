"""Uses: which entries the engines at work have used, so that a sweep leaves those alone and knows what was used last.

Each engine has a file of its own, held by a lock as long as it lives, with a key a line. What an engine that was killed has used
counts like everything else: whoever comes next finds its file without a holder.
"""

from __future__ import annotations

import os
import time
import uuid
from typing import NamedTuple

from localflyte.store.blobs import is_digest
from localflyte.store.lock import Lock
from localflyte.store.lock import is_held
from localflyte.store.lock import take_lock

__all__ = ("Survey", "Uses", "survey_uses")


class Uses:
    """What this engine has used since it last had nothing to do.

    :param folder: where the files of all engines lie
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._known: dict[str, float] = {}
        self._lock: Lock | None = None

    def begin(self) -> None:
        """Tell sweeps that something is under way, before it is looked up or stored.

        :raises OSError: if that cannot be done
        """
        while self._lock is None:  # somebody who looks at all files may hold a new one for an instant
            self._lock = take_lock(os.path.join(self._folder, f"{time.time_ns()}-{uuid.uuid4().hex}"))

    def note(self, digest: str) -> None:
        """Note the use of an entry.

        :raises OSError: if that cannot be done
        """
        if digest not in self._known:
            self.begin()
            assert self._lock is not None  # nobody else knows the name of it
            self._lock.write(digest.encode() + b"\n")
        self._known[digest] = time.time()

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> dict[str, float]:
        """Hold what was used as before, and forget when.

        :return: when each entry was used last that was not forgotten before
        """
        known, self._known = self._known, {}
        return known

    def end(self) -> dict[str, float]:
        """Hold nothing any more; what is returned is as in `forget`."""
        known = self.forget()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
        return known


class Survey(NamedTuple):
    held: set[str]
    """The keys that engines at work have used."""
    since: float
    """When the first of them began, in seconds since the epoch; now if there is none."""
    over: dict[str, float]
    """The keys that engines used which were killed, and when."""
    files: list[str]
    """The files of those."""


def survey_uses(folder: str) -> Survey:
    """Look at what engines have used, and use."""
    found = Survey(set(), time.time(), {}, [])
    try:
        with os.scandir(folder) as entries:  # a folder or a link is none of ours, and a pipe would be waited for
            names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    except FileNotFoundError:
        return found
    since = found.since
    for name in names:
        path = os.path.join(folder, name)
        held = is_held(path)
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                keys = [line.strip() for line in file]
            when = os.stat(path).st_mtime
        except FileNotFoundError:
            continue  # its engine has just ended
        keys = [key for key in keys if is_digest(key)]
        if held:
            found.held.update(keys)
            since = min(since, _began(name, when))
        else:
            found.over.update(dict.fromkeys(keys, when))
            found.files.append(path)
    return found._replace(since=since)


def _began(name: str, otherwise: float) -> float:
    number = name.partition("-")[0]
    return int(number) / 1e9 if number.isdigit() else otherwise
