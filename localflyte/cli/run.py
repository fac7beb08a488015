"""Run: ``localflyte run`` loads the file, reads the inputs, runs the task and says how it ended."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING
from typing import Any

import click

from localflyte.cli.ending import Ending
from localflyte.cli.ending import print_ending
from localflyte.cli.ending import print_ending_as_json
from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import quiet_pipes
from localflyte.cli.exits import say
from localflyte.cli.exits import say_internal_error
from localflyte.cli.loading import check_file
from localflyte.cli.loading import find_task
from localflyte.cli.loading import load_program
from localflyte.cli.loading import tasks_of
from localflyte.cli.options import RUN_OPTIONS
from localflyte.cli.options import run_context_options
from localflyte.cli.witness import Witness

if TYPE_CHECKING:
    from localflyte.api.task import TaskTemplate

__all__ = ("execute", "run")

HELP = """Run a task of a Python file on this machine.

FILE is a Python file, TASK a task in it: the variable it is bound to, its short name or its full name. What follows are the
task's inputs, one option each; lists, dicts, dataclasses and models are JSON, or the path of a .json or .yaml file.

\b
  localflyte run hello.py main --n 3 --names '["a", "b"]'
  localflyte run hello.py main --help
  localflyte run hello.py --help

\b
Exit codes:
    0  the run succeeded
    1  the task failed, or the file could not be loaded
    2  the command was not understood: file, task, input or option
   70  localflyte itself failed
  124  the task reached its timeout
  129  ended by SIGHUP: its terminal went away
  130  interrupted (Ctrl-C), or aborted
  143  ended by SIGTERM
