"""Order: which event of an action may follow which, as a machine that any event log can be run through."""

from __future__ import annotations

from typing import Any

__all__ = ("NEXT", "Order")

#: for each state of an action, the events that may come, and the state they lead to
NEXT: dict[str, dict[str, str]] = {
    "": {"action.queued": "queued"},
    "queued": {"action.hit": "hit", "action.miss": "missed", "attempt.started": "running", "action.finished": "finished"},
    "missed": {"attempt.started": "running", "action.finished": "finished"},
    "hit": {"action.finished": "finished"},
    "running": {"attempt.ended": "ended", "action.report": "running", "action.trace": "running"},
    "ended": {"action.retrying": "waiting", "action.diverged": "ended", "action.stored": "stored", "action.finished": "finished"},
    "waiting": {"attempt.started": "running", "action.finished": "finished"},
    "stored": {"action.finished": "finished"},
    "finished": {},
}


class Order:
    """A sink that takes events only in their order; what is wrong is raised when it is checked."""

    never_blocks = True

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.runs: dict[str, str] = {}
        self._states: dict[tuple[str, str], str] = {}
        self._attempts: dict[tuple[str, str], int] = {}

    def __call__(self, event: Any) -> None:
        if event.kind in ("log", "notice"):
            return
        if event.kind.startswith("run."):
            self._take_run(event)
            return
        if self.runs.get(event.run) != "running":
            self.wrong.append(f"{event.kind} of {event.run} that is {self.runs.get(event.run, 'unknown')}")
        place = (event.run, event.action)
        if event.kind == "action.trace":  # of a traced call, which is no action of the engine's
            return
        state = self._states.get(place, "")
        following = NEXT[state].get(event.kind)
        if following is None:
            self.wrong.append(f"{event.kind} of {event.action} that is {state or 'unknown'}")
            return
        self._states[place] = following
        if event.kind == "attempt.started":
            expected = self._attempts.get(place, -1) + 1
            self._attempts[place] = event.data["attempt"]
            if event.data["attempt"] != expected:
                self.wrong.append(f"attempt {event.data['attempt']} of {event.action} after {expected - 1}")
        elif event.kind in ("attempt.ended", "action.retrying") and event.data["attempt"] != self._attempts.get(place):
            self.wrong.append(f"{event.kind} of attempt {event.data['attempt']}, while {self._attempts.get(place)} is the last")

    def check(self) -> None:
        assert self.wrong == []

    def check_end(self) -> None:
        """Every run has finished, and every action of it before."""
        self.check()
        assert set(self.runs.values()) == {"finished"}
        assert set(self._states.values()) == {"finished"}

    def _take_run(self, event: Any) -> None:
        known = self.runs.get(event.run)
        wanted = None if event.kind == "run.started" else "running"
        if known != wanted:
            self.wrong.append(f"{event.kind} of {event.run} that is {known or 'unknown'}")
        unfinished = [action for (run, action), state in self._states.items() if run == event.run and state != "finished"]
        if unfinished:
            self.wrong.append(f"{event.kind} while {unfinished} are not finished")
        self.runs[event.run] = "running" if event.kind == "run.started" else "finished"
