"""The link of a replica: one socket for several requests at once. Whatever a request says goes out under its number."""

from __future__ import annotations

from _thread import get_ident
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from os import getpid
from typing import TYPE_CHECKING
from typing import Any

from localflyte.api.context import TaskContext
from localflyte.api.context import context_of
from localflyte.spec.options import Options
from localflyte.spec.outcome import ErrorInfo
from localflyte.wire.frames import pack_frame
from localflyte.worker.link import EngineGoneError
from localflyte.worker.link import Link
from localflyte.worker.waiter import Caller
from localflyte.worker.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("ReplicaLink", "Request", "serving")

_ALWAYS = Waiter()  # whoever reads for it blocks, and nothing that comes is what it waits for
IDLE = 0  # among the numbers of calls, which begin at 1: the main thread, which waits for the next request

#: the request that the running code belongs to; it follows asyncio tasks and ``asyncio.to_thread``
serving: ContextVar[Request | None] = ContextVar("localflyte_request", default=None)

_ENDED = list(ErrorInfo("user", "TaskEndedError", "The task that called has ended, so nothing waits for this call."))


class Request(Caller):
    """A request at work, and what it calls for."""

    __slots__ = ("_context", "ended", "fields", "number", "task")

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__()
        self.number: int = fields["rid"]
        self.fields = fields
        self.ended = False
        #: the asyncio task that serves it, once it does
        self.task: Any = None
        self._context: TaskContext | None = None

    @property
    def made_context(self) -> TaskContext | None:
        """The context, if anything has asked for it."""
        return self._context

    def context(self) -> TaskContext:
        """:return: what ``flyte.ctx()`` gives in this request"""
        if self._context is None:
            fields = self.fields
            attempt = int(fields["env"].get("FLYTE_ATTEMPT_NUMBER") or 0)
            self._context = context_of({**fields, "attempt": attempt}, run_options=_options_of(fields["run_options"]))
        return self._context


_run_options: tuple[dict[str, Any], Options | None] = ({}, None)


def _options_of(said: dict[str, Any]) -> Options | None:
    """:return: what the run says, the same for equal words: plans are remembered by it"""
    global _run_options  # noqa: PLW0603 - the runs that a replica serves come one after the other
    if said != _run_options[0]:
        _run_options = said, Options(**said)
    return _run_options[1]


