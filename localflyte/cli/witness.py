"""Witness: a run watched through its events, so that its name and its status are known however it ends."""

from __future__ import annotations

from localflyte.spec.event import Event

__all__ = ("Witness",)


class Witness:
    """A sink that remembers what the command line says at the end."""

    never_blocks = True

    def __init__(self) -> None:
        self.run = ""
        """Empty until the run has started."""
        self.status = ""
        self.seconds: float | None = None
        self.diverged: list[str] = []
        """The tasks that gave something else the second time."""

    def __call__(self, event: Event) -> None:
        if event.kind == "run.started":
            self.run = event.run
        elif event.kind == "run.finished":
            self.status = str(event.data.get("status") or "")
            self.seconds = event.data.get("seconds")
        elif event.kind == "action.diverged":
            self.diverged.append(str(event.data.get("task")))

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Nothing is open here."""
