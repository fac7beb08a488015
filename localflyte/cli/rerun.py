"""Rerun: ``localflyte rerun``, which runs an earlier run again, whole or where it ended."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import click
from click.core import ParameterSource

from localflyte.cli.history import load_named
from localflyte.cli.inputs import read_inputs
from localflyte.cli.loading import get_ready
from localflyte.cli.options import RUN_OPTIONS
from localflyte.cli.options import run_context_options
from localflyte.cli.run import execute

__all__ = ("rerun",)

HELP = """Run an earlier run again, with the inputs that it had, and the code that is there now. RUN may be the beginning of a name, or
`last`; inputs that are given replace those it had, and so do options. Options may follow RUN, too; what the task has as an input is the
input there.

With --recover, what its actions gave is taken from there, where they succeeded and the code of their task has not changed; only the
others are carried. What gave more than 64 KiB is carried again."""


def _rerun(
    ctx: click.Context, /, run: str, inputs: tuple[str, ...], recover: bool, force: tuple[str, ...], action_name: str, **options: Any
) -> int:
    from localflyte.rerunning import prepare_rerun
    from localflyte.runcontext import merged
    from localflyte.runs.recall import request_of

    record = load_named(run)
    behind, inputs = _split(ctx, inputs, request_of(record.path).inputs)
    options = _joined({**options, "recover": recover, "force": force, "action_name": action_name}, behind)
    recover, force, action_name = (options.pop(name) for name in ("recover", "force", "action_name"))
    options["verbose"] = options["verbose"] + (ctx.obj or 0)
    passed = run_context_options(options)
    if force and not recover:
        raise click.UsageError("--force needs --recover: without it everything is carried again")
    if action_name != "a0":
        raise click.UsageError(f"--action-name {action_name}: here a run is run again from a0; `localflyte run` runs one task of it")
    get_ready(**{name: options[name] for name in ("root_dir", "project", "domain", "images", "verbose")})
    name = record.name
    before = prepare_rerun(name, {})
    given = read_inputs(before.task.border.inputs, inputs, usage=f"localflyte rerun {name}", replacing=True)
    if recover:
        passed |= {"recover": before.folder, "force_rerun_actions": force}
    return execute(before.task, {**before.inputs, **given}, options, merged(before.said, passed))


def _split(ctx: click.Context, rest: Sequence[str], inputs: Iterable[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """:return: the options among what follows the run, as ``flyte rerun`` takes them there, and what is left for the task"""
    taken = {f"--{name}" for name in inputs} | {f"--{name.replace('_', '-')}" for name in inputs}
    options = [param for param in ctx.command.params if isinstance(param, click.Option) and not taken & set(param.opts)]
    settings = {"ignore_unknown_options": True}
    left = click.Argument(["left"], nargs=-1, type=click.UNPROCESSED)
    command = click.Command("rerun", params=[*options, left], add_help_option=False, context_settings=settings)
    with command.make_context("localflyte rerun", list(rest)) as context:
        said = {name: value for name, value in context.params.items() if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    return said, said.pop("left", ())


def _joined(options: Mapping[str, Any], behind: Mapping[str, Any]) -> dict[str, Any]:
    """:return: the options of both places; of one that may be repeated, what each of them says"""
    joined = dict(options)
    for name, value in behind.items():
        before = joined.get(name)
        if isinstance(value, dict):
            joined[name] = {**(before or {}), **value}
        else:
            joined[name] = (*(before or ()), *value) if isinstance(value, tuple) else value
    return joined


rerun = click.Command(
    "rerun",
    callback=click.pass_context(_rerun),
    help=HELP,
    params=[
        click.Option(["--recover"], is_flag=True, help="Carry only what has not succeeded, or has changed."),
        click.Option(
            ["--force", "--force-rerun-action", "force"],
            multiple=True,
            metavar="ACTION",
            help="With --recover, carry this action again; repeatable.",
        ),
        # Of flyte rerun: the first action is all that can be named, and what has no outputs any more is carried again at any rate.
        click.Option(["--action-name"], default="a0", hidden=True),
        click.Option(["--allow-missing-outputs"], is_flag=True, hidden=True, expose_value=False),
        *RUN_OPTIONS,
        click.Argument(["run"], metavar="RUN"),
        click.Argument(["inputs"], nargs=-1, type=click.UNPROCESSED, metavar="[--input value ...]"),
    ],
    context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]},
)
