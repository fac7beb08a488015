"""Inline: serves one request in a thread of the caller's process, where its module is loaded and its objects can be patched."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from socket import socket
from typing import Any

from localflyte.api import registry
from localflyte.api.context import context_of
from localflyte.api.context import replaced
from localflyte.api.port import use_port_here
from localflyte.spec.options import Options
from localflyte.spec.plan import TaskRef
from localflyte.worker import debugger
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from localflyte.worker.loading import find_task
from localflyte.worker.raised import keep_raised
from localflyte.worker.steps import decode
from localflyte.worker.steps import encode
from localflyte.worker.steps import failed
from localflyte.worker.steps import flush_streams

__all__ = ("serve_inline",)

UNMEASURED = (0, 0.0)  # peak memory and CPU: of this process, not of the task


def serve_inline(sock: socket, terminal: str = "") -> Callable[[], None]:
    """Serve the one request that comes over a socket, in a thread.

    :param terminal: the device that ``breakpoint()`` hands over; where there is none it is Python's own
    :return: asks the task to end
    """
    if terminal and sys.breakpointhook is sys.__breakpointhook__:  # else somebody has one of his own, as pytest
        debugger.use(terminal)
        sys.breakpointhook = debugger.hook
    served = _Served(sock)
    threading.Thread(target=served.run, name="localflyte-inline", daemon=True).start()
    return served.cancel


class TaskEndedError(BaseException):
    """Raised in a task that was asked to end."""


class _Served:
    def __init__(self, sock: socket) -> None:
        self._sock = sock
        self._ident = 0
        self._task: Any = None
        self._loop: Any = None

    def run(self) -> None:
        """Serve, and end."""
        with self._sock, suppress(EngineGoneError, TaskEndedError):
            link = Link(self._sock)
            request = link.receive_request()
            if request is None:
                return
            use_port_here(link)
            ok, payload = self._attempt(request)
            flush_streams()
            link.send("reply", ok, payload, UNMEASURED)

    def cancel(self) -> None:
        """Ask the task to end, from another thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._task.cancel)
        elif self._ident:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._ident), ctypes.py_object(TaskEndedError))

    def _attempt(self, request: dict[str, Any]) -> tuple[bool, Any]:
        try:
            options = request["run_options"]
            attempt = int(request["env"].get("FLYTE_ATTEMPT_NUMBER") or 0)
            context = context_of({**request, "attempt": attempt}, run_options=Options(**options) if options else None)
            with replaced(context), _variables(request["env"]):
                task = _find(TaskRef(**request["task"]))
                request["loaded"] = True
                return encode(task, self._call(task, decode(task, request)), request)
        except (EngineGoneError, TaskEndedError):
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit of a task is its own failure too
            info = failed(request, error)
            keep_raised(info.traceback, error)
            return False, info

    def _call(self, task: Any, values: dict[str, Any]) -> Any:
        if task.is_async:
            import asyncio

            return asyncio.run(self._in_loop(task, values))
        self._ident = threading.get_ident()
        try:
            return task.execute_in_worker(values)
        finally:
            self._ident = 0

    async def _in_loop(self, task: Any, values: dict[str, Any]) -> Any:
        import asyncio

        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        try:
            return await task.execute_in_worker(values)
        finally:
            self._loop = None


def _find(ref: TaskRef) -> Any:
    """Find the task among those that are loaded here: what a test has patched is what runs."""
    task = registry.find(ref.module, ref.name)
    if task is None and ref.file:
        main = sys.modules.get("__main__")
        if main is not None and os.path.abspath(getattr(main, "__file__", None) or "") == ref.file:
            task = registry.find("__main__", ref.name)
    return task or find_task(ref)


@contextmanager
def _variables(env: Mapping[str, str]) -> Iterator[None]:
    """Set variables for as long as a task runs. Of two tasks at once, both see what the later one set."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
