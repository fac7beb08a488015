"""Timetable: ``localflyte triggers list``, when the triggers of a file are due, and what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from datetime import datetime
from itertools import islice
from typing import Any

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import say
from localflyte.cli.loading import check_file
from localflyte.cli.loading import load_program
from localflyte.observe.text import one_line
from localflyte.spec.trigger import TriggerTime
from localflyte.triggers.declared import Declared
from localflyte.triggers.declared import declared_in
from localflyte.triggers.schedule import in_words
from localflyte.triggers.schedule import is_anchored
from localflyte.triggers.schedule import schedule_of
from localflyte.triggers.service import shown_time
from localflyte.types.interface import REQUIRED

__all__ = ("list_",)

SHOWN = 3  # times of each


@click.command("list", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--root-dir", metavar="DIR", help="Root of the project, put on sys.path; the current folder by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.argument("file", metavar="FILE")
def list_(root_dir: str | None, as_json: bool, file: str) -> int:
    """List the triggers of FILE: task, when it is due, whether it is active, and the inputs of its runs. What a deployment would be
    refused for comes last, and the exit code is 1.
    """
    now = datetime.now(UTC)
    found = declared_in(load_program(check_file(file), root_dir=root_dir), now)
    for number, each in enumerate(found):
        times = _times(each, now)
        if as_json:
            click.echo(json.dumps(_as_row(each, times)))
        else:
            click.echo("\n".join([*([""] if number else []), *_lines(each, times)]))
    if not found:
        say(f"{file} has no triggers: write triggers=flyte.Trigger(...) in @env.task")
    problems = dict.fromkeys(text for each in found for text in each.problems)
    for text in problems:
        say(text)
    return ExitCode.FAILED if problems else ExitCode.SUCCEEDED


def _times(declared: Declared, now: datetime) -> list[datetime]:
    try:
        schedule = schedule_of(declared.trigger.automation, now)
    except ValueError:
        return []  # it is among the problems
    return list(islice(schedule(now), SHOWN)) if schedule is not None else []


def _lines(declared: Declared, times: list[datetime]) -> Iterator[str]:
    trigger = declared.trigger
    yield f"trigger {one_line(trigger.name)}  of {one_line(declared.task.name)}"
    if trigger.description:
        yield f"  {one_line(trigger.description, 200)}"
    yield f"  {'when':<8}{one_line(in_words(trigger.automation))}"
    if times:
        beginning = " (if it is served from now on)" if is_anchored(trigger.automation) else ""
        yield f"  {'next':<8}{', '.join(shown_time(trigger, time) for time in times)}{beginning}"
    if not trigger.auto_activate:
        yield f"  {'active':<8}no: it is served only if it is named"
    inputs = [f"{name} = {one_line(text, 100)}" for name, text in _inputs(declared).items()]
    yield f"  {'inputs':<8}{', '.join(inputs) or 'none'}"


def _inputs(declared: Declared) -> dict[str, str]:
    given = declared.trigger.inputs or {}
    known = {name: given.get(name, parameter.default) for name, parameter in declared.task.border.inputs.items()}
    values = {name: value for name, value in {**known, **given}.items() if value is not REQUIRED}
    return {name: "the time it is due" if value is TriggerTime else _repr(value) for name, value in values.items()}


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:  # noqa: BLE001 - the user's __repr__
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def _as_row(declared: Declared, times: list[datetime]) -> dict[str, Any]:
    trigger = declared.trigger
    return {
        "trigger": trigger.name,
        "task": declared.task.name,
        "description": trigger.description,
        "when": in_words(trigger.automation),
        "next": [time.isoformat() for time in times],
        "active": trigger.auto_activate,
        "inputs": _inputs(declared),
        "problems": declared.problems,
    }
