"""Signal: ``localflyte signal``, which answers what a task of a run asks people."""

from __future__ import annotations

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.history import load_named
from localflyte.cli.near import near
from localflyte.observe.text import one_line
from localflyte.runs.conditions import Condition
from localflyte.runs.conditions import list_conditions
from localflyte.runs.conditions import parse_answer
from localflyte.runs.conditions import write_answer

__all__ = ("signal",)

_EXAMPLES = {"bool": "yes", "int": "3", "float": "0.5", "str": "TEXT"}


@click.command(context_settings={"help_option_names": ["-h", "--help"], "ignore_unknown_options": True})
@click.argument("run", metavar="RUN")
@click.argument("condition", metavar="[CONDITION]", required=False)
@click.argument("value", metavar="[VALUE]", required=False)
def signal(run: str, condition: str | None, value: str | None) -> int:
    """Answer what a task of a run asks. RUN may be the beginning of a name, or `last`; CONDITION is the name of the condition, or its
    number where several have that name. Without them, what is waited for is listed.
    """
    record = load_named(run)
    waiting = list_conditions(record.path)
    if condition is None:
        for each in waiting:
            click.echo(f"{each.number:>3}  {one_line(each.name)}  {each.kind}  {one_line(each.task)}  {one_line(each.prompt, 80)}")
        if not waiting:
            click.echo(f"Run {record.name} waits for no answer.", err=True)
        return ExitCode.SUCCEEDED
    asked = _find(waiting, condition, record.name)
    if value is None:
        raise click.UsageError(f"say what the answer is: localflyte signal {record.name} {condition} {_EXAMPLES[asked.kind]}")
    try:
        write_answer(record.path, asked.number, parse_answer(value, asked.kind))
    except ValueError as error:
        raise click.UsageError(f"{error}; condition {asked.name!r} wants {asked.kind}: {one_line(asked.prompt)}") from None
    click.echo(f"{asked.task}: {one_line(asked.prompt)} {one_line(value)}")
    return ExitCode.SUCCEEDED


def _find(waiting: list[Condition], name: str, run: str) -> Condition:
    found = [each for each in waiting if name in (each.name, str(each.number))]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(f"{each.number} ({each.task}, {each.action})" for each in found)
        raise click.UsageError(f"run {run} waits for several conditions {name!r}; say which by its number: {numbers}")
    if not waiting:
        raise click.UsageError(f"run {run} waits for no answer")
    names = [each.name for each in waiting]
    close = near(name, names)
    hint = f"did you mean {close!r}?" if close else f"it waits for {', '.join(names)}"
    raise click.UsageError(f"run {run} waits for no condition {name!r}; {hint}")
