"""The ladder of signals: what a second one does that comes while the first is still being told."""

from __future__ import annotations

import signal
from functools import partial
from types import SimpleNamespace
from typing import Any

from localflyte.engine.interrupts import _Ladder


def test_a_second_press_while_the_first_is_told_still_cancels_the_program() -> None:
    """Python runs the handler of the second in the middle of that of the first."""
    ladder, done = _Ladder(), []

    def tell(text: str) -> None:
        done.append(text.partition(":")[0])
        if len(done) == 1:
            ladder._on_signal(signal.SIGINT, None)

    sinks: tuple[Any, ...] = (SimpleNamespace(tell=tell),)
    submission: Any = SimpleNamespace(sinks=sinks, ask=partial(done.append, "ask"), kill=partial(done.append, "kill"))
    ladder.submissions.append(submission)
    ladder._before[signal.SIGINT] = partial(lambda _number, _frame: done.append("cancelled"))
    ladder._on_signal(signal.SIGINT, None)
    assert done[:2] == ["stopping", "killing what still runs; once more to leave at once"]
    assert done.count("cancelled") == 1
    assert "kill" in done