"""
#: sub-forms of ``flyte run`` that stand where the file stands
NOT_A_FILE = {
    "deployed-task": "`deployed-task` runs what a Flyte cluster holds; name a Python file and a task of it",
    "python-script": "`python-script` runs a script on a Flyte cluster; `python -m localflyte FILE` runs it here",
}


def _run(ctx: click.Context, /, file: str | None, task: str | None, inputs: tuple[str, ...], **options: Any) -> int:
    options["verbose"] = options["verbose"] + (ctx.obj or 0)
    passed = run_context_options(options)
    if file is None:
        raise click.UsageError("say which file and which task: localflyte run FILE TASK [--input value ...]")
    if file in NOT_A_FILE:
        raise click.UsageError(NOT_A_FILE[file])
    path = check_file(file)
    module = load_program(path, **{name: options[name] for name in ("root_dir", "project", "domain", "images", "verbose")})
    if task is None:
        raise click.UsageError(_which_task(module, file))
    if task in ctx.help_option_names:
        _print_tasks(module, file)
        return ExitCode.SUCCEEDED
    if task.startswith("-"):
        raise click.UsageError(f"{task!r} stands where the task is expected; options of the run come before the file")
    template = find_task(module, task)
    return execute(template, _read(template, file, task, inputs), options, passed)


def _which_task(module: ModuleType, file: str) -> str:
    names = list(tasks_of(module))
    if not names:
        return f"{file} has no tasks: decorate a function with @env.task"
    if len(names) == 1:
        return f"say which task: localflyte run {file} {names[0]}"
    return f"say which task of {file}: {', '.join(names)}"


def _print_tasks(module: ModuleType, file: str) -> None:
    formatter = click.HelpFormatter()
    formatter.write_usage(f"localflyte run {file}", "TASK [--input value ...]")
    with formatter.section("Tasks"):
        formatter.write_dl([(name, _about(task)) for name, task in tasks_of(module).items()] or [("(none)", "")])
    click.echo(formatter.getvalue().rstrip("\n"))


def _about(task: TaskTemplate[Any, Any, Any]) -> str:
    text: str = getattr(getattr(task, "func", None), "__doc__", None) or ""
    return text.strip().partition("\n")[0].strip()


def _read(template: TaskTemplate[Any, Any, Any], file: str, task: str, inputs: Sequence[str]) -> dict[str, Any]:
    from localflyte.cli.inputs import read_inputs

    long_names = [name for option in RUN_OPTIONS for name in option.opts if name.startswith("--")]
    usage = f"localflyte run {file} {task}"
    return read_inputs(template.border.inputs, inputs, usage=usage, about=_about(template), run_options=long_names)


def execute(template: TaskTemplate[Any, Any, Any], inputs: Mapping[str, Any], options: Mapping[str, Any], passed: Mapping[str, Any]) -> int:
    """Run a task and tell how it went.

    :param options: of the command
    :param passed: what is handed to ``flyte.with_runcontext``
    :return: the exit code
    """
    from localflyte.engine.interrupts import Interrupted
    from localflyte.engine.interrupts import raising
    from localflyte.observe.console import create_console
    from localflyte.running import with_runcontext

    witness = Witness()
    if options["inline"]:
        os.environ["LOCALFLYTE_ISOLATION"] = "inline"
    if options["image_policy"]:
        os.environ["LOCALFLYTE_IMAGE_POLICY"] = options["image_policy"]
    if options["no_color"]:
        os.environ["NO_COLOR"] = "1"
    as_json = options["as_json"]
    console = create_console("json" if as_json else "plain" if options["plain"] else "auto", sys.stdout if as_json else sys.stderr, say)
    try:
        try:
            runner = with_runcontext(mode="local", sinks=[witness, console], **passed)
            with raising():
                finished = runner.run(template, **inputs)
        finally:
            console.close()
        outputs = finished.outputs()
        named = outputs.named_outputs if template.border.outputs else {}
        ending = Ending(finished.name, "succeeded", finished.url, named, None, witness.seconds)
        code = ExitCode.FAILED if witness.diverged else ExitCode.SUCCEEDED
    except (KeyboardInterrupt, Interrupted) as error:
        ending = Ending(witness.run, "aborted", _page(witness.run), {}, error, witness.seconds)
        code = ExitCode(128 + error.number) if isinstance(error, Interrupted) else ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - sorted into the exit codes below
        ending, code = _failed(error, witness, options)
    with quiet_pipes():
        if sys.stdout is None:  # closed by who started this
            pass
        elif as_json:
            print_ending_as_json(ending, sys.stdout)
        elif ending.name:
            print_ending(ending, sys.stdout)
    if options["check_determinism"] and ending.status == "succeeded":
        names = sorted(set(witness.diverged))
        say(f"not deterministic: {', '.join(names)}" if names else "every call that can be cached gave the same twice")
    return code


def _page(run: str) -> str:
    from pathlib import Path

    from localflyte.runs.folder import INDEX
    from localflyte.runs.folder import run_folder
    from localflyte.settings import load_settings

    return Path(run_folder(load_settings().home, run), INDEX).as_uri() if run else ""


def _failed(error: Exception, witness: Witness, options: Mapping[str, Any]) -> tuple[Ending, ExitCode]:
    from localflyte.errors import ActionAbortedError
    from localflyte.errors import BaseRuntimeError
    from localflyte.errors import TaskTimeoutError
    from localflyte.observe.text import printable

    name, url = getattr(error, "run_name", witness.run), getattr(error, "run_url", "")
    ending = Ending(name, witness.status or "failed", url, {}, error, witness.seconds)
    if isinstance(error, TaskTimeoutError):
        return ending, ExitCode.TIMED_OUT
    if isinstance(error, ActionAbortedError):
        return ending, ExitCode.INTERRUPTED
    if not name and _is_refusal(error):
        # Before anything ran: a value of the wrong type, a name that is taken, a folder that cannot be written.
        say(str(error))
        return ending, ExitCode.USAGE
    if isinstance(error, BaseRuntimeError):
        if error.code == "InternalError":
            say(str(error))
            return ending, ExitCode.INTERNAL
        if error.remote_traceback and not options["as_json"]:
            print(printable(error.remote_traceback).rstrip(), file=sys.stderr)
        return ending, ExitCode.FAILED
    say_internal_error(error, verbose=options["verbose"] > 0)
    return ending, ExitCode.INTERNAL


def _is_refusal(error: Exception) -> bool:
    from localflyte.errors import BaseRuntimeError

    if isinstance(error, (BaseRuntimeError, OSError)):
        return True
    # A wrong argument is found before the engine is asked; a TypeError of the engine's is a fault of ours.
    return isinstance(error, (TypeError, ValueError)) and not _passed_through(error, ("engine", "launch", "store"))


def _passed_through(error: Exception, rooms: Sequence[str]) -> bool:
    home = os.path.dirname(os.path.dirname(__file__))
    folders = tuple(os.path.join(home, room) + os.sep for room in rooms)
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(folders):
            return True
        trace = trace.tb_next
    return False


run = click.Command(
    "run",
    callback=click.pass_context(_run),
    help=HELP,
    params=[
        *RUN_OPTIONS,
        click.Argument(["file"], required=False, metavar="FILE"),
        click.Argument(["task"], required=False, metavar="TASK"),
        click.Argument(["inputs"], nargs=-1, type=click.UNPROCESSED, metavar="[--input value ...]"),
    ],
    context_settings={"allow_interspersed_args": False, "help_option_names": ["-h", "--help"]},
)
