"""Channel: the engine's end of one socket to a worker. Sending never blocks; what arrives comes as whole messages."""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Any

from localflyte.errors import ProtocolError
from localflyte.launch.hub import Hub
from localflyte.wire.frames import FrameReader
from localflyte.wire.frames import pack_frame

__all__ = ("CUT_OFF", "LOST_FD", "Channel")

CUT_OFF = "cut off in the middle of a message"
RECEIVE_BYTES = 1 << 16  # a buffer of twice the size is mapped afresh by malloc for every message: 12 us
FDS_OF_A_CHILD = 3
LOST_FD = -1
_FDS = array.array("i").itemsize * FDS_OF_A_CHILD * 8


class Channel:
    """:param on_message: called with each message, on the engine's loop
    :param on_close: called once when the other end is gone, or broke the protocol, with the reason
    :param with_fds: whether descriptors come along; they are collected in `fds`, in order, as `LOST_FD` where this process may open no more
    """

    def __init__(
        self,
        hub: Hub,
        sock: socket.socket,
        on_message: Callable[[list[Any]], None],
        on_close: Callable[[str], None],
        *,
        with_fds: bool = False,
        max_frame_bytes: int = 1 << 30,
    ) -> None:
        sock.setblocking(False)
        self._hub = hub
        self._sock = sock
        self._fd = sock.fileno()
        self._reader = FrameReader(max_frame_bytes)
        self._on_message = on_message
        self._on_close = on_close
        self._with_fds = with_fds
        self._unsent: deque[memoryview] = deque()
        self.fds: deque[int] = deque()
        self.open = True
        #: whether something could not be sent, because the other end was gone
        self.hung_up = False
        hub.watch(self._fd, self.receive)

    def send(self, *message: Any) -> None:
        """Send a message, now or as soon as the other end takes it. A closed channel swallows it: its end is reported elsewhere."""
        if not self.open or self.hung_up:
            return
        frame = pack_frame(message)
        if not self._unsent:
            try:
                sent = self._sock.send(frame)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._hang_up()
                return
            if sent == len(frame):
                return
            self._hub.watch_writable(self._fd, self._send_rest)
            self._unsent.append(memoryview(frame)[sent:])
        else:
            self._unsent.append(memoryview(frame))

    def receive(self) -> None:
        """Read what is there and hand out complete messages. Called by the hub, and before a last judgement."""
        if not self.open:
            return
        try:
            if self._with_fds:
                data, fds, flags, _ = socket.recv_fds(self._sock, RECEIVE_BYTES, _FDS)
                if flags & socket.MSG_CTRUNC:  # we may not open so many; those of one message come at once, and some of them did not
                    for fd in fds:
                        os.close(fd)
                    fds = [LOST_FD] * FDS_OF_A_CHILD
                self.fds.extend(fds)
            else:
                data = self._sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail(CUT_OFF if self._reader.partial and not self.hung_up else "")
            return
        try:
            for message in self._reader.feed(data):
                self._on_message(message)
                if not self.open:
                    return
        except ProtocolError as error:
            self._fail(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a message does to us, it may only hurt who sent it
            self._fail(f"a message could not be taken: {type(error).__name__}: {error}")

    def drain(self) -> None:
        """Read on until nothing is left: the other end has exited, so all it ever sent is here."""
        while self.open:
            before = self._reader.partial
            try:
                waiting = self._sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                return
            except OSError:
                waiting = b""
            self.receive()
            if not waiting and not before:
                return

    def is_connected(self) -> bool:
        """:return: whether the other end is still open"""
        if not self.open:
            return False
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """Close our end; `on_close` is not called."""
        if self.open:
            self.open = False
            self._hub.unwatch(self._fd)
            self._sock.close()

    def _send_rest(self) -> None:
        while self._unsent:
            rest = self._unsent[0]
            try:
                sent = self._sock.send(rest)
            except BlockingIOError:
                return
            except OSError:
                self._hub.watch_writable(self._fd, None)
                self._hang_up()
                return
            if sent < len(rest):
                self._unsent[0] = rest[sent:]
                return
            self._unsent.popleft()
        self._hub.watch_writable(self._fd, None)

    def _hang_up(self) -> None:
        """The other end takes nothing any more. What it has sent before is still here to be read, its last word perhaps."""
        self.hung_up = True
        self._unsent.clear()

    def _fail(self, reason: str) -> None:
        self.close()
        self._on_close(reason)
