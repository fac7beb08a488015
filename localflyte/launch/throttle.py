"""Throttle: hold a process tree to a share of the CPU, by stopping it for a while whenever it is ahead of its share."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ("Throttle",)

BURST = 0.1  # seconds; for so long a full share is saved up, as under a cgroup's quota, and a core's worth at least, for short tasks
LONGEST_PAUSE = 5.0  # seconds; after a look that came late, the debt beyond this is forgotten rather than freezing the task


class Throttle:
    """A bucket of CPU seconds: it fills as time passes, what the tree uses is taken out, and empty means to stop.

    A stopped process answers no signal but SIGKILL: `close` comes before it is asked to end.

    :param cpu: the share, in cores
    :param suspend: stops the tree
    :param resume: lets it go on
    """

    def __init__(self, cpu: float, suspend: Callable[[], None], resume: Callable[[], None]) -> None:
        self.suspended = False
        self._cpu = cpu
        self._suspend = suspend
        self._resume = resume
        self._most = BURST * max(cpu, 1.0)
        self._saved = self._most
        self._seen: tuple[float, float] | None = None
        self._closed = False

    def tick(self, now: float, cpu_seconds: float) -> None:
        """Look at the tree, every few hundredths of a second.

        :param now: a clock that never goes back
        :param cpu_seconds: what the tree has used since it began
        """
        if self._closed:
            return
        then, used = self._seen or (now, cpu_seconds)
        self._seen = now, cpu_seconds
        # A process that ended takes its seconds out of the sum: that is no credit.
        saved = self._saved + (now - then) * self._cpu - max(cpu_seconds - used, 0.0)
        self._saved = min(max(saved, -LONGEST_PAUSE * self._cpu), self._most)
        if self._saved < 0 and not self.suspended:
            self.suspended = True
            self._suspend()
        elif self._saved >= 0 and self.suspended:
            self.suspended = False
            self._resume()

    def close(self) -> None:
        """Let the tree go on, for good."""
        self._closed = True
        if self.suspended:
            self.suspended = False
            self._resume()
