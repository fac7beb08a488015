"""Past: what is stored of a task, the newest first, as it is needed to compare a key with; read once, and then only what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence

from localflyte.store.disk import ForeignRowError
from localflyte.store.entries import CODE
from localflyte.store.index import Index
from localflyte.store.record import DamagedRecordError
from localflyte.store.record import OtherSchemaError
from localflyte.store.record import Record
from localflyte.store.record import unpack_code
from localflyte.store.record import unpack_record

__all__ = ("MOST", "Past")

MOST = 500  # entries of a task that are compared: 10 ms to read, where a task has 100,000
MOST_TASKS = 64  # whose entries are kept
MOST_CODES = 256  # versions whose parts are kept


class Past:
    """Entries of tasks. What is damaged, foreign or of another schema is not among them.

    :param most: how many entries of a task are looked at, those that were stored last
    """

    def __init__(self, index: Index, most: int = MOST) -> None:
        self._index = index
        self._most = most
        self._last: dict[str, int] = {}
        self._entries: dict[str, list[Record]] = {}
        self._codes: dict[str, Mapping[str, str] | None] = {}
        self._tags: list[str] = []

    def entries(self, task: str) -> Sequence[Record]:
        """List the entries of a task, without their outputs, the newest first; one may have gone meanwhile, as `find` tells.

        :raises UnusableIndexError: if the index cannot be read
        """
        if task not in self._entries and len(self._entries) >= MOST_TASKS:
            self.forget(next(iter(self._entries)))
        known = self._entries.setdefault(task, [])
        rows = self._index.newest(task, self._most, self._last.get(task, -1 << 62))
        if rows:
            self._last[task] = rows[0].number
            read = [record for row in rows if (record := _record(row.value, row.key)) is not None]
            new = [record._replace(outputs=()) for record in read if record.task == task]
            again = {record.key for record in new}
            known[:] = _fair([*new, *(record for record in known if record.key not in again)], self._most)
        return known

    def forget(self, task: str) -> None:
        """Have the entries of a task read anew."""
        self._entries.pop(task, None)
        self._last.pop(task, None)

    def find(self, key: str) -> Record | None:
        """:return: the entry of a key, as it is now
        :raises UnusableIndexError: if the index cannot be read
        """
        value = self._get(key)
        return None if value is None else _record(value, key)

    def code(self, digest: str) -> Mapping[str, str] | None:
        """:return: what a version was made of, or ``None`` where that is not known any more
        :raises UnusableIndexError: if the index cannot be read
        """
        if digest not in self._codes:
            if len(self._codes) >= MOST_CODES:
                self._codes.clear()
            self._codes[digest] = self._read_code(digest)
        return self._codes[digest]

    def tasks(self) -> Sequence[str]:
        """:return: the tasks that have entries
        :raises UnusableIndexError: if the index cannot be read
        """
        self._tags = self._tags or self._index.tags()
        return self._tags

    def _read_code(self, digest: str) -> Mapping[str, str] | None:
        value = self._get(f"{CODE}{digest}") if digest else None
        try:
            return None if value is None else unpack_code(value, digest)
        except DamagedRecordError:
            return None

    def _get(self, key: str) -> bytes | None:
        try:
            return self._index.get(key)
        except ForeignRowError:
            return None


def _fair(entries: list[Record], most: int) -> list[Record]:
    """:return: not much more than the most entries, of each run the newest: what one run stores must not put all others out"""
    if len(entries) <= 2 * most:
        return entries
    runs = Counter(record.run for record in entries)
    room = dict.fromkeys(runs, max(1, most // len(runs)))
    kept = []
    for record in entries:
        if room[record.run] > 0:
            room[record.run] -= 1
            kept.append(record)
    return kept[:most]


def _record(value: bytes, key: str) -> Record | None:
    try:
        return unpack_record(value, key)
    except (DamagedRecordError, OtherSchemaError):
        return None
