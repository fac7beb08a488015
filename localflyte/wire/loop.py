"""Loop: waits on many descriptors at once, and brings out bytes in the order in which they came, at the pace of who takes them.

For the two ends of a tunnel (`localflyte.wire.tunnel`), which are small processes of nothing else: no asyncio, and a few pages of memory.
"""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from socket import SCM_RIGHTS
from socket import SOL_SOCKET
from socket import socket

__all__ = ("Loop", "Outlet", "read_some")

READ_BYTES = 1 << 16
READABLE = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


class Loop:
    """Calls back when descriptors can be read from or written to."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._readers: dict[int, Callable[[], None]] = {}
        self._writers: dict[int, Callable[[], None]] = {}
        self._held: dict[int, Callable[[], None]] = {}
        self._is_holding = False

    def on_readable(self, fd: int, callback: Callable[[], None], *, is_source: bool = False) -> None:
        """Call back whenever `fd` can be read, or its other end is gone.

        :param is_source: whether it brings what has to wait while we cannot get rid of what we have; see `hold`
        """
        if is_source:
            self._held[fd] = callback
            if self._is_holding:
                return
        self._readers[fd] = callback
        self._register(fd)

    def on_writable(self, fd: int, callback: Callable[[], None] | None) -> None:
        """Call back when `fd` takes more; ``None`` ends that."""
        if callback is None:
            self._writers.pop(fd, None)
        else:
            self._writers[fd] = callback
        self._register(fd)

    def forget(self, fd: int) -> None:
        """Look at `fd` no more; to be called before it is closed."""
        for table in (self._readers, self._writers, self._held):
            table.pop(fd, None)
        self._register(fd)

    def hold(self, is_full: bool) -> None:
        """Read no sources, or read them again."""
        if is_full == self._is_holding:
            return
        self._is_holding = is_full
        for fd, callback in self._held.items():
            if is_full:
                self._readers.pop(fd, None)
            else:
                self._readers[fd] = callback
            self._register(fd)

    def turn(self, milliseconds: float | None = None) -> None:
        """Wait for something to happen, and call back."""
        for fd, events in self._poll.poll(milliseconds):
            if events & (select.POLLOUT | select.POLLERR) and (writer := self._writers.get(fd)) is not None:
                writer()
            if events & READABLE and (reader := self._readers.get(fd)) is not None:
                reader()

    def _register(self, fd: int) -> None:
        mask = (select.POLLIN if fd in self._readers else 0) | (select.POLLOUT if fd in self._writers else 0)
        if mask:
            self._poll.register(fd, mask)
        else:
            with suppress(KeyError):
                self._poll.unregister(fd)


class Outlet:
    """What is on its way to the descriptors of one place. It leaves in the order in which it came, also where it goes to several."""

    def __init__(self, loop: Loop, on_size: Callable[[int], None]) -> None:
        """:param on_size: told by how many bytes more, or less, are waiting here"""
        self._loop = loop
        self._on_size = on_size
        self._queue: deque[tuple[int, memoryview, tuple[int, ...]] | Callable[[], None]] = deque()
        self._broken: set[int] = set()

    def put(self, fd: int, data: bytes, fds: tuple[int, ...] = ()) -> None:
        """Write `data` to `fd`, now or when it is its turn; whoever does not take it any more does without.

        :param fds: descriptors to send along, over a socket; they are closed here when they have gone
        """
        self._queue.append((fd, memoryview(data), fds))
        self._on_size(len(data))
        if len(self._queue) == 1:
            self.flush()

    def then(self, callback: Callable[[], None]) -> None:
        """Call back when all that was put before has gone."""
        self._queue.append(callback)
        if len(self._queue) == 1:
            self.flush()

    def flush(self) -> None:
        """Write what can be written."""
        while self._queue:
            item = self._queue[0]
            if callable(item):
                self._queue.popleft()
                item()
                continue
            fd, rest, fds = item
            sent = len(rest) if fd in self._broken else self._write(fd, rest, fds)
            self._on_size(-sent)
            if sent < len(rest):
                if sent:
                    self._queue[0] = (fd, rest[sent:], ())
                self._loop.on_writable(fd, self.flush)
                return
            self._queue.popleft()
            self._loop.on_writable(fd, None)

    def drop(self, fd: int) -> None:
        """Write nothing to `fd` any more: it is about to be closed."""
        self._broken.add(fd)
        self._loop.forget(fd)

    def _write(self, fd: int, data: memoryview, fds: tuple[int, ...]) -> int:
        """:return: how much has gone; all of it where nobody takes it any more"""
        try:
            if not fds:
                return os.write(fd, data)
            sock = socket(fileno=os.dup(fd))
            try:
                sent = sock.sendmsg([data], [(SOL_SOCKET, SCM_RIGHTS, b"".join(number.to_bytes(4, sys.byteorder) for number in fds))])
            finally:
                sock.close()
        except BlockingIOError:
            return 0
        except OSError:
            self._broken.add(fd)
            sent = len(data)
        for number in fds:
            os.close(number)
        return sent


def read_some(fd: int) -> bytes | None:
    """:return: what is there, empty when there will be no more, ``None`` when there is nothing yet"""
    try:
        return os.read(fd, READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
