"""Rerun: ``localflyte rerun``, which runs an earlier run again, whole or where it ended."""

from __future__ import annotations

from typing import Any

import click

from localflyte.cli.history import load_named
from localflyte.cli.inputs import read_inputs
from localflyte.cli.loading import get_ready
from localflyte.cli.options import RUN_OPTIONS
from localflyte.cli.options import run_context_options
from localflyte.cli.run import execute

__all__ = ("rerun",)

HELP = """Run an earlier run again, with the inputs that it had, and the code that is there now. RUN may be the beginning of a name, or
`last`; inputs that are given replace those it had, and so do options.

With --recover, what its actions gave is taken from there, where they succeeded and the code of their task has not changed; only the
others are carried. What gave more than 64 KiB is carried again."""


def _rerun(
    ctx: click.Context, /, run: str, inputs: tuple[str, ...], recover: bool, force: tuple[str, ...], action_name: str, **options: Any
) -> int:
    from localflyte.rerunning import prepare_rerun
    from localflyte.runcontext import merged

    options["verbose"] = options["verbose"] + (ctx.obj or 0)
    passed = run_context_options(options)
    if force and not recover:
        raise click.UsageError("--force needs --recover: without it everything is carried again")
    if action_name != "a0":
        raise click.UsageError(f"--action-name {action_name}: here a run is run again from a0; `localflyte run` runs one task of it")
    get_ready(**{name: options[name] for name in ("root_dir", "project", "domain", "images", "verbose")})
    name = load_named(run).name
    before = prepare_rerun(name, {})
    given = read_inputs(before.task.border.inputs, inputs, usage=f"localflyte rerun {name}", replacing=True)
    if recover:
        passed |= {"recover": before.folder, "force_rerun_actions": force}
    return execute(before.task, {**before.inputs, **given}, options, merged(before.said, passed))


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
