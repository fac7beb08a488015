"""Bygone: what the cache did for an action of a run, as its journal and the store tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click

from localflyte.cli.answer import Answer
from localflyte.cli.answer import Verdict
from localflyte.cli.history import find_actions
from localflyte.runs.journal import replay_journal
from localflyte.runs.record import ActionRecord
from localflyte.runs.record import RunRecord
from localflyte.spec.event import Event
from localflyte.spec.plan import CacheTerms
from localflyte.store.keys import Key
from localflyte.store.past import Past
from localflyte.store.record import Record
from localflyte.store.why import nearest
from localflyte.store.why import nothing_stored
from localflyte.store.why import tell_difference

__all__ = ("answer_for_action", "find_action")

SHOWN = 5  # actions that are named where several are meant
_ABOUT_CACHE = re.compile(r"\b(cached?|stored|looked up)\b")


def find_action(record: RunRecord, name: str) -> ActionRecord:
    """:return: the action that a person means: by its name, the beginning of that, or its task if that was called once
    :raises click.UsageError: if there is none, or there are several
    """
    names = find_actions(record, name)
    if len(names) > 1:
        shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        raise click.UsageError(f"{name!r} was called {len(names)} times in run {record.name}; say which action: {shown}")
    return record.actions[names[0]]


def answer_for_action(past: Past | None, run: RunRecord, action: ActionRecord) -> Answer:
    """Tell what the cache did for an action.

    :param past: what is stored; ``None`` if there is no store
    :raises UnusableIndexError: if that cannot be read
    :raises OSError: if the journal cannot be read
    """
    events = _events(run, action.name)
    notes = _notes(run, action)
    subject = f"{action.task or action.name} (action {action.name} of run {run.name})"
    if (hit := events.get("action.hit")) is not None:
        return _of_hit(past, subject, hit, notes)
    if (miss := events.get("action.miss")) is not None:
        if "action.stored" not in events:
            reason = "its result is not stored" if action.status.is_over else "it is not over"
            notes = (*notes, f"{reason}: {action.status.value.replace('_', ' ')}")
        return _of_miss(past, subject, miss, action, run.name, notes)
    why = "" if notes else 'its cache is off (cache="disable" is the default), or that of the run (disable_run_cache)'
    return Answer(subject=subject, verdict=Verdict.NOT_CACHED, reason=why, notes=notes)


def _events(run: RunRecord, action: str) -> Mapping[str, Event]:
    """:return: the last event of each kind that tells of an action and the cache"""
    found: dict[str, Event] = {}

    def keep(event: Event) -> None:
        if event.action == action and event.kind in ("action.hit", "action.miss", "action.stored"):
            found[event.kind] = event

    replay_journal(run.path, keep)
    return found


def _notes(run: RunRecord, action: ActionRecord) -> tuple[str, ...]:
    """:return: what the run said of the cache, as far as it is not about other tasks"""
    others = {row.task for row in run.actions.values()} | set(run.actions)
    others -= {action.task, action.name}
    return tuple(text for text in run.notices if _ABOUT_CACHE.search(text) and others.isdisjoint(re.split(r"[\s:,]+", text)))


def _of_hit(past: Past | None, subject: str, hit: Event, notes: tuple[str, ...]) -> Answer:
    digest, why = _text(hit.data.get("key")), _text(hit.data.get("why"))
    entry = None if past is None else past.find(digest)
    if entry is None:
        notes = (*notes, "the entry is not in the store any more")
    elif entry.made > hit.at:
        notes = (*notes, f"the entry was replaced since, by run {entry.run}")
        entry = None
    return Answer(subject=subject, verdict=Verdict.HIT, reason="" if entry else why, key=digest, entry=entry, notes=notes)


def _of_miss(past: Past | None, subject: str, miss: Event, action: ActionRecord, run: str, notes: tuple[str, ...]) -> Answer:
    answer = Answer(subject=subject, verdict=Verdict.MISS, key=_text(miss.data.get("key")), notes=notes)
    said = _text(miss.data.get("why"))
    if past is None:
        return replace(answer, reason=said or "there is no store any more")
    key = _key(past, answer.key, action.task, miss.data.get("parts"))
    found = nearest(past, key, run=run, before=miss.at)
    if said and not (found and any(tell_difference(each) in said for each in found.differences)):
        return replace(answer, reason=said)  # what the run saw itself: it looks nothing up, an entry was too old, or is gone since
    if found is None:
        none = "no entry of the task from before it is there; one with its key would have been replaced"
        return replace(answer, reason=none if past.entries(action.task) else nothing_stored(past, action.task))
    if found.record.run == run:
        answer = replace(answer, reason="nothing was stored for the task before this run")
    elif not found.differences:
        answer = replace(answer, reason="although an entry had its key: the run overwrites the cache, or the entry was too old or damaged")
    return replace(answer, entry=found.record, differences=found.differences)


def _key(past: Past, digest: str, task: str, parts: Any) -> Key:
    """Make the key of a bygone call again; what its code was made of is known if something was stored with that version."""
    parts = {name: part for name, part in parts.items() if isinstance(part, str)} if isinstance(parts, dict) else {}
    own = past.find(digest)
    same = own or _with_version(past, task, parts.get("version"))
    code = None if same is None else past.code(same.code)
    return Key(digest, task, parts, CacheTerms(parts=code or {}), own.shown if own else {})


def _with_version(past: Past, task: str, version: str | None) -> Record | None:
    return next((record for record in past.entries(task) if record.parts.get("version") == version), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
