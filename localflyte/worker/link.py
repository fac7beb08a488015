"""Link: a child's end of its socket to the engine. It multiplexes the calls a task makes, from its loop and from its threads.

Whoever waits reads. A blocking call becomes the leader, reads frames and hands each to the call it belongs to; other
blocking calls sleep until theirs is done or the lead is passed to them. Where an event loop runs, the loop reads
whenever there is no leader. No thread is ever started for it: a thread per child would cost more than the call.
"""

from __future__ import annotations

from _socket import MSG_DONTWAIT
from _thread import RLock
from _thread import allocate_lock
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from os import getpid
from typing import Any

from localflyte.spec.inline import breach
from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.plan import Plan
from localflyte.wire.crossing import from_info
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.messages import error_from_wire
from localflyte.wire.messages import outputs_from_wire
from localflyte.wire.messages import plan_to_wire
from localflyte.worker.notes import Notes
from localflyte.worker.raised import with_frames
from localflyte.worker.waiter import Caller
from localflyte.worker.waiter import Waiter

__all__ = ("EngineGoneError", "Link")

FIRST_BYTES = 1 << 14  # most requests fit, and a larger buffer is fresh pages for every child
RECEIVE_BYTES = 1 << 16  # a buffer of twice the size is mapped afresh by malloc for every message: 12 us
WINDOW = 1000  # calls in flight; the rest wait here, so that a fan-out of a million costs its caller, not the engine


_opening = RLock()  # threads may be the first together, and a signal handler may be the first in the middle of it


class EngineGoneError(BaseException):
    """Raised when the engine closed the link: nobody waits for this task any more, so it must end."""


