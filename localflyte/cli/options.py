"""Options: what `localflyte run` takes before the file, under the names of ``flyte run``, and a few of our own."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import click

__all__ = ("NOT_HERE", "RUN_OPTIONS", "run_context_options")

#: options of ``flyte run`` that cannot mean anything here, each with the reason
NOT_HERE = {
    "tracked": "--tracked reports to the console of a Flyte cluster; `localflyte show RUN` and the page of the run show it here",
    "tracked_strict": "--tracked-strict reports to the console of a Flyte cluster; leave it out",
    "debug": "--debug opens an editor in a container on a cluster; put breakpoint() into the task: it gets this terminal",
}
#: options that become arguments of ``flyte.with_runcontext`` under the same name, where they were given
PASSED = (
    "name", "project", "domain", "raw_data_path", "queue", "max_action_concurrency", "copy_style", "overwrite_cache", "disable_run_cache",
    "explain", "check_determinism", "strict_remote",
)  # fmt: skip


def _read_pairs(_ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.UsageError(f"{max(param.opts, key=len)} takes KEY=VALUE, not {text!r}")
        found[key] = value
    return found


def _flag(*names: str, text: str = "", hidden: bool = False) -> click.Option:
    return click.Option(list(names), is_flag=True, help=text, hidden=hidden)


def _option(*names: str, text: str = "", hidden: bool = False, **more: Any) -> click.Option:
    return click.Option(list(names), help=text, hidden=hidden, **more)


def _pairs(*names: str, text: str) -> click.Option:
    return _option(*names, text=text, multiple=True, metavar="KEY=VALUE", callback=_read_pairs)


RUN_OPTIONS: tuple[click.Option, ...] = (
    _option("--name", text="Name of the run; made up by default.", metavar="NAME"),
    _option("-p", "--project", text="What flyte.current_project() says.", metavar="NAME"),
    _option("-d", "--domain", text="What flyte.current_domain() says.", metavar="NAME"),
    _pairs("-e", "--env", "env_vars", text="Environment variable of every task; repeatable."),
    _pairs("--label", "labels", text="Label of the run; repeatable."),
    _option("--queue", "--task-queue", "queue", text="Queue of TASK, and of tasks that declare none.", metavar="NAME"),
    _option("--raw-data-path", text="Folder for the files that tasks make.", metavar="PATH"),
    _option("--root-dir", text="Root of the project, put on sys.path; the current folder by default.", metavar="DIR"),
    _option("--max-action-concurrency", text="How many actions may run at once.", type=click.IntRange(min=0), metavar="N"),
    _flag("--overwrite-cache", text="Run everything, and replace what is cached."),
    _flag("--disable-run-cache", text="Neither read nor write the cache."),
    _flag("--explain", text="Say of every miss of the cache why it is one."),
    _flag("--check-determinism", text="Run every task that can be cached twice, and compare what comes out."),
    _flag("--strict-remote", text="Warn of what passes on this machine and breaks in a pod."),
    _flag("--inline", text="Run tasks in threads of this process, for debuggers; limits are off."),
    _flag("--json", "as_json", text="Print one JSON object a line: the events, and the result last."),
    _flag("--plain", text="Print plain lines even on a terminal."),
    _flag("--no-color", text="Print without colours."),
    _option("-v", "--verbose", text="Say more; -vv and -vvv still more.", count=True),
    _flag("--local", text="Accepted, as in flyte run: everything is local."),
    _option(
        "--copy-style",
        text="Accepted, as in flyte run: no code is copied.",
        type=click.Choice(["loaded_modules", "all", "none", "custom"]),
        metavar="STYLE",
    ),
    _option(
        "--image",
        "images",
        multiple=True,
        metavar="NAME=URI",
        text="What Image.from_ref_name(NAME) is; URI alone: of who has none.",
    ),
    _option(
        "--image-policy",
        text="What images become: auto, container, venv, or host, which does not honour them.",
        type=click.Choice(["auto", "container", "venv", "host"]),
        metavar="POLICY",
    ),
    # Of flyte run, and accepted so that its command lines work; they change nothing on this machine.
    _flag("-f", "--follow", hidden=True),
    _flag("--tui", hidden=True),
    _option("--service-account", hidden=True),
    _flag("--no-sync-local-sys-paths", hidden=True),
    _option("--run-project", hidden=True),
    _option("--run-domain", hidden=True),
    # Of flyte run, and refused with a reason (NOT_HERE).
    _flag("--tracked", hidden=True),
    _flag("--tracked-strict", hidden=True),
    _flag("--debug", hidden=True),
)


def run_context_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what to hand to ``flyte.with_runcontext``.

    :param options: the parsed options of the command
    :return: the arguments that were given, by name
    :raises click.UsageError: if an option cannot mean anything on this machine
    """
    for name, reason in NOT_HERE.items():
        if options.get(name):
            raise click.UsageError(reason)
    chosen = {name: options[name] for name in PASSED if options.get(name) not in (None, False)}
    return chosen | {name: options[name] for name in ("env_vars", "labels") if options.get(name)}
