"""Replica: the outside of a child that is kept and serves many requests; Seat: the place in it that one attempt has.

An attempt sees of a seat what it sees of a child of its own. A seat is gone when its request has been answered, though the
process goes on; and when the process ends, all of its seats are gone with it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import anyio

from localflyte.errors import ProtocolError
from localflyte.launch.child import Child
from localflyte.launch.child import Exit
from localflyte.launch.child import Reply
from localflyte.launch.child import Talk
from localflyte.launch.child import Worker
from localflyte.launch.child import read_reply
from localflyte.spec.outcome import ErrorInfo

__all__ = ("Replica", "Seat")

DONE = Exit(0, (0.0, 0.0))
LOST = ErrorInfo(
    "system",
    "ReplicaLostError",
    "The replica that ran this task had to be killed because of another task that it ran at the same time. "
    'With ReusePolicy(concurrency=1), or reusable="off", a task has its process for itself while it runs.',
    "system",
)


class Seat:
    """:param number: of the request, in its replica
    :param owner: the run that it works for
    """

    def __init__(self, replica: Replica, number: int, owner: object) -> None:
        self.pid = replica.pid
        self.bare = replica.bare
        self.shared = True
        self.reply: Reply | None = None
        self.exit: Exit | None = None
        self.broken = ""
        self.lost = False
        self.sees = replica.sees
        self.settled = anyio.Event()
        self.number = number
        self.owner = owner
        self.talk: Talk | None = None
        #: whether its task has called others
        self.is_parent = False
        self._calls: set[int] = set()
        self._replica = replica
        self._when_gone: list[Callable[[], None]] = []

    @property
    def ran_out(self) -> int:
        """Bytes that its container held when its memory ran out."""
        return self._replica.ran_out

    @property
    def is_waiting(self) -> bool:
        """Whether its task has calls under way."""
        return bool(self._calls)

    def begin(self, talk: Talk, request: dict[str, Any]) -> None:
        """Hand over the request."""
        self.talk = talk
        self._replica.send("request", {**request, "rid": self.number})

    def send(self, *message: Any) -> None:
        """Send the task a message: the result of a call that it made."""
        if self.exit is None:
            if message[0] == "result":
                self._calls.discard(message[1])
            self._replica.send(*message)

    def signal(self, number: int, /) -> None:
        """Ask the task to end, or end it. Killing it kills the replica, and so all that it runs."""
        if self.exit is None:
            self._replica.signal(self, number)

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back once the replica is done with this request, at once if it is already."""
        if self.exit is None:
            self._when_gone.append(callback)
        else:
            callback()

    async def wait_gone(self) -> None:
        """Wait until the replica is done with this request."""
        gone = anyio.Event()
        self.when_gone(gone.set)
        await gone.wait()

    def discard(self) -> None:
        """Give the seat back unused."""
        if self.exit is None and self.talk is None:
            self._replica.leave(self)

    def take(self, message: list[Any]) -> None:
        """Take a message that is not the reply. Called by the replica."""
        if self.talk is None:
            return
        self.talk.on_message(self, message)
        if message[0] in ("call", "run"):
            self.is_parent = True
            self._calls.add(message[1])
        elif message[0] == "cancel":
            self._calls.discard(message[1])

    def end(self, exit: Exit) -> None:
        """Take note that the replica is done with this request. Called by the replica."""
        self.exit = exit
        self._calls.clear()
        self.settled.set()
        for callback in self._when_gone:
            callback()


