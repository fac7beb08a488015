"""The engine's thread: one for as long as the settings are what they were, so that what it starts is never orphaned by a thread's end."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING
from typing import Any

from anyio.from_thread import start_blocking_portal

from localflyte.engine.engine import Engine
from localflyte.engine.engine import SinksFor
from localflyte.engine.interrupts import watching
from localflyte.engine.runstate import Sink
from localflyte.engine.submission import Submission
from localflyte.launch.inline import Serve
from localflyte.settings import Settings
from localflyte.settings import variables_in
from localflyte.spec.run import RunRequest

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

__all__ = ("EngineThread", "close_engine", "current_engine")


class EngineThread:
    """An engine on a loop of its own. Every method may be called from any thread."""

    def __init__(self, settings: Settings, sinks_for: SinksFor, serve: Serve | None = None) -> None:
        self.settings = settings
        self.variables = variables_in(os.environ)
        self._under_way: set[Submission] = set()
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal("asyncio"))

        async def create() -> Engine:
            self._loop = asyncio.get_running_loop()
            self._loop.set_exception_handler(self._on_loop_error)
            return Engine(settings, sinks_for, serve)

        self._engine = self._portal.call(create)

    def submit(self, request: RunRequest, sinks: Sequence[Sink] = ()) -> Submission:
        """Start a run.

        :return: the run, to wait for and to end
        """
        submission = Submission(self._engine, self._loop.call_soon_threadsafe, request, sinks)
        self._under_way.add(submission)
        submission.ended.add_done_callback(lambda _: self._under_way.discard(submission))
        self._portal.start_task_soon(submission.work)
        return submission

    def is_outdated(self) -> bool:
        """:return: whether the variables decide otherwise by now, as in the next test of a suite, and nothing runs that was begun before"""
        over = all(submission.ended.done() for submission in tuple(self._under_way))
        return over and self.variables != variables_in(os.environ)

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


def current_engine(settings: Callable[[], Settings], sinks_for: SinksFor, serve: Serve | None = None) -> EngineThread:
    """:return: the engine of this process, started when first asked for, and anew when the variables that decide settings were changed"""
    global _engine, _engine_pid  # noqa: PLW0603 - one engine a process is the point
    with _lock:
        if _engine is not None and _engine_pid == os.getpid() and _engine.is_outdated():
            outdated, _engine = _engine, None
            outdated.close()
        if _engine is None or _engine_pid != os.getpid():  # a forked copy of an engine is no engine
            _engine = EngineThread(settings(), sinks_for, serve)
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
