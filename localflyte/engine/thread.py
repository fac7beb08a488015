"""The engine's thread: one for the whole life of the caller's process, so that what it starts is never orphaned by a thread's end."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from localflyte.engine.engine import Engine
from localflyte.engine.engine import SinksFor
from localflyte.engine.runstate import Sink
from localflyte.settings import Settings
from localflyte.spec.run import RunRequest
from localflyte.spec.run import RunResult

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ("EngineThread", "close_engine", "current_engine")


class EngineThread:
    """An engine on a loop of its own. Every method may be called from any thread."""

    def __init__(self, settings: Settings, sinks_for: SinksFor) -> None:
        self.settings = settings
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal("asyncio"))

        async def create() -> Engine:
            return Engine(settings, sinks_for)

        self._engine = self._portal.call(create)

    def submit(self, request: RunRequest, sinks: Sequence[Sink] = ()) -> tuple[Future[RunResult], threading.Event]:
        """Start a run.

        :return: its result to come; cancelling it ends the run. And what is set when the run has really ended
        """
        ended = threading.Event()

        async def work() -> RunResult:
            try:
                return await self._engine.run(request, sinks)
            finally:
                ended.set()

        return self._portal.start_task_soon(work), ended

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
            engine.close()
        atexit.unregister(close_engine)
