"""Serve: what a child does with its one request: find, decode, call, encode, leave, reply.

The reply is the last act. Non-daemon threads have been joined, exit handlers have run and the streams are flushed
before it is sent, and `os._exit(0)` follows it, so a reply that arrived whole says all three: the task returned, its
outputs are complete, and nothing of it runs any more. Whatever ends the process earlier leaves no reply, and is a failure.
"""

from __future__ import annotations

import os
import sys
from typing import Any
from typing import NoReturn

from localflyte.api.context import enter_later
from localflyte.api.port import set_port
from localflyte.spec.inline import breach
from localflyte.spec.options import Options
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.packed import Packed
from localflyte.spec.plan import TaskRef
from localflyte.wire.crossing import to_info
from localflyte.wire.messages import inputs_from_wire
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from localflyte.worker.loading import find_task
from localflyte.worker.traces import user_traceback

__all__ = ("serve",)


def serve(sock: Any) -> NoReturn:
    """Wait for a request on `sock`, serve it, and end this process."""
    link = Link(sock)
    request = link.receive_request()
    if request is None:
        os._exit(0)
    try:
        ok, payload = _attempt(link, request)
        _leave()
        link.send("reply", ok, payload)
    except EngineGoneError:
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - an exit handler of the task may raise anything, and must not be lost
        link.send("reply", False, to_info(error, user_traceback(error)))
    os._exit(0)


def _attempt(link: Link, request: dict[str, Any]) -> tuple[bool, Any]:
    """:return: whether it succeeded, and the packed outputs or the error"""
    try:
        for name, value in request["env"].items():
            os.environ[name] = value
        task = find_task(TaskRef(**request["task"]))
        _enter(link, request)
        name = task.name
        values = task.interface.decode_inputs(inputs_from_wire(request["inputs"]), task=name)
        result = _call(task, values, link)
        outputs: tuple[Packed, ...] = task.interface.encode_outputs(result, task=name)
        problem = breach(name, "outputs", zip(task.interface.outputs, outputs, strict=True), request["max_inline_io_bytes"])
        if problem is not None:
            return False, problem
        if request["report"] and "localflyte.report" in sys.modules:
            sys.modules["localflyte.report"].flush_at_end()
    except EngineGoneError:
        raise
    except SystemExit as error:
        return False, _exited(request["task"]["name"], error)
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt and CancelledError of a task are its own failures too
        return False, to_info(error, user_traceback(error))
    return True, outputs


def _call(task: Any, values: dict[str, Any], link: Link) -> Any:
    if not task.is_async:
        return task.execute_in_worker(values)
    from localflyte.worker.loops import run_to_end

    return run_to_end(task.execute_in_worker(values))


def _enter(link: Link, request: dict[str, Any]) -> None:
    """Make this process the attempt: its context, its door to the engine. Not before the user's module is loaded: what
    a module calls while it is imported is no call of the task.
    """
    set_port(link)
    options = request["run_options"]
    enter_later(request, run_options=Options(**options) if options else None)


def _leave() -> None:
    """Do what an interpreter does at its end, as far as a task could notice: threads, exit handlers, streams."""
    threading = sys.modules.get("threading")
    if threading is not None and (len(threading._active) > 1 or threading._limbo):
        threading._shutdown()
    atexit = sys.modules.get("atexit")
    if atexit is not None and atexit._ncallbacks():
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed, or replaced by something of the task's own
            continue


def _exited(task: str, error: SystemExit) -> ErrorInfo:
    code = 0 if error.code is None else error.code
    message = f"task {task} called sys.exit({code!r}). A task succeeds by returning; raise an exception to fail it."
    return ErrorInfo("user", "SystemExit", message, "user", user_traceback(error))
