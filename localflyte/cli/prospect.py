"""Prospect: what the cache would do for a call that is made now, and what is stored of a task."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from localflyte.api.resolve import plan_for
from localflyte.api.task import TaskTemplate
from localflyte.cli.answer import Answer
from localflyte.cli.answer import Verdict
from localflyte.cli.inputs import read_inputs
from localflyte.errors import BaseRuntimeError
from localflyte.settings import load_settings
from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.store.blobs import Blobs
from localflyte.store.content import Contents
from localflyte.store.keys import Key
from localflyte.store.keys import make_key
from localflyte.store.layout import Layout
from localflyte.store.past import Past
from localflyte.store.record import DamagedRecordError
from localflyte.store.record import OtherSchemaError
from localflyte.store.record import Record
from localflyte.store.record import unpack_record
from localflyte.store.tier import Tier
from localflyte.store.why import Difference
from localflyte.store.why import differences
from localflyte.store.why import nearest
from localflyte.store.why import nothing_stored
from localflyte.types.interface import REQUIRED
from localflyte.types.interface import Interface
from localflyte.types.packing import unpack

__all__ = ("answer_for_call", "answer_for_task")

LONGEST = 100  # characters of a value that is shown


def answer_for_call(past: Past | None, template: TaskTemplate[Any, Any, Any], args: Sequence[str], *, usage: str) -> Answer:
    """Tell whether a call would be a hit if it were made now, and if not why.

    :param past: what is stored; ``None`` if there is no store
    :param args: the inputs as a person typed them; what is missing is not compared
    :param usage: what was typed before them
    :raises click.UsageError: if an input is unknown, or does not fit
    :raises UnusableIndexError: if the store cannot be read
    """
    interface, task = template.border, template.name
    given = read_inputs(interface.inputs, args, usage=usage, partly=True)
    plan = _plan(template)
    if plan.cache.behavior == "disable":
        return Answer(subject=task, verdict=Verdict.NOT_CACHED, reason='its cache is off (cache="disable" is the default)')
    if plan.cache.problem:
        return Answer(subject=task, verdict=Verdict.NOT_CACHED, reason=plan.cache.problem)
    values = {name: given.get(name, parameter.default) for name, parameter in interface.inputs.items()}
    known = {name: value for name, value in values.items() if value is not REQUIRED}
    missing = tuple(name for name in values if name not in known and name not in plan.cache.ignored_inputs)
    inputs = _pack(interface, known, task)
    try:
        key = make_key(Invocation(plan=plan, inputs=inputs), Contents())
    except OSError as error:
        return Answer(subject=task, verdict=Verdict.NOT_CACHED, reason=f"an input cannot be read: {error}")
    answer = _of_part(past, key, missing) if missing else _of_key(past, key)
    if answer.entry is not None and answer.entry.parts.get("interface") == plan.interface:
        answer = replace(answer, differences=tuple(_in_words(each, answer.entry, key, interface) for each in answer.differences))
    return replace(answer, notes=(*answer.notes, *_notes(inputs, plan)))


def answer_for_task(past: Past, task: str) -> Answer:
    """Tell what is stored of a task, and why the latest entry was not taken from the others.

    :raises UnusableIndexError: if the store cannot be read
    """
    entries = sorted(past.entries(task), key=lambda record: -record.made)
    if not entries:
        return Answer(subject=task, verdict=Verdict.MISS, reason=nothing_stored(past, task))
    latest = entries[0]
    runs = len({record.run for record in entries})
    answer = Answer(subject=task, verdict=Verdict.STORED, key=latest.key)
    counted = f"{len(entries):,} {'entry' if len(entries) == 1 else 'entries'} of {runs:,} run{'' if runs == 1 else 's'}"
    key = Key(latest.key, task, latest.parts, CacheTerms(parts=past.code(latest.code) or {}), latest.shown)
    found = nearest(past, key, run=latest.run, before=latest.made)
    if found is None:
        return replace(answer, reason=counted, entry=latest)
    told = f"{counted}; the latest, by run {latest.run}, action {latest.action}, differs from the nearest before it"
    return replace(answer, reason=told, entry=found.record, differences=found.differences)


def _plan(template: TaskTemplate[Any, Any, Any]) -> Plan:
    try:
        return plan_for(template, call=None, run=None, root=True)
    except (TypeError, ValueError, BaseRuntimeError) as error:
        raise click.UsageError(str(error)) from error


def _pack(interface: Interface, values: Mapping[str, Any], task: str) -> dict[str, Packed]:
    part = Interface({name: interface.inputs[name] for name in values}, {})
    try:
        return part.encode_inputs(values, task=task, canonical=True)
    except (TypeError, ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error


def _of_part(past: Past | None, key: Key, missing: Sequence[str]) -> Answer:
    """Compare what is known of a call whose inputs were not all given."""
    names = ", ".join(f"--{name}" for name in missing)
    answer = Answer(subject=key.task, verdict=Verdict.MISS, notes=(f"not given, and not compared: {names}",))
    found = None if past is None else nearest(past, key, ignoring=set(missing))
    if past is None or found is None:
        return replace(answer, reason="nothing is stored" if past is None else nothing_stored(past, key.task))
    if found.differences:
        return replace(answer, reason="whatever the other inputs are", entry=found.record, differences=found.differences)
    entries = past.entries(key.task)
    same = sum(not differences(past, record, key, set(missing)) for record in entries)
    reason = f"{same:,} of {len(entries):,} entries differ in nothing else than the inputs that were not given"
    return replace(answer, verdict=Verdict.OPEN, reason=reason, entry=found.record)


def _of_key(past: Past | None, key: Key) -> Answer:
    answer = Answer(subject=key.task, verdict=Verdict.MISS, key=key.digest)
    problems = []
    for where, entry, blobs in _places(past, key):
        problem = entry if isinstance(entry, str) else _problem(entry, key, blobs)
        if not problem and isinstance(entry, Record):
            return replace(answer, verdict=Verdict.HIT, reason=where, entry=entry)
        problems.append(f"{problem}{f' ({where})' if where else ''}")
    if problems:
        return replace(answer, reason="; ".join(problems))
    if past is None:
        return replace(answer, reason="nothing is stored")
    found = nearest(past, key)
    if found is None:
        return replace(answer, reason=nothing_stored(past, key.task))
    return replace(answer, entry=found.record, differences=found.differences)


def _in_words(difference: Difference, entry: Record, key: Key, interface: Interface) -> Difference:
    """:return: a difference between inputs with values of the type that is declared; what is stored is only their bytes"""
    name = difference.component.removeprefix("input ")
    parameter = interface.inputs.get(name)
    if parameter is None or difference.component == name or not difference.before or not difference.after:
        return difference
    try:
        before, after = (repr(unpack(parameter.codec, Packed(shown[name]))) for shown in (entry.shown, key.shown))
    except Exception:  # noqa: BLE001 - making a value may run code of the user's
        return difference
    fits = before != after and all(len(text) <= LONGEST and text.isprintable() for text in (before, after))
    return replace(difference, before=before, after=after) if fits else difference


def _places(past: Past | None, key: Key) -> list[tuple[str, Record | str, Blobs]]:
    """:return: each place that has an entry of the key: a word on it, the entry or what is wrong with it, and its blobs"""
    settings = load_settings()
    found: list[tuple[str, Record | str, Blobs]] = []
    if past is not None and (record := past.find(key.digest)) is not None:
        found.append(("", record, Blobs(Layout(str(settings.home)).blobs, writable=False)))
    if settings.cache_tier is not None:
        tier = Tier(str(settings.cache_tier))
        try:
            value = tier.record(key.digest)
            if value is not None:
                found.append((f"from {tier.folder}", unpack_record(value, key.digest), tier.blobs))
        except (OSError, DamagedRecordError, OtherSchemaError) as error:
            found.append((f"from {tier.folder}", str(error), tier.blobs))
    return found


def _problem(entry: Record, key: Key, blobs: Blobs) -> str:
    """:return: why an entry cannot be used, or nothing; blobs are looked for, not read"""
    most, age = key.terms.max_age, time.time() - entry.made
    if most is not None and age > most:
        return f"the result of run {entry.run} is {age:.0f} s old, and max_age is {most:.0f} s"
    gone = [digest for digest in entry.blobs if not os.path.isfile(blobs.path(digest))]
    return f"of the result of run {entry.run}, blob {gone[0][:12]} is missing: it is computed again" if gone else ""


def _notes(inputs: Mapping[str, Packed], plan: Plan) -> list[str]:
    """:return: what a key does not see of this call"""
    at_urls = [name for name, value in inputs.items() if any("://" in ref.path and not ref.hash for ref in value.refs)]
    ignored = [name for name in plan.cache.ignored_inputs if name in inputs]
    notes = [f"input {name} counts by its address: what lies there is not looked at" for name in at_urls]
    return notes + ([f"ignored, as the task says: {', '.join(ignored)}"] if ignored else [])
