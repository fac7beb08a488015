"""Replica: a child that is kept. It serves requests until the engine closes its link, several at once where that was declared.

Whatever a request changes stays: module globals, caches, open connections, `os.environ`, the working directory. That is what
reuse means on a cluster too. Async tasks run on one event loop, kept for the replica's life with all that they leave running
on it; sync tasks have the main thread for themselves. Each request has its own context, so `ctx()` is right however many are
at work. Variables such as FLYTE_ATTEMPT_NUMBER are set in `os.environ` for each request, where the last one wins.

Exit handlers run, and threads are joined, when the replica ends. A process that a request started and that nothing in the
replica holds any more is killed with the request, where it is the only one at work.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from typing import Any
from typing import NoReturn

from localflyte.api.context import promise
from localflyte.api.port import set_port
from localflyte.worker.gauge import Gauge
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from localflyte.worker.replicalink import ReplicaLink
from localflyte.worker.replicalink import Request
from localflyte.worker.replicalink import serving
from localflyte.worker.steps import decode
from localflyte.worker.steps import encode
from localflyte.worker.steps import failed
from localflyte.worker.steps import flush_streams
from localflyte.worker.steps import leave
from localflyte.worker.steps import open_task
from localflyte.worker.strays import end_strays

__all__ = ("Replica",)

MOST_TASKS = 256  # found and kept; a notebook sends a new pickle with every change of the code


class Replica:
    """:param concurrency: how many requests may be at work at once; more than one only where all tasks are async"""

    def __init__(self, link: Link, concurrency: int) -> None:
        self._link = ReplicaLink(link)
        self._alone = concurrency == 1
        self._loop: Any = None
        self._asyncio: Any = None  # loaded with the first async task
        self._tasks: dict[tuple[Any, ...], Any] = {}
        self._handed: deque[dict[str, Any]] = deque()  # requests that must be begun outside of the loop
        self._base = copy_context()  # what every request begins with, whatever others have set
        self._gauge = Gauge()
        self._env: dict[str, str] = {}

    def run(self) -> NoReturn:
        """Serve until the engine needs this replica no more."""
        promise(self._link.context)
        code = 0
        try:
            with suppress(SystemExit):  # of a signal handler: the user's code wants this process to end in order
                while (fields := self._next()) is not None:
                    self._take_up(fields)
            self._leave()
        except EngineGoneError:
            code = 1
        except BaseException:  # noqa: BLE001 - a signal handler or an exit handler of the user's code may raise anything
            with suppress(Exception):
                sys.excepthook(*sys.exc_info())
            code = 1
        finally:
            os._exit(code)

    # -- the next request ---------------------------------------------------------------------------------------

    def _next(self) -> dict[str, Any] | None:
        """:return: the next request that has to be begun here, outside of the loop; ``None`` at the end"""
        if self._loop is None:
            return self._link.next_request()
        while True:
            self._begin_arrived()
            if self._handed:
                return self._handed.popleft()
            if self._link.gone:
                break
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:  # of a signal handler, or of a task that a request has started
                self._interrupted(error)
        if self._link.at_work:
            raise EngineGoneError
        return None

    def _interrupted(self, error: BaseException) -> None:
        """Fail the request that is at work. Where there are several it is nobody's in particular, and only the replica ends."""
        at_work = self._link.at_work
        if not at_work:
            raise error
        if self._alone:
            for request in at_work:
                self._fail(request, error)
                if request.task is not None:
                    request.task.cancel()
        else:
            self._link.retire()

    def _on_arrival(self) -> None:
        """In the loop: begin what can be begun there, and leave the loop for the rest."""
        self._begin_arrived()
        if self._handed or self._link.gone:
            self._loop.stop()

    def _begin_arrived(self) -> None:
        """Begin what has come and only needs the loop. Importing is done outside of it, since a module may run a loop of its own."""
        while (fields := self._link.arrived()) is not None:
            task = self._tasks.get(_key(fields))
            if task is not None and task.is_async:
                self._begin(self._link.begin(fields), task)
            else:
                self._handed.append(fields)

    def _take_up(self, fields: dict[str, Any]) -> None:
        request = self._link.begin(fields)
        context = self._base.copy()
        context.run(serving.set, request)
        self._gauge.reset()
        try:
            task = context.run(self._find, fields)
        except EngineGoneError:
            raise
        except BaseException as error:  # noqa: BLE001 - a module that is imported may raise anything
            self._fail(request, error)
            return
        if task.is_async:
            self._open_loop()
            self._begin(request, task)
        else:
            context.run(self._serve, request, task)

    def _find(self, fields: dict[str, Any]) -> Any:
        key = _key(fields)
        task = self._tasks.get(key)
        if task is not None:
            self._set_up(fields)
            return task
        if len(self._link.at_work) == 1:
            set_port(None)  # what a module calls while it is imported is no call of the task
        try:
            task = open_task(fields)
        finally:
            set_port(self._link)
        self._env.update(fields["env"])
        if len(self._tasks) >= MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]
        self._tasks[key] = task
        return task

    def _set_up(self, fields: dict[str, Any]) -> None:
        """Do for a task that was found before what `open_task` does. Only variables that differ are set: each costs 2 us."""
        fields["loaded"] = True
        env: dict[str, str] = fields["env"]
        for name, value in env.items():
            if self._env.get(name) != value:
                os.environ[name] = self._env[name] = value
        tempfile: Any = sys.modules.get("tempfile") if "TMPDIR" in env else None
        if tempfile is not None:
            tempfile.tempdir = None  # it was found out for another request, whose folder may be gone

    def _open_loop(self) -> None:
        if self._loop is None:
            import asyncio

            from localflyte.worker.loops import kept_loop

            self._asyncio = asyncio
            self._loop = kept_loop()
            self._link.listen(self._loop, self._on_arrival)

    # -- serving ------------------------------------------------------------------------------------------------

    def _serve(self, request: Request, task: Any) -> None:
        """Serve a sync task, here and now."""
        fields = request.fields
        try:
            ok, payload = encode(task, task.execute_in_worker(decode(task, fields)), fields)
        except EngineGoneError:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt of a task are its own failures too
            self._fail(request, error)
        else:
            self._end(request, ok, payload)

    def _begin(self, request: Request, task: Any) -> None:
        """Serve an async task in the loop."""
        context = self._base.copy()
        context.run(serving.set, request)
        self._loop.create_task(self._serve_async(request, task), context=context)

    async def _serve_async(self, request: Request, task: Any) -> None:
        request.task, fields = self._asyncio.current_task(), request.fields
        self._set_up(fields)
        if self._alone:
            self._gauge.reset()
        try:
            if "cancelled" in fields:
                raise self._asyncio.CancelledError
            ok, payload = encode(task, await task.execute_in_worker(decode(task, fields)), fields)
        except EngineGoneError:
            os._exit(1)
        except BaseException as error:  # noqa: BLE001 - CancelledError too: whoever cancelled it waits for the reply
            self._fail(request, error)
        else:
            self._end(request, ok, payload)

    def _fail(self, request: Request, error: BaseException) -> None:
        if isinstance(error, SystemExit):
            self._link.retire()  # a task that wants its process to end gets it, once the others here have ended
        self._end(request, False, failed(request.fields, error))

    def _end(self, request: Request, ok: bool, payload: Any) -> None:
        if request.ended:
            return
        flush_streams()
        report = sys.modules.get("localflyte.report")
        if report is not None:
            report.forget_report(request.made_context)
        if self._alone:
            end_strays()
        used = self._gauge.read() if self._alone else (0, 0.0)
        try:
            try:
                self._link.end(request, ok, payload, used)
            except EngineGoneError:
                raise
            except Exception as error:  # noqa: BLE001 - outputs that no frame can hold
                self._link.end(request, False, failed(request.fields, error), used)
        except EngineGoneError:
            os._exit(1)
        del request.fields["inputs"]  # what it has left running may keep the request for long

    def _leave(self) -> None:
        if self._loop is not None:
            from localflyte.worker.loops import finish

            finish(self._loop)
        leave()


def _key(fields: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(fields["task"].values())