class Link:
    """:param sock: the child's end; `opened` is told once the task makes its first call, which most tasks never do"""

    _opened = False

    def __init__(self, sock: Any, window: int = WINDOW) -> None:
        sock.setblocking(True)  # whatever the program's socket.setdefaulttimeout said
        self._sock = sock
        self._window = window
        self._reader = FrameReader()
        self._pid = getpid()

    def _open(self) -> None:
        with _opening:
            if self._opened:
                return
            self._state = allocate_lock()  # also held while sending: what others go by, a plan for example, must go out first
            self._reading = allocate_lock()
            self._leading = False
            self._waiters: dict[int, Waiter] = {}
            self._caller = Caller()
            self._notes = Notes()
            self._calls = 0
            self._loops: list[Any] = []
            self._gone = False
            self._opened = True

    # -- one-way ------------------------------------------------------------------------------------------------

    def send(self, *message: Any) -> None:
        """Send one message.

        :raises EngineGoneError: if the engine is no longer there, or this is a copy that the task forked
        """
        if getpid() != self._pid:
            raise EngineGoneError
        self._send(pack_frame(message))

    def _send(self, frame: bytes) -> None:
        if not self._opened:  # no call was made, so nobody else can be sending
            self._transmit(frame)
            return
        with self._state:
            self._transmit(self._last_notes(self._caller) + frame)

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a one-way note to the engine."""
        self._check_process()
        self.send("tell", kind, dict(data))

    def tell_soon(self, kind: str, data: Callable[[], Mapping[str, Any]]) -> None:
        """Send a one-way note without ever waiting, from wherever this is: a signal handler, a thread, a process that the task forked.

        :param data: makes what it says; not called where there is no room for it
        """
        if getpid() != self._pid:
            return
        if not self._opened:
            self._open()
        caller = self._noting()
        if caller is None:
            return
        if self._notes.has_room(caller):
            self._notes.put(self._frame(caller, "tell", kind, dict(data())))
        if self._notes.waiting and self._state.acquire(blocking=False):  # else whoever has it may be this very thread
            try:
                self._notes.send(self._sock)
            finally:
                self._state.release()

    def _noting(self) -> Caller | None:
        """:return: whose note it is that this code makes, if that is still of interest"""
        return self._caller

    def _last_notes(self, caller: Caller) -> bytes:
        """:return: what has to go out before the next message of this caller that matters. The lock is held."""
        notes = self._notes.rest(whole=True)
        if caller.lost:
            notes += self._frame(caller, "tell", "record", {"lost": caller.lost})
            caller.lost = 0
        return notes

    def receive_request(self) -> dict[str, Any] | None:
        """Block until the first message is there.

        :return: the request, or ``None`` when the engine let this child go unused
        """
        size = FIRST_BYTES
        while True:
            data = self._sock.recv(size)
            if not data:
                return None
            size = RECEIVE_BYTES  # this one is larger than most
            for kind, request in self._reader.feed(data):
                return request if kind == "request" else None

    # -- calls --------------------------------------------------------------------------------------------------

    def call(self, invocation: Invocation) -> Sequence[Packed]:
        """Run a nested call and block this thread; other threads and loops of this task go on."""
        waiter = Waiter()
        try:
            self._submit("call", invocation, waiter)
            self._follow_or_lead(waiter)
        except BaseException:  # a signal handler raised, wherever this was: nobody may wait for this waiter to lead
            self._give_up(waiter)
            raise
        return _outputs(waiter.message)

    async def acall(self, invocation: Invocation) -> Sequence[Packed]:
        """Run a nested call; when the await is cancelled the child process is ended."""
        return _outputs(await self._ask("call", invocation))

    async def arun(self, invocation: Invocation, options: Mapping[str, Any]) -> tuple[Sequence[Packed], Mapping[str, Any]]:
        """Start an independent run and wait for its end; cancelling the await ends it.

        :return: its outputs and what the engine says of it: name and folder
        """
        message = await self._ask("run", invocation, dict(options))
        outputs = _outputs(message)
        assert message is not None  # else the line above has raised
        return outputs, message[4]

    async def aask(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the engine for what only it can tell; cancelling the await takes the question back.

        :return: the answer
        """
        message = await self._await(lambda waiter: self._post(waiter, lambda _: ("ask", kind, dict(data))))
        _outputs(message)
        assert message is not None  # else the line above has raised
        answer: Mapping[str, Any] = message[4]
        return answer

    async def _ask(self, kind: str, invocation: Invocation, *more: Any) -> list[Any] | None:
        return await self._await(lambda waiter: self._submit(kind, invocation, waiter, *more))

    async def _await(self, submit: Callable[[Waiter], int]) -> list[Any] | None:
        import asyncio

        loop = asyncio.get_running_loop()
        self._open()
        self._attach(loop)
        waiter = Waiter(loop.create_future(), loop)
        number = submit(waiter)
        try:
            await waiter.future
        except asyncio.CancelledError:
            self._cancel(number)
            raise
        return waiter.message

    def _submit(self, kind: str, invocation: Invocation, waiter: Waiter, *more: Any) -> int:
        plan = invocation.plan
        problem = breach(plan.task.name, "inputs", invocation.inputs.items(), plan.max_inline_io_bytes)
        if problem is not None:
            raise from_info(problem)
        inputs, context = dict(invocation.inputs), dict(invocation.custom_context)
        return self._post(waiter, lambda caller: (kind, self._know(caller, plan), inputs, invocation.group, context, *more))

    def _post(self, waiter: Waiter, message: Callable[[Caller], tuple[Any, ...]]) -> int:
        """Send a message that is answered, once there is a place for it.

        :param message: its kind, and what follows the number; called with the lock held
        :return: its number
        """
        self._check_process()
        self._open()
        with self._state:
            if self._gone:
                raise EngineGoneError
            caller = waiter.caller = self._calling()
            kind, *rest = message(caller)
            number = self._calls + 1
            frame = self._frame(caller, kind, number, *rest)
            self._calls = number
            self._waiters[number] = waiter
            if caller.in_flight >= self._window:
                caller.outbox.append((number, frame))
            else:
                caller.in_flight += 1
                self._transmit(frame)
        return number

    def _calling(self) -> Caller:
        """:return: whose call it is that this code makes"""
        return self._caller

    def _frame(self, caller: Caller, *message: Any) -> bytes:
        """:return: a message of this caller, ready to send"""
        return pack_frame(message)

    def _know(self, caller: Caller, plan: Plan) -> int:
        """:return: the number that the engine knows the plan by; a plan that it does not know yet is sent first, and at once"""
        known = caller.plans.get(id(plan))
        if known is None:
            number = len(caller.plans) + 1
            self._transmit(self._frame(caller, "plan", number, plan_to_wire(plan)))
            known = caller.plans[id(plan)] = (number, plan)
        return known[0]

    def _cancel(self, number: int) -> None:
        """Give a call up: nobody waits for its result."""
        with self._state:
            waiter = self._waiters.pop(number, None)
            if waiter is None:
                return
            caller = waiter.caller
            for index, (waiting, _) in enumerate(caller.outbox):
                if waiting == number:
                    del caller.outbox[index]
                    return
            self._transmit(self._frame(caller, "cancel", number))
            self._next_out(caller)

    def _give_up(self, waiter: Waiter) -> None:
        """Cancel the call that a waiter waits for, if it was made."""
        numbers = [number for number, each in list(self._waiters.items()) if each is waiter] if self._opened else []
        for number in numbers:
            self._cancel(number)

    def _next_out(self, caller: Caller) -> None:
        """A call is no longer in flight: send the next that waits for its place. The lock is held."""
        caller.in_flight -= 1
        if caller.outbox and caller.in_flight < self._window:
            caller.in_flight += 1
            self._transmit(caller.outbox.popleft()[1])

    def _check_process(self) -> None:
        if getpid() != self._pid:
            raise RuntimeError("A task can be called only from the process that its caller runs in, not from one that this has forked.")

    # -- reading ------------------------------------------------------------------------------------------------

    def _attach(self, loop: Any) -> None:
        if loop not in self._loops:
            self._loops.append(loop)
            loop.add_reader(self._sock.fileno(), self._on_readable)

    def _on_readable(self) -> None:
        if not self._leading:
            self._pump(None)
        # else a blocking call reads, and will hand this loop what belongs to it

    def _follow_or_lead(self, waiter: Waiter) -> None:
        while not waiter.done:
            with self._state:
                lead = not self._leading
                if lead:
                    self._leading = True
            if not lead:
                assert waiter.lock is not None
                waiter.lock.acquire()  # done, or asked to lead
                continue
            try:
                while self._pump(waiter):
                    pass
            finally:
                self._pass_lead()

    def _pass_lead(self) -> None:
        with self._state:
            self._leading = False
            for other in self._waiters.values():
                if other.lock is not None and not other.done and other.lock.locked():
                    other.lock.release()
                    return

    def _pump(self, waiter: Waiter | None) -> bool:
        """Read once and hand out what is complete. The lock is held throughout, so that nobody waits for bytes
        while another thread hands out the very message they wait for.

        :param waiter: whose result to block for; ``None`` reads only what is there
        :return: whether to read on: not when the waiter is done, or the engine gone
        """
        if not self._reading.acquire(waiter is not None):
            return True
        try:
            if waiter is not None and waiter.done:
                return False
            try:
                data = self._sock.recv(RECEIVE_BYTES, MSG_DONTWAIT if waiter is None else 0)
            except BlockingIOError:
                return True
            except OSError:
                data = b""
            if not data:
                self._engine_is_gone()
                return False
            for message in self._reader.feed(data):
                self._dispatch(message)
        finally:
            self._reading.release()
        return True

    def _dispatch(self, message: list[Any]) -> None:
        if message[0] != "result":
            return
        with self._state:
            waiter = self._waiters.pop(message[1], None)
        if waiter is not None:  # else it was cancelled meanwhile, and its place in the window is given back already
            waiter.finish(message)
            with self._state:
                self._next_out(waiter.caller)

    def _engine_is_gone(self) -> None:
        with self._state:
            self._gone = True
            waiters = list(self._waiters.values())
            self._waiters.clear()
        for loop in self._loops:
            if not loop.is_closed() and loop.is_running():
                loop.call_soon_threadsafe(loop.remove_reader, self._sock.fileno())
        for waiter in waiters:
            waiter.finish(None)

    def _transmit(self, frame: bytes) -> None:
        if self._opened:
            frame = self._notes.rest(whole=False) + frame
        try:
            self._sock.sendall(frame)
        except OSError as error:
            raise EngineGoneError from error


def _outputs(message: list[Any] | None) -> tuple[Packed, ...]:
    if message is None:
        raise EngineGoneError
    _, _, ok, payload, *_ = message
    if ok:
        return outputs_from_wire(payload)
    raise with_frames(from_info(error_from_wire(payload)))
