"""Serving: ``localflyte triggers serve``, which starts the runs of a file's triggers when they are due."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import say
from localflyte.cli.loading import check_file
from localflyte.cli.moments import parse_datetime
from localflyte.cli.near import near
from localflyte.cli.program import Program
from localflyte.engine.interrupts import Interrupted
from localflyte.engine.interrupts import raising
from localflyte.errors import DeploymentError
from localflyte.observe.console import create_console
from localflyte.spec.trigger import OnArtifact
from localflyte.triggers.clock import SystemClock
from localflyte.triggers.declared import Declared
from localflyte.triggers.declared import declared_in
from localflyte.triggers.schedule import in_words
from localflyte.triggers.service import Service

__all__ = ("serve",)


def _read_moment(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError as error:
        raise click.UsageError(f"--until: {error}") from None
    return moment.astimezone(UTC)  # without a zone it is what the person's own clock shows


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--trigger", "names", multiple=True, metavar="NAME", help="Serve this trigger only, also one that is not active; repeatable.")
@click.option("--once", is_flag=True, help="End each trigger with its first run.")
@click.option("--now", "at_once", is_flag=True, help="Do not wait: have each trigger due once, now.")
@click.option("--until", callback=_read_moment, metavar="TIME", help="Start nothing that is due later: 2024-05-01T08:30, now + 2 hours.")
@click.option("-p", "--project", help="What flyte.current_project() says.", metavar="NAME")
@click.option("-d", "--domain", help="What flyte.current_domain() says.", metavar="NAME")
@click.option("--root-dir", metavar="DIR", help="Root of the project, put on sys.path; the current folder by default.")
@click.argument("file", metavar="FILE")
def serve(
    names: tuple[str, ...],
    once: bool,
    at_once: bool,
    until: datetime | None,
    project: str | None,
    domain: str | None,
    root_dir: str | None,
    file: str,
) -> int:
    """Start the runs of FILE's triggers when they are due, until Ctrl-C.

    Each time that is due starts a run, whether or not the one before has ended. Times that went by while the machine slept start one
    run together. A run that fails is told, and changes nothing for the next. Edits of the program are taken up within a minute.
    """
    program = Program(check_file(file), project=project, domain=domain, root_dir=root_dir)
    clock = SystemClock()

    def find(*, quiet: bool = False) -> list[Declared]:
        return _served(declared_in(program.module, clock.now()), names, file, at_once=at_once, quiet=quiet)

    def renew() -> list[Declared] | None:
        try:
            return None if program.renewed() is None else find(quiet=True)
        except (click.UsageError, DeploymentError) as error:
            raise LookupError(str(error)) from None

    try:
        triggers = find()
    except LookupError as error:
        say(str(error))
        return ExitCode.FAILED
    service = Service(_start, clock=clock, say=say, renew=None if at_once else renew, once=once, until=until)
    try:
        with raising():
            asyncio.run(_serve(service, triggers, at_once=at_once))
    except (KeyboardInterrupt, asyncio.CancelledError):
        return ExitCode.INTERRUPTED
    except Interrupted as error:
        return ExitCode(128 + error.number)
    return ExitCode.FAILED if service.failures else ExitCode.SUCCEEDED


async def _serve(service: Service, triggers: Sequence[Declared], *, at_once: bool) -> None:
    for each in triggers:  # here Ctrl-C cancels this; before there is a loop it may come as one is half made, which complains of that
        say(f"serving trigger {each.name} of {each.task.name}: {'now' if at_once else in_words(each.trigger.automation)}")
    await service.serve(triggers, at_once=at_once)


async def _start(declared: Declared, due: datetime) -> None:
    console = create_console("plain", sys.stderr, say)
    try:
        await declared.runner(due, sinks=[console]).run.aio(declared.task, **declared.inputs_at(due))
    finally:
        console.close()


def _served(found: Sequence[Declared], names: Iterable[str], file: str, *, at_once: bool, quiet: bool) -> list[Declared]:
    """:param quiet: do not say why others are not served
    :return: the triggers that are to be served
    :raises click.UsageError: if there is none, or a name is not there
    :raises LookupError: if one cannot be used, after it was said why
    """
    wanted = tuple(names)
    known = list(dict.fromkeys(each.name for each in found))
    for name in wanted:
        if name not in known:
            close = near(name, known)
            hint = f"did you mean {close!r}?" if close else f"its triggers are {', '.join(known) or 'none'}"
            raise click.UsageError(f"{file} has no trigger {name!r}; {hint}")
    served = []
    for each in found:
        if reason := _reason_against(each, wanted, at_once=at_once):
            if not quiet:
                say(f"not served: trigger {each.name} of {each.task.name}: {reason}")
        elif not wanted or each.name in wanted:
            served.append(each)
    problems = dict.fromkeys(text for each in served for text in each.problems)
    for text in problems:
        say(text)
    if problems:
        raise LookupError(f"{file}: a cluster would refuse what it declares")
    if not served:
        raise click.UsageError(f"{file} has no trigger that can be served; `localflyte triggers list {file}` shows what there is")
    return served


def _reason_against(declared: Declared, wanted: tuple[str, ...], *, at_once: bool) -> str:
    """:return: why a trigger is not served though it was not passed over by name; empty if it is, or if others were named"""
    if wanted and declared.name not in wanted:
        return ""
    trigger = declared.trigger
    if isinstance(trigger.automation, OnArtifact):
        return f"it waits for artifact {trigger.automation.name}, and there is no registry of artifacts on this machine"
    if not declared.follows_a_clock and not at_once:
        return "it has no automation; --now starts its run"
    if not trigger.auto_activate and not wanted:
        return f"it is not active (auto_activate=False); --trigger {trigger.name} serves it"
    return ""
