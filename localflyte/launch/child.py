"""Child: the outside of one worker process, from fork to the moment its exit and its last byte are known."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING
from typing import Any
from typing import NamedTuple
from typing import Protocol

import anyio

from localflyte.errors import ProtocolError
from localflyte.launch.channel import CUT_OFF
from localflyte.launch.channel import Channel
from localflyte.launch.hub import Hub
from localflyte.launch.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ("Child", "Exit", "Reply", "Talk", "Worker", "read_reply")


class Reply(NamedTuple):
    """The child's last word: whether the task returned, and the outputs or the error, still as they came."""

    ok: bool
    payload: Any
    peak: int = 0
    """Bytes of memory that the process held at most (VmHWM)."""
    cpu: float = 0.0
    """Seconds of CPU that it and what it waited for have used."""


def read_reply(message: list[Any]) -> Reply:
    """:raises ProtocolError: if it is no reply"""
    match message:
        case [_, bool(ok), payload, [int(peak), float(cpu)]]:
            return Reply(ok, payload, peak, cpu)
    raise ProtocolError("not a reply")


class Exit(NamedTuple):
    """How the process ended, as wait() says it."""

    status: int | None
    """``None`` when nobody can tell."""
    cpu: Sequence[float]


class Talk(Protocol):
    """Who listens to a worker while it works: the attempt it was given to."""

    def on_message(self, child: Worker, message: list[Any]) -> None:
        """Take a message that is not the reply: a nested call, a cancel, a note."""

    def on_output(self, stream: str, data: bytes) -> None:
        """Take bytes that the task printed."""


class Worker(Protocol):
    """What an attempt sees of whoever does its work: a child of its own, or a seat in a replica."""

    pid: int
    bare: int
    """Bytes that an interpreter of its kind holds before it loads anything of the user's."""
    shared: bool
    """Whether its process does the work of others too."""
    reply: Reply | None
    exit: Exit | None
    """Set when nothing of the work is left: the process has ended, or the replica is done with this request."""
    broken: str
    settled: anyio.Event
    """Set when the caller can judge: a reply is here, or the process is gone."""
    lost: bool
    """Whether the work was lost through no fault of its task."""
    sees: tuple[str, ...] | None
    """The folders of this machine that it sees, as it is in a container; ``None`` for a process of this machine, which sees all of it."""

    @property
    def ran_out(self) -> int:
        """Bytes that its container held when its memory ran out; 0 if it did not."""

    def begin(self, talk: Talk, request: dict[str, Any]) -> None:
        """Hand over the request; from here on the worker is used up."""

    def send(self, *message: Any) -> None:
        """Send a message: the result of a call that the task made."""

    def signal(self, number: int, /) -> None:
        """Send a signal: to ask the work to end, or to end it."""

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back once nothing of the work is left, at once if it is so already."""

    async def wait_gone(self) -> None:
        """Wait until nothing of the work is left and all that was sent was read."""


class Child:
    """:param signal: sends a signal to the child's whole group, by way of its parent, who cannot mistake it for another"""

    def __init__(
        self,
        hub: Hub,
        pid: int,
        fds: tuple[int, int, int],
        *,
        signal: Callable[[int], None],
        generation: int,
        bare: int,
        sees: tuple[str, ...] | None = None,
        on_done: Callable[[Child], None],
        max_frame_bytes: int,
    ) -> None:
        link, out, err = fds
        self.pid = pid
        self.generation = generation
        self.bare = bare
        self.shared = False
        self.signal = signal
        self.reply: Reply | None = None
        self.exit: Exit | None = None
        self.broken = ""
        self.hung_up = False
        self.lost = False
        self.sees = sees
        self.ran_out = 0
        self.settled = anyio.Event()
        self._hub = hub
        self._talk: Talk | None = None
        self._when_gone: list[Callable[[], None]] = []
        self._on_done = on_done
        # Family and type are told, or four system calls would find them out.
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, link)
        self._channel = Channel(hub, sock, self._on_message, self._on_close, max_frame_bytes=max_frame_bytes)
        self._streams = Streams(hub, out, err, self._print)

    def begin(self, talk: Talk, request: dict[str, Any]) -> None:
        """Hand the child its request; from here on it is used up."""
        self._talk = talk
        self._channel.send("request", request)

    def send(self, *message: Any) -> None:
        """Send the child a message: the result of a call it made."""
        self._channel.send(*message)

    def ended(self, exit: Exit) -> None:
        """Take note of the process's end. Called by its launcher."""
        self._channel.drain()
        self.exit = exit
        self._close()
        self.settled.set()
        self._on_done(self)
        for callback in self._when_gone:
            callback()

    def when_gone(self, callback: Callable[[], None]) -> None:
        """Call back once the process is gone, at once if it is already."""
        if self.exit is None:
            self._when_gone.append(callback)
        else:
            callback()

    async def wait_gone(self) -> None:
        """Wait until the process is gone and everything it sent was read."""
        gone = anyio.Event()
        self.when_gone(gone.set)
        await gone.wait()

    @property
    def is_at_work(self) -> bool:
        """Whether it was given a request and has not replied."""
        return self._talk is not None and self.reply is None

    def is_connected(self) -> bool:
        """:return: whether its end of the link is still open"""
        return self._channel.is_connected()

    def discard(self) -> None:
        """Let an unused child go: closing its link ends it."""
        self._channel.close()

    def read_streams(self) -> None:
        """Take what is printed by now."""
        self._streams.read()

    def _on_message(self, message: list[Any]) -> None:
        if self._talk is None or self.reply is not None:
            return  # nothing may come before the request or after the reply
        if message[0] == "reply" and len(message) == 4:
            self.read_streams()
            self.reply = read_reply(message)
            self.settled.set()
        else:
            self._talk.on_message(self, message)

    def _on_close(self, reason: str) -> None:
        self.hung_up = self._channel.hung_up and self.reply is None
        self.broken = reason
        if reason and reason != CUT_OFF:
            self.signal(9)  # it speaks no protocol of ours: nothing it says can be believed

    def _print(self, name: str, data: bytes) -> None:
        if self._talk is not None:
            self._talk.on_output(name, data)

    def _close(self) -> None:
        self._streams.close()
        self._channel.close()
