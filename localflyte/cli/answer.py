"""Answer: what ``localflyte cache why`` found out, printed for people or as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from enum import Enum

from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.store.record import Record
from localflyte.store.why import Difference
from localflyte.store.why import ago
from localflyte.store.why import tell_difference

__all__ = ("Answer", "Verdict", "print_answer", "print_answer_as_json")


class Verdict(Enum):
    #: a result is taken from the store
    HIT = "hit"
    #: it is not, since there is none under the key
    MISS = "miss"
    #: nothing is looked up or stored
    NOT_CACHED = "not cached"
    #: that depends on inputs that were not given
    OPEN = "open"
    #: there are results of the task
    STORED = "stored"

    @property
    def is_good(self) -> bool:
        return self in (Verdict.HIT, Verdict.STORED)


#: what the entry is to the answer
_ENTRY = {
    Verdict.HIT: "",
    Verdict.MISS: "nearest entry: ",
    Verdict.NOT_CACHED: "",
    Verdict.OPEN: "one of them: ",
    Verdict.STORED: "that is: ",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    subject: str
    """What was asked about."""
    verdict: Verdict
    reason: str = ""
    key: str = ""
    entry: Record | None = None
    """Where a hit comes from; for a miss the nearest there is."""
    differences: tuple[Difference, ...] = ()
    """What differs from the entry."""
    notes: tuple[str, ...] = ()


def print_answer(answer: Answer) -> None:
    """Print for people."""
    reason = f", {one_line(answer.reason)}" if answer.reason else ""
    print(f"{one_line(answer.subject)}: {answer.verdict.value}{reason}")
    for line in _lines(answer):
        print(f"  {one_line(line)}")


def print_answer_as_json(answer: Answer) -> None:
    """Print one JSON object."""
    entry = answer.entry
    told = None if entry is None else {name: getattr(entry, name) for name in ("key", "task", "run", "action", "made", "seconds")}
    row = {
        "subject": answer.subject,
        "verdict": answer.verdict.value,
        "reason": answer.reason,
        "key": answer.key,
        "entry": told,
        "differences": [{**asdict(each), "text": tell_difference(each)} for each in answer.differences],
        "notes": answer.notes,
    }
    print(json.dumps(row))


def _lines(answer: Answer) -> Iterator[str]:
    entry = answer.entry
    yield from map(tell_difference, answer.differences)
    if entry is not None:
        when = f"{clock(entry.made, with_date=True)} ({ago(time.time() - entry.made)})"
        took = f", in {duration(entry.seconds)}" if entry.seconds else ""
        yield f"{_ENTRY[answer.verdict]}computed by run {entry.run}, action {entry.action}, {when}{took}; key {entry.key[:12]}"
    yield from (f"note: {note}" for note in answer.notes)
