"""Submission: a run that was handed to the engine's thread, for whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from concurrent.futures import CancelledError
from concurrent.futures import Future

import anyio

from localflyte.engine.engine import Engine
from localflyte.engine.runstate import Sink
from localflyte.spec.run import RunRequest
from localflyte.spec.run import RunResult

__all__ = ("Submission",)


class Submission:
    """Any thread may call any method; none of them waits.

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
