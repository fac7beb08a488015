"""Pump: the thread that draws for a console, so that a slow or stuck terminal never holds up the engine."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ("PATIENCE", "Pump")

PATIENCE = 2.0  # seconds to wait at the end for a terminal that does not take what is written


class Pump:
    """Calls `draw` on a thread of its own: when woken, when idle for too long, and one last time at the end.

    :param draw: draws everything that waits; called by one thread only
    :param failed: called once if `draw` raises, which ends the drawing
    :param pause: seconds between two calls at least
    :param idle: seconds without being woken after which it is called nevertheless
    """

    def __init__(
        self,
        draw: Callable[[], None],
        failed: Callable[[Exception], None],
        *,
        pause: float,
        idle: float | None = None,
    ) -> None:
        self._draw = draw
        self._failed = failed
        self._pause = pause
        self._idle = idle
        self._awake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Ask for a drawing soon."""
        if self._thread is None and not self._stopping.is_set():
            self._thread = threading.Thread(target=self._run, name="localflyte-console", daemon=True)
            self._thread.start()
        self._awake.set()

    def stop(self, patience: float = PATIENCE) -> bool:
        """Draw what is left and end the thread; ``False`` if it did not end in time and was left behind."""
        self._stopping.set()
        self._awake.set()
        if self._thread is None:
            return True
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._awake.wait(self._idle)
                self._awake.clear()
                self._draw()
                self._stopping.wait(self._pause)
            self._draw()
        except Exception as error:  # noqa: BLE001 - whatever a terminal does, the run goes on
            self._failed(error)
