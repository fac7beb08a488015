"""Why: ``localflyte cache why`` tells whether a call is a hit, or was one, and if not exactly what differs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import closing
from contextlib import contextmanager
from typing import TYPE_CHECKING
from typing import Any

import click

from localflyte.cli.answer import Answer
from localflyte.cli.answer import Verdict
from localflyte.cli.answer import print_answer
from localflyte.cli.answer import print_answer_as_json
from localflyte.cli.cache import find_store
from localflyte.cli.cache import on_store
from localflyte.cli.exits import ExitCode
from localflyte.cli.near import near
from localflyte.errors import RunNotFoundError
from localflyte.settings import load_settings

if TYPE_CHECKING:
    from localflyte.store.past import Past

__all__ = ("why",)

HELP = """Say whether a call is in the cache, or was, and if not exactly what differs from the nearest entry.

\b
  localflyte cache why FILE TASK [--input value ...]   a call as it would be made now
  localflyte cache why TASK                            env.task: what is stored, and why it was computed again
  localflyte cache why RUN ACTION                      an action of a run; RUN may begin a name or be `last`,
                                                       ACTION is its name, or its task if that was called once

What can differ: the name of the task, its interface, every input that counts, and every function, class, constant, module
and package that its code is made of. No part of a key, and so never a reason: environment variables, resources, retries and
timeouts, the working directory, secrets, the version of Python, and data that code reads by itself. A file at a URL counts by
its address, not by its content. A caller that overrides a task's cache may ask for another key than is shown here.

\b
Exit codes:
    0  a hit; for TASK: there are entries
    1  a miss, or not cached, or not known without the inputs that were not given
    2  the command was not understood, or the file could not be loaded
    8  the store cannot be used
"""
MOST = 20_000  # entries of a task that are looked at: a person waits for this, not a run
FOREIGN_OPTIONS = "options of the command come before FILE, TASK and RUN"


@on_store
def _why(ctx: click.Context, /, first: str | None, second: str | None, inputs: tuple[str, ...], **options: Any) -> int:
    rest = [text for text in (second, *inputs) if text is not None]
    if first is None:
        raise click.UsageError("say what to explain: FILE TASK [--input value ...], TASK, or RUN ACTION")
    if os.path.isfile(first) or first.endswith(".py"):
        answer = _of_call(first, rest, options)
    else:
        if "--json" in rest:
            rest.remove("--json")
            options["as_json"] = True
        if rest and rest[0] in ctx.help_option_names:
            click.echo(ctx.get_help())
            return ExitCode.SUCCEEDED
        if len(rest) > 1 or any(text.startswith("-") for text in rest):
            raise click.UsageError(f"unexpected {rest[-1]!r}: inputs follow a file and a task; {FOREIGN_OPTIONS}")
        answer = _of_action(first, rest[0]) if rest else _of_name(first)
    (print_answer_as_json if options["as_json"] else print_answer)(answer)
    return ExitCode.SUCCEEDED if answer.verdict.is_good else ExitCode.FAILED


def _of_call(file: str, rest: Sequence[str], options: dict[str, Any]) -> Answer:
    from localflyte.cli.loading import check_file
    from localflyte.cli.loading import find_task
    from localflyte.cli.loading import load_program
    from localflyte.cli.loading import tasks_of
    from localflyte.cli.prospect import answer_for_call

    path = check_file(file)
    try:
        module = load_program(path, root_dir=options["root_dir"], images=options["images"])
    except click.exceptions.Exit:
        raise click.exceptions.Exit(ExitCode.USAGE) from None
    if not rest or rest[0].startswith("-"):
        raise click.UsageError(f"say which task of {file}: {', '.join(tasks_of(module)) or 'it has none'}")
    template = find_task(module, rest[0])
    with _past() as past:
        return answer_for_call(past, template, rest[1:], usage=f"localflyte cache why {file} {rest[0]}")


def _of_name(name: str) -> Answer:
    from localflyte.cli.prospect import answer_for_task

    with _past() as past:
        tasks = [] if past is None else past.tasks()
        called = [task for task in tasks if name in (task, task.rpartition(".")[2])]
        if past is not None and (name in tasks or len(called) == 1):
            return answer_for_task(past, name if name in tasks else called[0])
    if called:
        raise click.UsageError(f"several tasks are called {name!r}; say which: {', '.join(called)}")
    _refuse_run(name)
    if not tasks:
        return Answer(subject=name, verdict=Verdict.MISS, reason="nothing is stored")
    close = near(name, tasks)
    hint = f"; did you mean {close!r}?" if close else "; `localflyte cache ls` lists what there is"
    return Answer(subject=name, verdict=Verdict.MISS, reason=f"nothing is stored for a task of that name{hint}")


def _refuse_run(name: str) -> None:
    """:raises click.UsageError: if it is the name of a run"""
    from localflyte.cli.history import load_named

    try:
        record = load_named(name)
    except RunNotFoundError:
        return
    actions = ", ".join(f"{action.name} ({action.label})" for action in list(record.actions.values())[:5])
    raise click.UsageError(f"{name!r} is a run; say which action of it: {actions or 'it has none'}")


def _of_action(run: str, action: str) -> Answer:
    from localflyte.cli.bygone import answer_for_action
    from localflyte.cli.bygone import find_action
    from localflyte.cli.history import load_named

    record = load_named(run)
    found = find_action(record, action)
    with _past() as past:
        return answer_for_action(past, record, found)


@contextmanager
def _past() -> Iterator[Past | None]:
    """Open the store for reading; one that is not there is not made."""
    from localflyte.store.index import Index
    from localflyte.store.past import Past

    layout = find_store(load_settings())
    if layout is None:
        yield None
        return
    with closing(Index(layout.index)) as index:
        yield Past(index, MOST)


why = click.Command(
    "why",
    callback=click.pass_context(_why),
    help=HELP,
    params=[
        click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object."),
        click.Option(["--root-dir"], help="Root of the project, put on sys.path; the current folder by default.", metavar="DIR"),
        click.Option(["--image", "images"], multiple=True, help="As for `localflyte run`; repeatable.", metavar="NAME=URI"),
        click.Argument(["first"], required=False, metavar="FILE|TASK|RUN"),
        click.Argument(["second"], required=False, metavar="[TASK|ACTION]"),
        click.Argument(["inputs"], nargs=-1, type=click.UNPROCESSED, metavar="[--input value ...]"),
    ],
    context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]},
)
