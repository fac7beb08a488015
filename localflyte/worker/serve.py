"""Serve: what a child does with its one request: find, decode, call, encode, leave, reply.

The reply is the last act. Non-daemon threads have been joined, exit handlers have run and the streams are flushed
before it is sent, and `os._exit(0)` follows it, so a reply that arrived whole says all three: the task returned, its
outputs are complete, and nothing of it runs any more. Whatever ends the process earlier leaves no reply, and is a failure.
"""

from __future__ import annotations

import gc
import os
from typing import Any
from typing import NoReturn

from localflyte.api.context import enter_later
from localflyte.api.port import set_port
from localflyte.spec.options import Options
from localflyte.types.base import in_peace
from localflyte.wire.crossing import to_info
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from localflyte.worker.steps import decode
from localflyte.worker.steps import encode
from localflyte.worker.steps import failed
from localflyte.worker.steps import leave
from localflyte.worker.steps import open_task
from localflyte.worker.traces import user_traceback
from localflyte.worker.usage import usage

__all__ = ("serve",)

LARGE = 1 << 20  # bytes of inputs; of less, the collector is soon done


def serve(sock: Any) -> NoReturn:
    """Wait for a request on `sock`, serve it, and end this process. A first request that names a replica makes it one."""
    link = Link(sock)
    request = link.receive_request()
    if request is None:
        os._exit(0)
    if "replica" in request:
        from localflyte.worker.replica import Replica

        Replica(link, request["replica"]).run()
    try:
        ok, payload = _attempt(link, request)
        leave()
        link.send("reply", ok, payload, usage())
    except EngineGoneError:
        os._exit(1)
    except BaseException as error:  # noqa: BLE001 - an exit handler of the task may raise anything, and must not be lost
        link.send("reply", False, to_info(error, user_traceback(error)), usage())
    os._exit(0)


def _attempt(link: Link, request: dict[str, Any]) -> tuple[bool, Any]:
    """:return: whether it succeeded, and the packed outputs or the error"""
    try:
        task = open_task(request)
        _enter(link, request)
        return encode(task, _call(task, _inputs(task, request)), request)
    except EngineGoneError:
        raise
    except BaseException as error:  # noqa: BLE001 - SystemExit, KeyboardInterrupt and CancelledError of a task are its own failures too
        return False, failed(request, error)


def _inputs(task: Any, request: dict[str, Any]) -> dict[str, Any]:
    """:return: the inputs; the collector need not look at large ones, since they stay as long as this process"""
    if sum(len(data) for data, *_ in request["inputs"].values()) < LARGE:
        return decode(task, request)

    def decode_and_freeze() -> dict[str, Any]:
        values = decode(task, request)
        gc.freeze()
        return values

    return in_peace(decode_and_freeze)


def _call(task: Any, values: dict[str, Any]) -> Any:
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
