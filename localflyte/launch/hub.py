"""Hub: every descriptor of the engine behind one poller, so that a call costs the event loop one wake-up, not one a pipe."""

from __future__ import annotations

import asyncio
import select
import selectors
from collections.abc import Callable
from typing import Any

__all__ = ("Hub",)

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class _AnyPoller:
    """What `select.epoll` is to the hub, on the systems that have another one."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def fileno(self) -> int:
        fileno: int = self._selector.fileno()
        return fileno

    def register(self, fd: int, events: int) -> None:
        self._selector.register(fd, events)

    def modify(self, fd: int, events: int) -> None:
        self._selector.modify(fd, events)

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        return [(key.fd, events) for key, events in self._selector.select(timeout)]

    def close(self) -> None:
        self._selector.close()


_Poller: Any = _AnyPoller
if hasattr(select, "epoll"):
    _Poller = select.epoll
    _READ, _WRITE = select.EPOLLIN, select.EPOLLOUT


class Hub:
    """Watches descriptors and calls back on the engine's loop. `add_reader` of asyncio itself costs 8 us a
    descriptor and makes a handle per event; a call here comes with three descriptors, so this is a tenth of its price.

    A callback may come although nothing is there any more: its descriptor's number was closed and used again within one
    batch. So callbacks read without blocking.
    """

    def __init__(self, after_batch: Callable[[], None]) -> None:
        self._poller = _Poller()
        self._readers: dict[int, Callable[[], None]] = {}
        self._writers: dict[int, Callable[[], None]] = {}
        self._loop = asyncio.get_running_loop()
        self._after_batch = after_batch
        self._loop.add_reader(self._poller.fileno(), self._dispatch)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back whenever `fd` is readable or its other end is gone."""
        self._readers[fd] = callback
        self._poller.register(fd, _READ)

    def watch_writable(self, fd: int, callback: Callable[[], None] | None) -> None:
        """Call back too when `fd` takes more; ``None`` ends that."""
        if callback is None:
            self._writers.pop(fd, None)
            self._poller.modify(fd, _READ)
        else:
            self._writers[fd] = callback
            self._poller.modify(fd, _READ | _WRITE)

    def unwatch(self, fd: int) -> None:
        """Forget `fd`; to be called before it is closed."""
        del self._readers[fd]
        self._writers.pop(fd, None)
        self._poller.unregister(fd)

    def close(self) -> None:
        self._loop.remove_reader(self._poller.fileno())
        self._poller.close()

    def _dispatch(self) -> None:
        for fd, events in self._poller.poll(0):
            if events & _WRITE:
                writer = self._writers.get(fd)
                if writer is not None:
                    writer()
            if events & ~_WRITE:  # readable, or hung up
                reader = self._readers.get(fd)
                if reader is not None:
                    reader()
        self._after_batch()
