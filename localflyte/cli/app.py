"""App: the command ``localflyte``, a group that loads a subcommand when it is used."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import quiet_pipes
from localflyte.cli.exits import say
from localflyte.cli.exits import say_internal_error
from localflyte.cli.lazy import LazyGroup
from localflyte.cli.near import near

__all__ = ("COMMANDS", "run_command_line")

#: each command, where it is, and its line of help: so that `localflyte --help` loads none of them
COMMANDS = {
    "run": ("localflyte.cli.run:run", "Run a task of a Python file on this machine."),
    "rerun": ("localflyte.cli.rerun:rerun", "Run an earlier run again; with --recover, only what has not succeeded."),
    "runs": ("localflyte.cli.history:runs", "List the runs of this machine, newest first."),
    "show": ("localflyte.cli.history:show", "Show the tree of one run: states, durations, attempts, errors."),
    "logs": ("localflyte.cli.history:logs", "Print what the tasks of a run printed."),
    "triggers": ("localflyte.cli.triggers:triggers", "List the triggers of a Python file, and start their runs when they are due."),
    "signal": ("localflyte.cli.signal:signal", "Answer what a task of a run asks."),
    "cache": ("localflyte.cli.cache:cache", "Look into the store of cached results, and look after it."),
    "build": ("localflyte.cli.build:build", "Make the images ready that a file needs."),
    "deploy": ("localflyte.cli.deploy:deploy", "Print what a cluster would be given (--dry-run)."),
    "doctor": ("localflyte.cli.doctor:doctor", "Say what this machine holds tasks to, and prove it."),
}
#: commands of flyte that make sense on a cluster only
ON_A_CLUSTER = (
    "abort",
    "create",
    "delete",
    "edit",
    "gen",
    "get",
    "prefetch",
    "serve",
    "start",
    "stop",
    "whoami",
)


def _unknown(name: str) -> str:
    if os.path.isfile(name):
        return f"{name!r} is a file: `localflyte run {name} TASK` runs a task of it, `python -m localflyte {name}` runs it as a script"
    if name == "delete":
        return "`delete` removes what a Flyte cluster keeps; `localflyte cache clear` removes the results that are kept here"
    if name in ON_A_CLUSTER:
        return f"`{name}` needs a Flyte cluster, and localflyte runs tasks on this machine; the commands here are {', '.join(COMMANDS)}"
    if name.endswith(".py"):
        return f"there is no file {name!r}, and no such command either"
    close = near(name, COMMANDS)
    return f"there is no command {name!r}; " + (f"did you mean {close!r}?" if close else f"the commands are {', '.join(COMMANDS)}")


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from localflyte._version import __version__

        click.echo(f"localflyte {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup, lazy=COMMANDS, unknown=_unknown, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version and exit.")
@click.option("-v", "--verbose", count=True, help="Say more: -v for warnings, -vv for information, -vvv for everything.")
@click.pass_context
def cli(ctx: click.Context, verbose: int) -> None:
    """Flyte 2 code on one machine: every task call in a process of its own.

    `python -m localflyte FILE [ARGS]` runs a script in which `import flyte` means localflyte.
    """
    ctx.obj = verbose
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run_command_line(args: Sequence[str] | None = None) -> int:
    """Run the command line; every way it can end is an exit code.

    :param args: the arguments, those of this process by default
    """
    args = sys.argv[1:] if args is None else list(args)
    with quiet_pipes():
        return _dispatch(args)
    return ExitCode.SUCCEEDED  # whoever read what it printed had seen enough


def _dispatch(args: Sequence[str]) -> int:
    try:
        code = cli.main(args=list(args), prog_name="localflyte", standalone_mode=False)
    except click.UsageError as error:
        say(_with_hint(error))
        return ExitCode.USAGE
    except click.ClickException as error:
        say(error.format_message())
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    except (BrokenPipeError, SystemExit):  # the latter is click's word for the former
        raise BrokenPipeError(errno.EPIPE, "nobody reads what is printed") from None
    except Exception as error:  # noqa: BLE001 - the last door: what comes here is shown as one line
        return _report(error, args)
    return code if isinstance(code, int) else ExitCode.SUCCEEDED


def _with_hint(error: click.UsageError) -> str:
    text = error.format_message().rstrip()
    if error.ctx is None or "--help`" in text:
        return text
    return f"{text}{'' if text.endswith(('.', '?')) else '.'} See `{error.ctx.command_path} --help`."


def _report(error: Exception, args: Sequence[str]) -> int:
    from localflyte.errors import BaseRuntimeError

    if isinstance(error, BaseRuntimeError) and error.kind == "user":
        # No such run or task, a setting that cannot be used, a task that only a cluster can run.
        say(str(error))
        return ExitCode.USAGE
    say_internal_error(error, verbose=any(arg in {"-v", "-vv", "-vvv", "--verbose"} for arg in args))
    return ExitCode.INTERNAL
