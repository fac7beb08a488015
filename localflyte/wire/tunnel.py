"""Tunnel: the descriptors of a fork server and its children, carried over two pipes to where no descriptor can be sent.

    engine <= sockets, pipes => Relay <= stdin and stdout of a container => Hatch <= sockets, pipes => fork server, children

Both ends know places by number: 0 is the fork server, any other a child. A place has three streams: a socket that goes both ways
(the control socket, or a child's link), stdout and stderr. So the fork server and the engine's handle on it are the same as
without a tunnel. What one process sent arrives in the order in which it was sent, its exit last.

relay -> hatch                     hatch -> relay
  data  place, 0, bytes              data  place, stream, bytes
  end   place, 0                     end   place, stream
                                     child place, pid
                                     exit  place, bytes    (a frame for the control socket, when all of that child's has gone before)
"""

from __future__ import annotations

import os
from collections.abc import Callable
from socket import socket
from typing import Any

from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame
from localflyte.wire.loop import Loop
from localflyte.wire.loop import Outlet
from localflyte.wire.loop import read_some

__all__ = ("LINK", "SERVER", "STREAMS", "Place", "Tunnel")

SERVER = 0
LINK, STDOUT, STDERR = STREAMS = (0, 1, 2)
FULL_BYTES = 8 << 20  # that wait at one end, after which it reads nothing that would add to them


class Place:
    """One process's descriptors at one end of the tunnel, and what is on its way to them."""

    def __init__(self, number: int, sock: socket, out: int, err: int, outlet: Outlet) -> None:
        self.number = number
        self.sock = sock
        self.fds = {LINK: sock.fileno(), STDOUT: out, STDERR: err}
        self.outlet = outlet
        for fd in self.fds.values():
            os.set_blocking(fd, False)


class Tunnel:
    """One end: what both have in common.

    :param incoming: where the other end's messages come from
    :param outgoing: where ours go
    :param can_wait: whether nothing is read from the other end while its earlier messages wait to be delivered here. The end beside the
        engine can: the engine always reads. The other cannot: what ends a child comes behind what that child does not read.
    """

    def __init__(self, incoming: int, outgoing: int, *, can_wait: bool) -> None:
        self.loop = Loop()
        self.places: dict[int, Place] = {}
        self.is_open = True
        self._incoming = incoming
        self._outgoing = outgoing
        self._reader = FrameReader()
        self._waiting = 0
        self._undelivered = 0
        self._can_wait = can_wait
        self._is_stalled = False
        self._trunk = Outlet(self.loop, self._on_trunk_size)
        for fd in (incoming, outgoing):
            os.set_blocking(fd, False)
        self.loop.on_readable(incoming, self._receive)

    def tell(self, *message: Any) -> None:
        """Send a message to the other end."""
        self._trunk.put(self._outgoing, pack_frame(message))

    def add(self, number: int, sock: socket, out: int, err: int) -> Place:
        """Open a place."""
        place = self.places[number] = Place(number, sock, out, err, Outlet(self.loop, self._on_place_size))
        return place

    def read(self, place: Place, stream: int, on_data: Callable[[bytes], None], times: int = 1) -> bool:
        """Read what is there by now.

        :param times: how often, at most
        :return: whether there may be more later
        """
        fd = place.fds.get(stream, -1)
        if fd < 0:
            return False
        for _ in range(times):
            data = read_some(fd)
            if data is None:
                return True
            if not data:
                return False
            on_data(data)
        return True

    def close(self, place: Place, stream: int) -> None:
        """Close one of a place's descriptors; with the last of them the place is gone."""
        fd = place.fds.pop(stream, -1)
        if fd < 0:
            return
        place.outlet.drop(fd)
        if stream == LINK:
            place.sock.close()
        else:
            os.close(fd)
        if not place.fds:
            self.places.pop(place.number, None)

    def on_message(self, message: list[Any]) -> None:
        """Take a message of the other end."""
        raise NotImplementedError

    def _receive(self) -> None:
        data = read_some(self._incoming)
        if data is None:
            return
        if not data:
            self.is_open = False
            self.loop.forget(self._incoming)
            return
        for message in self._reader.feed(data):
            self.on_message(message)

    def _on_trunk_size(self, change: int) -> None:
        self._waiting += change
        self.loop.hold(self._waiting > FULL_BYTES)

    def _on_place_size(self, change: int) -> None:
        self._undelivered += change
        is_full = self._undelivered > FULL_BYTES
        if not self._can_wait or is_full == self._is_stalled:
            return
        self._is_stalled = is_full
        if is_full:
            self.loop.forget(self._incoming)
        elif self.is_open:
            self.loop.on_readable(self._incoming, self._receive)
