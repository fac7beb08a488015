"""Host: what a call needs of the engine that carries it. The engine is one; so that its parts do not know it, this stands between."""

from __future__ import annotations

from collections.abc import Coroutine
from collections.abc import Mapping
from typing import Any
from typing import Protocol

from localflyte.engine.admission import Lease
from localflyte.engine.call import Call
from localflyte.engine.holding import Holding
from localflyte.engine.tried import Tried
from localflyte.launch.beside import Beside
from localflyte.launch.child import Worker
from localflyte.settings import Settings
from localflyte.spec.invocation import Invocation
from localflyte.spec.outcome import ErrorInfo
from localflyte.spec.outcome import Outcome
from localflyte.store.memo import Memo

__all__ = ("Answer", "Host")

#: an outcome, and what else the caller is told with it
Answer = tuple[Outcome, Mapping[str, Any]]


class Host(Protocol):
    settings: Settings
    holding: Holding
    memo: Memo

    def refusal(self, call: Call) -> ErrorInfo | None:
        """:return: which limit the call is over, or ``None``"""

    async def admit(self, call: Call) -> Lease:
        """Wait until the run and the machine have room for the call."""

    async def prepare(self, call: Call) -> None:
        """Have the call's image made, before anything is counted that it may take."""

    def beside(self, call: Call) -> Beside | None:
        """:return: the container that an attempt is to start, for a task that is one"""

    async def take_child(self, call: Call) -> Worker:
        """:return: a process that has the call's code loaded and waits for its request"""

    def give_up(self, call: Call) -> None:
        """Stop importing the module of a call that may not wait for it any longer."""

    def look(self, parent: Call, invocation: Invocation) -> Tried | None:
        """:return: what the store has for a call that a task makes, where that can be told at once"""

    def found(self, parent: Call, invocation: Invocation, tried: Tried) -> None:
        """Take note of a call that a task made and that was answered at once."""

    def accept(self, parent: Call, invocation: Invocation) -> Call:
        """Accept a call that a task made."""

    def nested(self, call: Call, tried: Tried | None) -> Coroutine[Any, Any, Answer]:
        """Carry a call that a task made and that was accepted."""

    def spawned(self, parent: Call, invocation: Invocation, options: Mapping[str, Any]) -> Coroutine[Any, Any, Answer]:
        """Carry a run that a task started."""

    def asked(self, call: Call, kind: str, data: Mapping[str, Any]) -> Coroutine[Any, Any, Answer]:
        """Answer what a task asks for that is no call."""

    def told(self, call: Call, kind: str, data: Mapping[str, Any]) -> None:
        """Pass a one-way note of a task on."""
