"""Conditions: tasks that wait for the answer of a person, given on the terminal, by ``localflyte signal`` or to a webhook's callback."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

import anyio
import anyio.to_thread

from localflyte.engine.clocks import Clocks
from localflyte.errors import ConditionAlreadyExistsError
from localflyte.errors import ConditionTimedoutError
from localflyte.errors import ProtocolError
from localflyte.runs.conditions import KINDS
from localflyte.runs.conditions import Condition
from localflyte.runs.conditions import Value
from localflyte.runs.conditions import announce
from localflyte.runs.conditions import read_answer
from localflyte.runs.conditions import withdraw
from localflyte.spec.run import RunRequest

if TYPE_CHECKING:
    from localflyte.engine.webhook import Callback

__all__ = ("Conditions",)

EVERY = 0.05  # seconds between two looks for an answer


class _Run(Protocol):
    name: str
    request: RunRequest
    clocks: Clocks

    def emit(self, kind: str, action: str = "", **data: Any) -> None: ...
    def notice(self, text: str) -> None: ...
    def flush(self) -> None: ...


class _Call(Protocol):
    @property
    def run(self) -> _Run: ...
    @property
    def action(self) -> str: ...
    @property
    def task(self) -> str: ...


class _Asked:
    """A condition, and how long it may be waited for."""

    def __init__(self, condition: Condition, deadline: float | None) -> None:
        self.condition = condition
        self.deadline = deadline
        #: whether the attempt that created it is under way
        self.is_current = True
        self.value: Value | None = None


class Conditions:
    """Those of one run.

    :param folder: of the run
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._asked: dict[tuple[str, str], _Asked] = {}
        self._callback: Callback | None = None

    async def answer(self, call: _Call, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Answer what a task asks for.

        :raises ProtocolError: if it is nothing that can be asked for
        """
        if kind == "condition.create":
            return await self._create(call, data)
        if kind == "condition.wait":
            return await self._wait(call, str(data.get("name")))
        raise ProtocolError(f"unknown question {kind!r}")

    def leave(self, action: str) -> None:
        """Note that an attempt of an action is over: the next one may create its conditions again."""
        for (owner, _), asked in self._asked.items():
            if owner == action:
                asked.is_current = False

    def close(self) -> None:
        """Give up what nobody waits for any more."""
        for asked in self._asked.values():
            withdraw(self._folder, asked.condition.number)
        if self._callback is not None:
            self._callback.close()

    async def _create(self, call: _Call, data: Mapping[str, Any]) -> dict[str, Any]:
        """Take a condition on; its time begins.

        :raises ConditionAlreadyExistsError: if the action has one of this name
        """
        name, kind, timeout = str(data.get("name")), data.get("kind"), data.get("timeout")
        if kind not in KINDS or not isinstance(timeout, int | float | None):
            raise ProtocolError("not a condition")
        known = self._asked.get((call.action, name))
        if known is not None and known.is_current:
            raise ConditionAlreadyExistsError(f"Task {call.task} has a condition {name!r} already. Give the second one another name.")
        if known is not None and known.value is not None:
            known.is_current = True  # a task that is tried again has its answer already
            return {}
        condition = Condition(
            number=len(self._asked) + 1 if known is None else known.condition.number,
            name=name,
            action=call.action,
            task=call.task,
            prompt=str(data.get("prompt")),
            kind=str(kind),
            description=str(data.get("description")),
            prompt_type="markdown" if data.get("prompt_type") == "markdown" else "text",
        )
        self._asked[call.action, name] = _Asked(condition, None if timeout is None else time.monotonic() + timeout)
        announce(self._folder, condition)
        if isinstance(url := data.get("url"), str) and url:
            await self._call_webhook(call, condition, url, data.get("payload"))
        return {}

    async def _wait(self, call: _Call, name: str) -> dict[str, Any]:
        """:return: the answer
        :raises ConditionTimedoutError: if nobody answered in time
        :raises ConditionFailedError: if the answer cannot be used
        """
        asked = self._asked.get((call.action, name))
        if asked is None:
            raise ProtocolError(f"condition {name!r} was never created")
        if asked.value is not None:
            return {"value": asked.value}
        run, condition = call.run, asked.condition
        here = bool(run.request.surroundings.terminal)
        run.emit("condition.waiting", call.action, condition=asdict(condition), here=here)
        if not here:
            run.notice(f"{call.task} waits for an answer: {condition.prompt} To answer: localflyte signal {run.name} {name} VALUE")
        run.flush()
        status = "given up"
        try:
            left = float("inf") if asked.deadline is None else asked.deadline - time.monotonic()
            with run.clocks.move_on_after(left) as scope:
                asked.value = await self._answered(condition)
            status = "timed out" if scope.cancelled_caught else "answered"
        finally:
            withdraw(self._folder, condition.number)
            run.emit("condition.ended", call.action, number=condition.number, here=here, status=status)
        if scope.cancelled_caught:
            raise ConditionTimedoutError(f"Nobody answered condition {name!r} of task {call.task} in time: {condition.prompt}")
        return {"value": asked.value}

    async def _answered(self, condition: Condition) -> Value:
        while True:  # another process may write the answer, which nothing but looking tells
            value = read_answer(self._folder, condition)
            if value is not None:
                return value
            await anyio.sleep(EVERY)

    async def _call_webhook(self, call: _Call, condition: Condition, url: str, payload: Any) -> None:
        from localflyte.engine.webhook import Callback  # with a server of HTTP, which few runs need
        from localflyte.engine.webhook import post

        if self._callback is None:
            self._callback = Callback(self._folder)
        problem = await anyio.to_thread.run_sync(post, url, payload, self._callback.address_of(condition))
        if problem:
            call.run.notice(f"the webhook of condition {condition.name!r} could not be called: {problem}")
