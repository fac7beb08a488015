"""The engine's thread: one for the whole life of the caller's process, so that what it starts is never orphaned by a thread's end."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING
from typing import Any

import anyio
from anyio.from_thread import start_blocking_portal

from localflyte.engine.engine import Engine
from localflyte.engine.engine import SinksFor
from localflyte.engine.interrupts import watching
from localflyte.engine.runstate import Sink
from localflyte.settings import Settings
from localflyte.spec.run import RunRequest
from localflyte.spec.run import RunResult

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ("EngineThread", "Submission", "close_engine", "current_engine")


class Submission:
    """A run that was handed to the engine's thread, for whoever waits for it. Any thread may call any method; none of them waits.

    :param call_soon: has the engine's thread call something
    """

    def __init__(self, engine: Engine, call_soon: Callable[..., object], request: RunRequest, sinks: Sequence[Sink]) -> None:
        self.sinks = sinks
        #: done, with nothing, once the run has ended and all it had with it
        self.ended: Future[None] = Future()
        #: whether it was told to end
        self.stopped = False
        #: the run's folder, known once it was told to end; empty if it had not begun
        self.folder = ""
        self._engine = engine
        self._call_soon = call_soon
        self._request = request
        self._scope: anyio.CancelScope | None = None
        self._result: RunResult | None = None
        self._error: BaseException | None = None

    async def work(self) -> None:
        """Carry the run to its end, on the engine's loop."""
        try:
            with anyio.CancelScope() as self._scope:
                if self.stopped:
                    self._scope.cancel()
                self._result = await self._engine.run(self._request, self.sinks)
        except BaseException as error:  # noqa: BLE001 - it is raised again where the result is asked for
            self._error = error
        finally:
            self.ended.set_result(None)

    def ask(self) -> None:
        """Begin nothing new, and ask what runs to end."""
        self.stopped = True
        self._call_soon(self._cancel)

    def kill(self) -> None:
        """Kill what still runs."""
        self.stopped = True
        self._call_soon(self._engine.kill, self._request)

    def _cancel(self) -> None:
        self.folder = self._engine.folder_of(self._request)
        if self._scope is not None:
            self._scope.cancel()

    def result(self) -> RunResult:
        """:return: how the run ended
        :raises BaseException: what the engine raised instead
        """
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise CancelledError
        return self._result


class EngineThread:
    """An engine on a loop of its own. Every method may be called from any thread."""

    def __init__(self, settings: Settings, sinks_for: SinksFor) -> None:
        self.settings = settings
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal("asyncio"))

        async def create() -> Engine:
            self._loop = asyncio.get_running_loop()
            self._loop.set_exception_handler(self._on_loop_error)
            return Engine(settings, sinks_for)

        self._engine = self._portal.call(create)

    def submit(self, request: RunRequest, sinks: Sequence[Sink] = ()) -> Submission:
        """Start a run.

        :return: the run, to wait for and to end
        """
        submission = Submission(self._engine, self._loop.call_soon_threadsafe, request, sinks)
        self._portal.start_task_soon(submission.work)
        return submission

    def _on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and "handle" in context:  # a callback of ours raised: whatever waits for it would wait for ever
            self._engine.break_runs(error)
        else:
            loop.default_exception_handler(context)

    def close(self) -> None:
        """End every process of the engine, and its thread."""
        self._portal.call(self._engine.aclose)
        self._stack.close()


_engine: EngineThread | None = None
_engine_pid = 0
_lock = threading.Lock()


def current_engine(settings: Callable[[], Settings], sinks_for: SinksFor) -> EngineThread:
    """:return: the engine of this process, started when first asked for"""
    global _engine, _engine_pid  # noqa: PLW0603 - one engine a process is the point
    with _lock:
        if _engine is None or _engine_pid != os.getpid():  # a forked copy of an engine is no engine
            _engine = EngineThread(settings(), sinks_for)
            _engine_pid = os.getpid()
            atexit.register(close_engine)
        return _engine


def close_engine() -> None:
    """End this process's engine, if it has one, and every process of it. The next run starts another."""
    global _engine
    with _lock:
        engine, _engine = _engine, None
        if engine is not None and _engine_pid == os.getpid():
            with watching():  # as an exit handler, it is no place for a KeyboardInterrupt
                engine.close()
        atexit.unregister(close_engine)
