"""Breakdown: what happens when localflyte itself fails. The run ends as failed, what runs is killed, and a file says what to report."""

from __future__ import annotations

import os
import platform
import sys
import traceback

import anyio

from localflyte._version import __version__
from localflyte.engine.runstate import RunState
from localflyte.engine.verdict import failure
from localflyte.launch.child import Worker
from localflyte.runs.folder import JOURNAL
from localflyte.runs.folder import write_private_file
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome

__all__ = ("break_down", "end_children")

END_SECONDS = 2.0  # for killed processes to be reaped
REPORT = "internal-error.txt"
LAST_EVENTS = 20_000  # bytes of the journal's end that go into the report


def break_down(run: RunState, error: BaseException) -> Outcome:
    """Write down what is wrong with localflyte.

    :return: the outcome of the run that it happened to
    """
    path = os.path.join(run.folder, REPORT)
    try:
        run.flush()
        write_private_file(path, _report(run, error).encode("utf-8", "backslashreplace"))
        way_out = f"Please report it, with the file {path}."
    except OSError as problem:
        way_out = f"Please report it; {path} could not be written ({problem.strerror})."
    first = _innermost(error)
    message = f"localflyte itself failed, not the task: {type(first).__name__}: {first}. {way_out}"
    trace = "".join(traceback.format_exception(error))
    return failure(ErrorInfo("system", "InternalError", message, "system", trace, False))


async def end_children(children: set[Worker]) -> None:
    """Kill what still works for a run, and wait until it is gone, within bounds."""
    with anyio.move_on_after(END_SECONDS, shield=True):
        for child in tuple(children):
            child.signal(9)
        for child in tuple(children):
            await child.wait_gone()


def _report(run: RunState, error: BaseException) -> str:
    lines = [
        f"localflyte {__version__}, Python {sys.version}",
        f"{platform.platform()}, anyio {_version('anyio')}",
        f"run {run.name}, process {os.getpid()}",
        "",
        "".join(traceback.format_exception(error)),
        "the last events of the run:",
    ]
    try:
        with open(os.path.join(run.folder, JOURNAL), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_EVENTS))
            lines.append(file.read().decode("utf-8", "replace"))
    except OSError as problem:
        lines.append(f"(the journal cannot be read: {problem.strerror})")
    return "\n".join(lines)


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
