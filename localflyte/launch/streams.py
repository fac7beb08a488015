"""Streams: the engine's ends of the pipes that a process writes its stdout and stderr to."""

from __future__ import annotations

import os
from collections.abc import Callable

from localflyte.launch.hub import Hub

__all__ = ("Streams",)

READ_BYTES = 1 << 16


class Streams:
    """:param on_output: called with each stream's name and what came"""

    __slots__ = ("_fds", "_hub", "_on_output")

    def __init__(self, hub: Hub, out: int, err: int, on_output: Callable[[str, bytes], None]) -> None:
        self._hub = hub
        self._on_output = on_output
        self._fds = {"stdout": out, "stderr": err}
        for name, fd in self._fds.items():
            os.set_blocking(fd, False)
            hub.watch(fd, lambda name=name: self._read(name))  # type: ignore[misc]

    def read(self) -> None:
        """Take what is there by now."""
        for name in tuple(self._fds):
            self._read(name)

    def close(self) -> None:
        """Take what is there, and close; the process is gone, or no longer listened to."""
        for name in tuple(self._fds):
            self._read(name)
            self._close(name)

    def _read(self, name: str) -> None:
        fd = self._fds.get(name)
        while fd is not None:
            try:
                data = os.read(fd, READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._close(name)
                return
            self._on_output(name, data)
            if len(data) < READ_BYTES:
                return

    def _close(self, name: str) -> None:
        fd = self._fds.pop(name, None)
        if fd is not None:
            self._hub.unwatch(fd)
            os.close(fd)
