"""Hatch: the first process of ours in a container: the inner end of the tunnel, and the parent of the fork server.

It reads no request and runs no task, so it always answers. When the engine's end of its stdin closes, it ends, and the container,
whose first process it is for the engine, ends with it; the kernel sees to everything else in it. It also counts what the kernel
killed for want of memory: nobody outside can tell that apart from another kill.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from fcntl import F_DUPFD_CLOEXEC
from fcntl import fcntl
from functools import partial
from socket import AF_UNIX
from socket import SOCK_STREAM
from socket import recv_fds
from socket import socket
from socket import socketpair
from typing import Any

from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.loop import READ_BYTES
from localflyte.wire.tunnel import LINK
from localflyte.wire.tunnel import SERVER
from localflyte.wire.tunnel import STDERR
from localflyte.wire.tunnel import STDOUT
from localflyte.wire.tunnel import STREAMS
from localflyte.wire.tunnel import Place
from localflyte.wire.tunnel import Tunnel

__all__ = ("run",)

FDS_OF_A_CHILD = 3
LOOK_MILLISECONDS = 100  # between two looks at what the kernel killed, where there is a limit
LAST_READS = 64  # of what an ended process left in a pipe or socket: more than they hold
HIGH = 202  # out of the way of what modules print to and close
_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_PEAKS = ("/sys/fs/cgroup/memory.peak", "/sys/fs/cgroup/memory/memory.max_usage_in_bytes")


def run(*, is_limited: bool) -> None:
    """Serve until the engine is gone, or the fork server is.

    :param is_limited: whether this container has a limit of memory
    """
    incoming, outgoing = (fcntl(fd, F_DUPFD_CLOEXEC, HIGH) for fd in (0, 1))
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)  # where a traceback of ours goes, whatever else happens
    os.close(null)
    control, out, err = _start_server((incoming, outgoing))
    hatch = Hatch(incoming, outgoing, control, out, err)
    seen = _oom_kills() if is_limited else 0
    hatch.count = seen
    while hatch.is_open:
        hatch.loop.turn(LOOK_MILLISECONDS if is_limited else None)
        if is_limited:
            hatch.look_at_kills()
    os._exit(0)


class Hatch(Tunnel):
    def __init__(self, incoming: int, outgoing: int, control: socket, out: int, err: int) -> None:
        super().__init__(incoming, outgoing, can_wait=False)
        self.count = 0
        self._last = SERVER
        self._pids: dict[int, Place] = {}
        self._frames = FrameReader()
        self._fds: list[int] = []
        self._server = self.add(SERVER, control, out, err)
        self.loop.on_readable(control.fileno(), self._on_control, is_source=True)
        self._watch(self._server, STDOUT, STDERR)

    def on_message(self, message: list[Any]) -> None:
        """Take what the engine sends: to the fork server, or to a child."""
        kind, number = message[:2]
        place = self.places.get(number)
        if place is None or LINK not in place.fds:
            return  # it has ended meanwhile
        if kind == "data":
            place.outlet.put(place.fds[LINK], message[3])
        else:
            place.outlet.then(partial(self.close, place, LINK))  # the engine wants nothing more of it: so it is told

    def look_at_kills(self) -> None:
        """Tell the engine if the kernel has killed something here for want of memory, since the last look."""
        count = _oom_kills()
        if count > self.count:
            self.count = count
            self.tell("data", SERVER, LINK, pack_frame(("oom", _first_number(_PEAKS))))

    def _on_control(self) -> None:
        place = self._server
        try:
            data, fds, _, _ = recv_fds(place.sock, READ_BYTES, FDS_OF_A_CHILD * 8)
        except BlockingIOError:
            return
        except OSError:
            data, fds = b"", []
        self._fds += fds
        if not data:
            self._end()
            return
        for message in self._frames.feed(data):
            match message:
                case ["child", pid]:
                    self._on_child(pid)
                case ["exit", pid, *_]:
                    self.look_at_kills()  # before it is told that the child was killed: that says why
                    self._on_exit(pid, pack_frame(tuple(message)))
                case _:
                    self.tell("data", SERVER, LINK, pack_frame(tuple(message)))

    def _on_child(self, pid: int) -> None:
        (link, out, err), self._fds = self._fds[:FDS_OF_A_CHILD], self._fds[FDS_OF_A_CHILD:]
        self._last += 1
        place = self._pids[pid] = self.add(self._last, socket(AF_UNIX, SOCK_STREAM, 0, link), out, err)
        self.tell("child", place.number, pid)
        self._watch(place, *STREAMS)

    def _on_exit(self, pid: int, frame: bytes) -> None:
        place = self._pids.pop(pid)
        for stream in (STDOUT, STDERR, LINK):
            self.read(place, stream, partial(self.tell, "data", place.number, stream), LAST_READS)
            self.close(place, stream)
        self.tell("exit", place.number, frame)

    def _watch(self, place: Place, *streams: int) -> None:
        for stream in streams:
            self.loop.on_readable(place.fds[stream], self._reader_of(place, stream), is_source=True)

    def _reader_of(self, place: Place, stream: int) -> Callable[[], None]:
        def read() -> None:
            if stream == LINK:  # what it printed before it said this goes first
                for other in (STDOUT, STDERR):
                    self.read(place, other, partial(self.tell, "data", place.number, other), LAST_READS)
            if not self.read(place, stream, partial(self.tell, "data", place.number, stream)):
                self.close(place, stream)
                self.tell("end", place.number, stream)

        return read

    def _end(self) -> None:
        """The fork server is gone; what it said last is still to be told."""
        for stream in (STDOUT, STDERR):
            self.read(self._server, stream, partial(self.tell, "data", SERVER, stream), LAST_READS)
        self.look_at_kills()
        self.tell("end", SERVER, LINK)
        self.loop.forget(self._server.sock.fileno())
        self._trunk.then(self._leave)

    def _leave(self) -> None:
        self.is_open = False


def _start_server(ours: tuple[int, ...]) -> tuple[socket, int, int]:
    """Fork the process that becomes the fork server, before anything is loaded that only it needs.

    :return: our ends of its control socket, and of the pipes that it prints to
    """
    mine, theirs = (_raised(sock) for sock in socketpair(AF_UNIX, SOCK_STREAM))
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    life_read, life_write = os.pipe()
    if os.fork():
        for fd in (out_write, err_write, life_read):
            os.close(fd)
        theirs.close()
        fcntl(life_write, F_DUPFD_CLOEXEC, HIGH)  # open as long as we live: with it ends every child
        os.close(life_write)
        return mine, out_read, err_read
    for fd in (*ours, out_read, err_read, life_write):
        os.close(fd)
    mine.close()
    for source, target in ((out_write, 1), (err_write, 2)):
        os.dup2(source, target)
        os.close(source)
    from localflyte.worker.forkserver import ForkServer

    return ForkServer(theirs, life_read, is_contained=True).run()


def _raised(sock: socket) -> socket:
    fd = fcntl(sock.fileno(), F_DUPFD_CLOEXEC, HIGH)
    sock.close()
    return socket(AF_UNIX, SOCK_STREAM, 0, fd)


def _oom_kills() -> int:
    """:return: how often the kernel has killed in this container for want of memory; 0 where it does not tell"""
    for path in _COUNTERS:
        with suppress(OSError), open(path, encoding="ascii") as file:
            for line in file:
                name, _, number = line.partition(" ")
                if name == "oom_kill":
                    return int(number)
    return 0


def _first_number(paths: tuple[str, ...]) -> int:
    for path in paths:
        with suppress(OSError, ValueError), open(path, encoding="ascii") as file:
            return int(file.read())
    return 0
