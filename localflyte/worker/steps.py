"""Steps: what serving a request is made of, for a child that serves one and for a replica that serves many."""

from __future__ import annotations

import os
import sys
from typing import Any

from localflyte.spec.inline import breach
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed
from localflyte.spec.plan import TaskRef
from localflyte.wire.crossing import to_info
from localflyte.wire.messages import inputs_from_wire
from localflyte.worker.loading import find_task
from localflyte.worker.traces import is_of_users
from localflyte.worker.traces import user_traceback

__all__ = ("decode", "encode", "failed", "flush_streams", "leave", "open_task")


def open_task(request: dict[str, Any]) -> Any:
    """Set the variables of the request, and find its task.

    :raises TaskNotFoundError: if its module defines no such task
    :raises Exception: whatever the user's module raises
    """
    for name, value in request["env"].items():
        os.environ[name] = value
    task = find_task(TaskRef(**request["task"]))
    request["loaded"] = True
    return task


def decode(task: Any, request: dict[str, Any]) -> dict[str, Any]:
    """:return: the inputs as the task takes them"""
    values: dict[str, Any] = task.border.decode_inputs(inputs_from_wire(request["inputs"]), task=task.name)
    return values


def encode(task: Any, result: Any, request: dict[str, Any]) -> tuple[bool, Any]:
    """Pack the outputs, and write the report down.

    :return: whether they may cross, and the packed outputs or the error
    """
    outputs: tuple[Packed, ...] = task.border.encode_outputs(result, task=task.name)
    problem = breach(task.name, "outputs", zip(task.border.outputs, outputs, strict=True), request["max_inline_io_bytes"])
    if problem is not None:
        return False, problem
    if request["report"] and "localflyte.report" in sys.modules:
        sys.modules["localflyte.report"].flush_at_end()
    return True, outputs


def failed(request: dict[str, Any], error: BaseException) -> ErrorInfo:
    """:return: what ended the task, as it is told to the engine; code that cannot be loaded is not tried again, it will be the same"""
    info = _info(request, error)
    return info if request.get("loaded") else info._replace(recoverable=False)


def leave() -> None:
    """Do what an interpreter does at its end, as far as a task could notice: threads, exit handlers, streams."""
    threading = sys.modules.get("threading")
    if threading is not None and (len(threading._active) > 1 or threading._limbo):
        threading._shutdown()
    atexit = sys.modules.get("atexit")
    if atexit is not None and atexit._ncallbacks():
        atexit._run_exitfuncs()
    flush_streams()


def flush_streams() -> None:
    """Send on what the task printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or replaced by something of the task's own
            continue


def _info(request: dict[str, Any], error: BaseException) -> ErrorInfo:
    if not isinstance(error, SystemExit):
        # A container that fails has no Python code for anybody to look at.
        return to_info(error, user_traceback(error) if "container" not in request or is_of_users(error) else "")
    code = 0 if error.code is None else error.code
    task = request["task"]["name"]
    message = f"task {task} called sys.exit({code!r}). A task succeeds by returning; raise an exception to fail it."
    return ErrorInfo("user", "SystemExit", message, "user", user_traceback(error))
