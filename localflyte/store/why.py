"""Why: which components of a key differ from those of the nearest entry that is stored.

A call whose inputs are those of an entry, and whose code has changed, is found among any number of entries: its key is made
with the older versions that are known, and looked up. Otherwise the entries that were stored last are compared.

What is no part of a key can make no difference here: environment variables, resources, the working directory, the caller's
options, and what lies behind a URL.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

import msgpack

from localflyte.store.keys import Key
from localflyte.store.keys import digest_parts
from localflyte.store.past import Past
from localflyte.store.record import Record

__all__ = ("Difference", "Nearest", "ago", "differences", "explain", "nearest", "nothing_stored", "tell", "tell_difference")

MOST_VERSIONS = 20  # older ones, with which a key is made and looked up
MOST_TRIES = 20  # entries that were removed meanwhile, before one that is there
NAMED = 3  # differences in one line for people
LONGEST = 60  # characters of a value that is shown
_INPUT = "input:"
_DIGEST = re.compile(r"[0-9a-f]{64}(\+[0-9a-f]{64})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Difference:
    """One component that is not the same."""

    component: str
    """``input x``, ``interface``, ``function helpers.double``, ``package numpy``, ``salt``, ..."""
    before: str | None
    """In the entry: what can be shown of it; empty if that is nothing, ``None`` if the entry has no such component."""
    after: str | None
    """The same for the key."""


class Nearest(NamedTuple):
    """The entry that a call could have been taken from, were it not for the differences."""

    record: Record
    differences: tuple[Difference, ...]


def explain(past: Past, key: Key, run: str = "") -> str:
    """Tell in one line why there is no entry for a key; whatever goes wrong is told and not raised.

    :param run: the run that looked; what it stored itself explains nothing
    """
    try:
        found = nearest(past, key, run=run)
        if found is None:
            return nothing_stored(past, key.task)
        if found.record.run == run:
            return f"nothing was stored for task {key.task} before this run"
        return tell(found)
    except Exception as error:  # noqa: BLE001 - an explanation is a comfort: it never fails a run
        return f"why is not known: {str(error) or type(error).__name__}"


def nearest(
    past: Past, key: Key, *, run: str = "", before: float | None = None, ignoring: AbstractSet[str] = frozenset()
) -> Nearest | None:
    """Find the entry of the same task with the fewest differences; of several one with the same inputs, then the latest.

    :param run: a run whose entries count only where there are no others
    :param before: only what was stored before this time, in seconds since the epoch
    :param ignoring: inputs that are not compared
    :return: ``None`` if nothing is stored for the task
    :raises UnusableIndexError: if the index cannot be read
    """
    for _ in range(MOST_TRIES):
        known = [record for record in past.entries(key.task) if before is None or record.made < before]
        known += _with_other_code(past, key, known, before)
        rank = _Rank(past, key, run, ignoring)
        best = min(known, key=rank, default=None)
        if best is None:
            return None
        there = past.find(best.key)
        if there is not None and (before is None or there.made < before):
            return Nearest(there, tuple(differences(past, there, key, ignoring)))
        past.forget(key.task)
    return None


def differences(past: Past, record: Record, key: Key, ignoring: AbstractSet[str] = frozenset()) -> list[Difference]:
    """Compare an entry with a key: inputs, interface, and the code part by part.

    :raises UnusableIndexError: if the index cannot be read
    """
    found: list[Difference] = []
    names = [name for name in {**key.parts, **record.parts} if record.parts.get(name) != key.parts.get(name)]
    for name in sorted(names, key=lambda name: (not name.startswith(_INPUT), name)):
        before, after = record.parts.get(name), key.parts.get(name)
        if name == "version":
            continue
        if not name.startswith(_INPUT):
            found.append(Difference(name, _plain(before), _plain(after)))
        elif (own := name.removeprefix(_INPUT)) not in ignoring:
            found.append(Difference(f"input {own}", *_both(before, record.shown.get(own), after, key.shown.get(own))))
    return [*found, *_of_code(past.code(record.code), key.terms.parts)] if "version" in names else found


def tell(found: Nearest, now: float | None = None) -> str:
    """Tell in one line what the nearest entry is, and what differs."""
    record, differing = found
    place = f"run {record.run} ({ago((time.time() if now is None else now) - record.made)})"
    if not differing:
        return f"nothing differs from the entry of {place}"
    told = [tell_difference(each) for each in differing[:NAMED]]
    if len(differing) > NAMED:
        told.append(f"{len(differing) - NAMED} more")
    text = told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
    only_inputs = all(each.component.startswith("input ") for each in differing)
    return f"{text} from the entry of {place}" if only_inputs else f"{text} since {place}"


def tell_difference(difference: Difference) -> str:
    """Tell one difference in a few words."""
    component, before, after = difference.component, difference.before, difference.after
    if component == "interface":
        component = "the interface"
    if before is None:
        return f"{component} is new" + (f" ({after})" if after else "")
    if after is None:
        return f"{component} is gone" + (f" (was {before})" if before else "")
    verb = "differs" if component.startswith("input ") else "changed"
    values = [text for text in (after if before else f"now {after}" if after else "", f"was {before}" if before else "") if text]
    return f"{component} {verb}" + (f" ({', '.join(values)})" if values else "")


def nothing_stored(past: Past, task: str) -> str:
    """Tell that a task has no entries, and which tasks have that could be the same in an environment of another name.

    :raises UnusableIndexError: if the index cannot be read
    """
    short = task.rpartition(".")[2]
    like = [other for other in past.tasks() if other.rpartition(".")[2] == short and other != task][:NAMED]
    text = f"nothing is stored for task {task}"
    return f"{text}; its name is part of the key, and there are entries for {' and '.join(like)}" if like else text


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    if seconds < 1.0:
        return "just now"
    for unit, size in (("day", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if unit == 'day' and count > 1 else ''} ago"
    return f"{int(seconds)} s ago"


class _Rank:
    """How far an entry is from a key; what a version differs in is counted once for all of its entries."""

    def __init__(self, past: Past, key: Key, run: str, ignoring: AbstractSet[str]) -> None:
        self._past = past
        self._key = key
        self._run = run
        self._ignored = {f"{_INPUT}{name}" for name in ignoring}
        self._codes: dict[str, int] = {}

    def __call__(self, record: Record) -> tuple[bool, int, bool, float]:
        mine, theirs = self._key.parts, record.parts
        count, inputs = 0, 0
        for name, part in mine.items():
            if theirs.get(name) != part and name not in self._ignored:
                count += self._of_code(record.code) if name == "version" else 1
                inputs += name.startswith(_INPUT)
        gone = sum(name not in mine and name not in self._ignored for name in theirs)
        return bool(self._run) and record.run == self._run, count + gone, inputs + gone > 0, -record.made

    def _of_code(self, digest: str) -> int:
        known = self._codes.get(digest)
        if known is None:
            known = self._codes[digest] = len(_of_code(self._past.code(digest), self._key.terms.parts))
        return known


def _with_other_code(past: Past, key: Key, known: Sequence[Record], before: float | None) -> list[Record]:
    """Look the inputs up under the versions and interfaces of entries that are known."""
    keys = {record.key for record in known}
    shapes = dict.fromkeys((record.parts.get("version"), record.parts.get("interface")) for record in known)
    found = []
    for version, interface in list(shapes)[:MOST_VERSIONS]:
        if version is None or interface is None:
            continue
        digest = digest_parts({**key.parts, "version": version, "interface": interface})
        record = None if digest in keys or digest == key.digest else past.find(digest)
        if record is not None and record.task == key.task and (before is None or record.made < before):
            found.append(record)
    return found


def _of_code(before: Mapping[str, str] | None, after: Mapping[str, str]) -> list[Difference]:
    """:return: what differs between the parts of two versions; there is something"""
    if not before or not after:
        return [Difference("code", "", "")]  # one of them is not known part by part
    names = sorted(name for name in {**before, **after} if before.get(name) != after.get(name))
    found = [Difference(name, _plain(before.get(name)), _plain(after.get(name))) for name in names]
    return found or [Difference("version", "", "")]


def _both(before: str | None, shown_before: bytes | None, after: str | None, shown_after: bytes | None) -> tuple[str | None, str | None]:
    texts = "" if before is None else _readable(shown_before), "" if after is None else _readable(shown_after)
    if texts[0] == texts[1]:  # of two types that look alike
        texts = "", ""
    return None if before is None else texts[0], None if after is None else texts[1]


def _plain(part: str | None) -> str | None:
    """:return: the part if it is something to read, empty for a digest"""
    return part if part is None else "" if _DIGEST.fullmatch(part) or not part.isprintable() else part


def _readable(data: bytes | None) -> str:
    """:return: a small input as a person would write it, empty if that cannot be said in short"""
    if data is None:
        return ""
    try:
        value = msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException):
        return ""
    text = repr(value)
    return text if len(text) <= LONGEST and text.isprintable() and not _has_foreign(value) else ""


def _has_foreign(value: object) -> bool:
    """:return: whether there is something in it that only a type of ours makes sense of"""
    parts: Iterable[object] = ()
    if isinstance(value, list):
        parts = value
    elif isinstance(value, dict):
        parts = [*value, *value.values()]
    return isinstance(value, (msgpack.ExtType, msgpack.Timestamp)) or any(map(_has_foreign, parts))