class Replica:
    """:param child: a child of which nothing was asked yet
    :param concurrency: how many requests it serves at once
    :param on_change: called when a seat is free again, or the process is gone
    """

    def __init__(self, child: Child, concurrency: int, on_change: Callable[[Replica], None]) -> None:
        self.pid = child.pid
        self.bare = child.bare
        self.seats: dict[int, Seat] = {}
        #: whether it may be given requests
        self.is_open = True
        self.is_gone = False
        #: when its last seat was left; whoever keeps it sets this
        self.idle_since = 0.0
        self._child = child
        self._concurrency = concurrency
        self._on_change = on_change
        self._numbers = 0
        self.sees = child.sees
        self._guilty: Seat | None = None
        self._last: Seat | None = None
        child.begin(self, {"replica": concurrency})
        child.when_gone(self._on_gone)

    @property
    def ran_out(self) -> int:
        """Bytes that its container held when its memory ran out."""
        return self._child.ran_out

    @property
    def load(self) -> int:
        """How many of its places are taken. A task that only awaits others takes one where it holds the one thread there is."""
        if self._concurrency == 1:
            return len(self.seats)
        return sum(not seat.is_waiting for seat in self.seats.values())

    def has_room(self) -> bool:
        """:return: whether it can take one more request, now"""
        return self.is_open and self.load < self._concurrency and self._child.is_connected()

    def seat(self, owner: object) -> Seat:
        """:return: a place in it, for one request of this run"""
        self._numbers += 1
        seat = self.seats[self._numbers] = Seat(self, self._numbers, owner)
        return seat

    def send(self, *message: Any) -> None:
        """Send the process a message."""
        self._child.send(*message)

    def signal(self, seat: Seat, number: int) -> None:
        """Do for one seat what a signal does to a process of one's own. Where several may be at work they are tasks of a loop,
        and one of them can be asked to end without harm to the others, or to what the process has loaded.
        """
        if seat.talk is None:
            self.leave(seat)
        elif number == signal.SIGTERM and self._concurrency > 1:
            self.send("cancel_request", seat.number)
        else:
            if number in (signal.SIGTERM, signal.SIGKILL):
                self._guilty = self._guilty or seat
                self.is_open = False
            self._child.signal(number)

    def leave(self, seat: Seat, exit: Exit = DONE) -> None:
        """Have a seat be free again."""
        del self.seats[seat.number]
        self._last = seat
        seat.end(exit)
        if not self.is_open and not self.seats:
            self.end()
        self._on_change(self)

    def end(self) -> None:
        """Have the process leave: it joins its threads, runs its exit handlers and ends."""
        self.is_open = False
        self._child.discard()

    def kill(self) -> None:
        """End the process, and all that it started."""
        if not self.is_gone:
            self.is_open = False
            self._child.signal(signal.SIGKILL)

    async def wait_gone(self) -> None:
        """Wait until the process is gone."""
        await self._child.wait_gone()

    def forget(self, owner: object) -> None:
        """Let a run go that has ended: what this process still prints is no longer its."""
        if self._last is not None and self._last.owner is owner:
            self._last = None

    # -- what the process says ----------------------------------------------------------------------------------

    def on_message(self, child: Worker, message: list[Any]) -> None:
        """Hand a message to the seat that it is for. One that came too late is nobody's."""
        match message:
            case ["of", int(number), *said] if said:
                seat = self.seats.get(number)
                if seat is not None:
                    self._on_said(seat, said)
            case ["retire"]:
                self.is_open = False
            case _:
                raise ProtocolError(f"unknown message {message[0]!r} of a replica")

    def on_output(self, stream: str, data: bytes) -> None:
        """Attribute what is printed to the task that has been at work for longest; to the last one, where none is."""
        seat = next(iter(self.seats.values()), self._last)
        if seat is not None and seat.talk is not None:
            seat.talk.on_output(stream, data)

    def _on_said(self, seat: Seat, said: list[Any]) -> None:
        try:
            if said[0] == "reply":
                self._child.read_streams()
                seat.reply = read_reply(said)
            else:
                seat.take(said)
                return
        except Exception:
            self._guilty = seat  # the channel ends the process now
            raise
        self.leave(seat)

    def _on_gone(self) -> None:
        child = self._child
        assert child.exit is not None  # it calls back when it is
        self.is_gone, self.is_open = True, False
        guilty = self._guilty
        if guilty is None and len(self.seats) == 1:
            (guilty,) = self.seats.values()
        for seat in tuple(self.seats.values()):
            if guilty is not None and seat is not guilty:
                seat.lost = True
                seat.reply = Reply(False, list(LOST))
            elif child.hung_up:
                seat.lost = True  # it was gone before it could take the request
            else:
                seat.broken = child.broken
                seat.lost = child.lost or guilty is None  # one of them has ended it, and nobody knows which
        while self.seats:
            _, seat = self.seats.popitem()
            seat.end(child.exit)
        self._on_change(self)
