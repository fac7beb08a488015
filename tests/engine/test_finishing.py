"""What a sink does at the end of a run, such as writing its page, is waited for by that run and by no other."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from programs import misbehaving

import localflyte as flyte
from localflyte.observe import page

SOON = 30.0  # seconds


class Sink:
    """Told in the engine's own thread, as the sinks are that every run has."""

    never_blocks = True

    def __init__(self) -> None:
        self.notices: list[str] = []

    def __call__(self, event: Any) -> None:
        if event.kind == "notice":
            self.notices.append(event.data["text"])


class Slow(Sink):
    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()
        self.may_end = threading.Event()
        self.ended = False

    def finish(self) -> str:
        self.began.set()
        self.ended = self.may_end.wait(SOON)
        return ""


def run(*sinks: Any) -> Any:
    return flyte.with_runcontext(sinks=list(sinks)).run(misbehaving.fine, x=1)


def test_other_runs_go_on_meanwhile() -> None:
    """The page of a run of a hundred thousand calls takes seconds, in which the engine's loop has others to serve."""
    slow = Slow()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run, slow)
        try:
            assert slow.began.wait(SOON)
            assert run(Sink()).outputs()[0] == 2
            assert not first.done()
        finally:
            slow.may_end.set()
        assert first.result().outputs()[0] == 2
    assert slow.ended


def test_the_run_waits_for_it() -> None:
    """Who asks for a page once the run has ended finds it."""
    assert (Path(run(Sink()).folder) / "index.html").is_file()


def test_what_it_has_to_say_is_said(monkeypatch: Any) -> None:
    def fail(_: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page, "write_page", fail)
    sink = Sink()
    folder = run(sink).folder
    assert sink.notices == [f"The page of the run cannot be written to {folder} (No space left on device)."]


def test_one_that_fails_is_told_of_and_changes_nothing() -> None:
    class Failing(Sink):
        def finish(self) -> str:
            raise ValueError("not today")

    listens = Sink()
    assert run(Failing(), listens).outputs()[0] == 2
    assert listens.notices == ["Failing failed and is set aside for this run: ValueError: not today"]