class ReplicaLink(Link):
    """:param first: the link that brought the word that this is a replica; it is not used any more"""

    def __init__(self, first: Link) -> None:
        super().__init__(first._sock, first._window)
        self._open()
        self._reader = first._reader
        self._at_work: dict[int, Request] = {}
        self._arrived: deque[dict[str, Any]] = deque()
        self._not_begun: dict[int, dict[str, Any]] = {}
        self._loop: Any = None
        self._loop_ident = 0
        self._on_arrival: Callable[[], None] | None = None
        for message in self._reader.feed(b""):  # the first request may have come with that word
            self._dispatch(message)

    # -- requests -----------------------------------------------------------------------------------------------

    @property
    def at_work(self) -> list[Request]:
        """The requests that are being served, the oldest first."""
        return list(self._at_work.values())

    @property
    def gone(self) -> bool:
        """Whether the engine has closed the link."""
        return self._gone

    def next_request(self) -> dict[str, Any] | None:
        """Block until a request is there. Threads that were left behind may read meanwhile.

        :return: the request, or ``None`` when the engine has closed the link
        """
        while not self._arrived and not self._gone:
            if self._leading:
                self._wait_behind()
            else:  # nobody can begin to lead: without a request at work there is nobody to call
                self._pump(_ALWAYS)
        return self.arrived()

    def _wait_behind(self) -> None:
        """Wait for the next request while a thread that was left behind reads."""
        waiter = Waiter()
        with self._state:
            self._waiters[IDLE] = waiter
            waiting = not self._arrived and not self._gone
        if waiting:
            self._follow_or_lead(waiter)
        self._waiters.pop(IDLE, None)

    def arrived(self) -> dict[str, Any] | None:
        """:return: the next request that is here already"""
        return self._arrived.popleft() if self._arrived else None

    def listen(self, loop: Any, on_arrival: Callable[[], None]) -> None:
        """Have a loop of this thread read whenever it runs.

        :param on_arrival: called in the loop when a request has come, or the engine is gone
        """
        self._loop, self._loop_ident, self._on_arrival = loop, get_ident(), on_arrival
        self._attach(loop)

    def begin(self, fields: dict[str, Any]) -> Request:
        """Take a request up: from now on it may call."""
        request = Request(fields)
        self._not_begun.pop(request.number, None)
        self._at_work[request.number] = request
        return request

    def end(self, request: Request, ok: bool, payload: Any, used: tuple[int, float]) -> None:
        """Send the reply. Calls of the request that are under way end with an error: their results have nowhere to go.

        :raises EngineGoneError: if the engine is no longer there, or this is a copy that the task forked
        """
        if getpid() != self._pid:
            raise EngineGoneError
        frame = self._frame(request, "reply", ok, payload, used)
        with self._state:
            left = [number for number, waiter in self._waiters.items() if waiter.caller is request]
            waiters = [self._waiters.pop(number) for number in left]
            request.ended = True
            request.outbox.clear()
            self._at_work.pop(request.number, None)
            self._transmit(self._last_notes(request) + frame)
        for waiter in waiters:
            waiter.finish(["result", 0, False, _ENDED, {}])

    def retire(self) -> None:
        """Tell the engine to give this replica no more requests."""
        self._send(pack_frame(("retire",)))

    # -- whose code this is -------------------------------------------------------------------------------------

    def request(self) -> Request | None:
        """:return: the request that the running code belongs to; for a thread that does not tell, the oldest at work"""
        request = serving.get()
        if request is None:
            at_work = self.at_work
            request = at_work[0] if at_work else None
        return request

    def context(self) -> TaskContext | None:
        """:return: the context of the running code, or ``None`` where no request is at work"""
        request = self.request()
        return None if request is None else request.context()

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a one-way note. What a request leaves running after its end has nobody to tell."""
        self._check_process()
        request = self.request()
        if request is not None and not request.ended:
            self._send(self._frame(request, "tell", kind, dict(data)))

    def _noting(self) -> Caller | None:
        request = self.request()
        return None if request is None or request.ended else request

    def _calling(self) -> Caller:
        request = self.request()
        if request is None or request.ended:
            raise RuntimeError("No task can be called from here: the task that this code was started by has ended.")
        return request

    def _frame(self, caller: Any, *message: Any) -> bytes:
        return pack_frame(("of", caller.number, *message))

    # -- reading ------------------------------------------------------------------------------------------------

    def _attach(self, loop: Any) -> None:
        self._loops = [known for known in self._loops if not known.is_closed()]  # each asyncio.run of a task makes one
        super()._attach(loop)

    def _dispatch(self, message: list[Any]) -> None:
        match message:
            case ["request", fields]:
                with self._state:
                    self._not_begun[fields["rid"]] = fields
                    self._arrived.append(fields)
                    waiter = self._waiters.pop(IDLE, None)
                if waiter is not None:
                    waiter.finish(message)
                else:
                    self._in_loop(self._on_arrival)
            case ["cancel_request", number]:
                self._in_loop(lambda: self._cancel_request(number))
            case _:
                super()._dispatch(message)

    def _cancel_request(self, number: int) -> None:
        request = self._at_work.get(number)
        if request is not None and request.task is not None:
            request.task.cancel()
            return
        fields = request.fields if request is not None else self._not_begun.get(number)
        if fields is not None:
            fields["cancelled"] = True  # a task that is cancelled before its first step would never reply

    def _engine_is_gone(self) -> None:
        super()._engine_is_gone()
        self._in_loop(self._on_arrival)

    def _in_loop(self, callback: Callable[[], Any] | None) -> None:
        """Call back in the loop's thread, which may be this one. As long as there is no loop, there is only one thread that reads."""
        if callback is None:
            return
        if self._loop is None or get_ident() == self._loop_ident:
            callback()
        else:
            with suppress(RuntimeError):  # the loop is closed: this process ends
                self._loop.call_soon_threadsafe(callback)
