"""Relay: a process of the host that looks to the engine like a fork server, and carries everything to the one in a container.

    python -P localflyte/launch/relay.py CONTROL '{"run": [...], "stop": [...]}'

It starts the container by the command that it is given, whose stdin and stdout are the tunnel, and ends it when the engine has gone or
wants it to. A process of its own, so that a container can flood, stall or break it without the engine noticing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from socket import AF_UNIX
from socket import SHUT_WR
from socket import SOCK_STREAM
from socket import socket
from socket import socketpair
from typing import Any
from typing import NoReturn

if __name__ == "__main__":
    # Found by path, as every process of ours, so that nothing beside the package is seen.
    _HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, _HOME)

from localflyte.wire.frames import pack_frame
from localflyte.wire.loop import read_some
from localflyte.wire.tunnel import LINK
from localflyte.wire.tunnel import SERVER
from localflyte.wire.tunnel import STDERR
from localflyte.wire.tunnel import STREAMS
from localflyte.wire.tunnel import Place
from localflyte.wire.tunnel import Tunnel

__all__ = ("PROGRAM", "Relay")

PROGRAM = os.path.abspath(__file__)
LEAVE_SECONDS = 1.0  # for a container whose stdin was closed; then it is killed by name
KILL_SECONDS = 10.0  # for the engine of containers to kill it
LAST_TURNS = 100
LAST_MILLISECONDS = 20.0
TOLD_BYTES = 4096  # of what the command said, for the reason why it could not start


class Relay(Tunnel):
    """:param control: the engine's socket
    :param process: the command that runs the container
    :param stop: the command that kills it
    """

    def __init__(self, control: socket, process: subprocess.Popen[bytes], stop: list[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        super().__init__(process.stdout.fileno(), process.stdin.fileno(), can_wait=True)
        self._process = process
        self._stop = stop
        self._told = b""
        self._has_greeted = False
        self._server = self.add(SERVER, control, 1, 2)
        self.loop.on_readable(control.fileno(), self._on_control, is_source=True)
        self._errors = process.stderr.fileno()
        os.set_blocking(self._errors, False)
        self.loop.on_readable(self._errors, self._on_error)

    def run(self) -> NoReturn:
        """Carry until either end has gone."""
        with suppress(_StopError):
            signal.signal(signal.SIGTERM, _stop)
            while self.is_open:
                self.loop.turn()
            self._deliver()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._end()

    def on_message(self, message: list[Any]) -> None:
        """Take what the hatch sends, and bring it where the engine reads it."""
        kind, number, *rest = message
        if kind == "child":
            self._on_child(number, rest[0])
            return
        place = self.places.get(number)
        if place is None:  # the engine has closed its ends already; that the process is gone it has to know all the same
            if kind == "exit":
                self._server.outlet.put(self._server.fds[LINK], rest[0])
            return
        match kind, rest:
            case "data", [stream, data]:
                if number == SERVER and stream == LINK:
                    self._has_greeted = True
                if stream in place.fds:
                    place.outlet.put(place.fds[stream], data)
            case "end", [stream] if number != SERVER:
                place.outlet.then(partial(self._finish, place, stream))
            case "exit", [frame]:
                place.outlet.then(partial(self._exited, place, frame))

    def _on_child(self, number: int, pid: int) -> None:
        """Make the descriptors that the fork server would have sent along, and send those."""
        theirs, ours = socketpair(AF_UNIX, SOCK_STREAM)
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        place = self.add(number, ours, out_write, err_write)
        self.loop.on_readable(ours.fileno(), partial(self._on_link, place), is_source=True)
        self._server.outlet.put(self._server.fds[LINK], pack_frame(("child", pid)), (theirs.detach(), out_read, err_read))

    def _on_link(self, place: Place) -> None:
        if not self.read(place, LINK, partial(self.tell, "data", place.number, LINK)):
            self.tell("end", place.number, LINK)
            self._close_all(place)

    def _on_control(self) -> None:
        if not self.read(self._server, LINK, partial(self.tell, "data", SERVER, LINK)):
            self.is_open = False

    def _on_error(self) -> None:
        data = read_some(self._errors)
        if data:
            self._told = (self._told + data)[-TOLD_BYTES:]
            if self._has_greeted:
                self._server.outlet.put(self._server.fds[STDERR], data)
        elif data is not None:
            self.loop.forget(self._errors)

    def _finish(self, place: Place, stream: int) -> None:
        """Nothing more comes on this stream."""
        if stream != LINK:
            self.close(place, stream)
        elif LINK in place.fds:
            with suppress(OSError):
                place.sock.shutdown(SHUT_WR)  # closed only when the engine has: what it sent and nobody read would take along what we sent

    def _exited(self, place: Place, frame: bytes) -> None:
        for stream in STREAMS:
            self._finish(place, stream)
        self._server.outlet.put(self._server.fds[LINK], frame)

    def _close_all(self, place: Place) -> None:
        for stream in STREAMS:
            self.close(place, stream)

    def _deliver(self) -> None:
        """Bring what has come to the engine, if it is still there; who does not read any more is soon noticed."""
        for _ in range(LAST_TURNS):
            if not self._undelivered:
                return
            self.loop.turn(LAST_MILLISECONDS)

    def _end(self) -> NoReturn:
        """See to it that the container is gone, say why if it never came up, and leave."""
        process = self._process
        for stream in (process.stdin, process.stdout):
            with suppress(OSError, ValueError):
                stream.close()  # type: ignore[union-attr]
        code: int | None = None
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(LEAVE_SECONDS)
        if code is None:
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(self._stop, stdin=subprocess.DEVNULL, capture_output=True, timeout=KILL_SECONDS, check=False)
            process.kill()
            code = process.wait()
        os.set_blocking(self._errors, False)
        while data := read_some(self._errors):
            self._told = (self._told + data)[-TOLD_BYTES:]
        with suppress(OSError):
            self._server.sock.setblocking(True)
            if not self._has_greeted:
                self._server.sock.sendall(pack_frame(("unstarted", code, self._told.decode("utf-8", "replace").strip())))
        os._exit(code if 0 <= code < 256 else 1)


class _StopError(Exception):
    """Raised when the engine has no use for the container any more."""


def _stop(*_: object) -> NoReturn:
    raise _StopError


def main() -> None:
    """Start the container, and carry."""
    control = socket(AF_UNIX, SOCK_STREAM, 0, int(sys.argv[1]))
    commands = json.loads(sys.argv[2])
    control.set_inheritable(False)
    process = subprocess.Popen(commands["run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    Relay(control, process, commands["stop"]).run()


if __name__ == "__main__":
    main()
