"""Run: what flyte.run gives back: a run's name, its outputs, its page, and what its journal remembers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any

from localflyte.api.sync import dual
from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.syncify import syncify

if TYPE_CHECKING:
    from localflyte.models import ActionPhase

__all__ = ("ActionOutputs", "Run")


class ActionOutputs(tuple[Any, ...]):
    """The outputs of an action: a tuple, always, whose values are also ``o0``, ``o1`` ... A task without outputs has one: ``None``."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("o") and name[1:].isdecimal() and int(name[1:]) < len(self):
            return self[int(name[1:])]
        raise AttributeError(f"there is no output {name!r}; there are {', '.join(self.named_outputs)}")

    @property
    def named_outputs(self) -> dict[str, Any]:
        """The outputs by name."""
        return {f"o{index}": value for index, value in enumerate(self)}

    def __repr__(self) -> str:
        shown = ((name, f'"{value}"' if isinstance(value, str) else str(value)) for name, value in self.named_outputs.items())
        return f"ActionOutputs({', '.join(f'{name}={text}' for name, text in shown)})"  # as flyte prints it: programs print it


class _Action:
    """The root action, as ``run.action``."""

    def __init__(self, run: Run) -> None:
        self.name = "a0"
        self.run_name = run.name
        self.task_name = run.task_name

    async def wait(self, quiet: bool = False, wait_for: str = "terminal") -> None:
        """Wait for the end, or for the start: both have come already."""

    def done(self) -> bool:
        """:return: whether the action has ended"""
        return True

    def __repr__(self) -> str:
        return f"Action(name={self.name!r}, run_name={self.run_name!r})"


class Run:
    """A finished run. flyte.run raises when the root failed, so a Run that you hold has succeeded."""

    def __init__(self, name: str, folder: str, task: Any, invocation: Invocation, outputs: Sequence[Packed]) -> None:
        self.name = name
        self.folder = folder
        self.task_name = task.name
        self._task = task
        self._invocation = invocation
        self._packed = tuple(outputs)
        self._outputs: ActionOutputs | None = None

    @property
    def url(self) -> str:
        """The run's page, a file that a browser opens."""
        from pathlib import Path

        return Path(self.folder, "index.html").absolute().as_uri()

    @property
    def phase(self) -> ActionPhase:
        """How far the run is."""
        from localflyte.models import ActionPhase

        return ActionPhase.SUCCEEDED

    raw_phase = phase

    @property
    def action(self) -> _Action:
        """The root action."""
        return _Action(self)

    @dual
    async def wait(self, quiet: bool = False, wait_for: str = "terminal") -> None:
        """Wait for the end, or for the start: both have come already."""

    def done(self) -> bool:
        """:return: whether the run has ended"""
        return True

    @dual
    async def outputs(self) -> ActionOutputs:
        """:return: what the root task returned, as Python values of the declared types"""
        if self._outputs is None:
            value = self._task.border.decode_outputs(self._packed, task=self.task_name)
            self._outputs = ActionOutputs(value if len(self._packed) > 1 else (value,))
        return self._outputs

    @dual
    async def inputs(self) -> dict[str, Any]:
        """:return: what the root task was called with, as it saw it"""
        values: dict[str, Any] = self._task.border.decode_inputs(self._invocation.inputs, task=self.task_name)
        return values

    @dual
    async def sync(self) -> Run:
        """:return: itself: nothing changes after the end"""
        return self

    @dual
    async def details(self) -> Any:
        """:return: the run's record as its journal tells it: actions, attempts, times and errors"""
        from localflyte.runs.history import load_run

        return load_run(os.path.dirname(os.path.dirname(self.folder)), self.name)

    @syncify
    async def get_logs(
        self, attempt: int | None = None, filter_system: bool = False, show_ts: bool = False, *, action: str = "a0"
    ) -> AsyncIterator[str]:
        """Go through the lines that the root task printed; they hold neither times nor lines of a system.

        :param attempt: counted from 1; the last by default
        :param action: the name of another action
        """
        from localflyte.observe.logs import last_attempt
        from localflyte.observe.logs import log_lines

        for line in log_lines(self.folder, action, last_attempt(self.folder, action) if attempt is None else attempt - 1):
            yield line

    @dual
    async def show_logs(self, attempt: int | None = None, max_lines: int = 100, **_shown_by_a_server: Any) -> None:
        """Print the last lines that the root task printed."""
        for line in [line async for line in self.get_logs.aio(attempt)][-max_lines:]:
            print(line)  # noqa: T201 - that is what it is for

    @dual
    async def get_report(self) -> str:
        """:return: the root task's report, as HTML; empty when it made none"""
        path = os.path.join(self.folder, "reports", "a0.html")
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as file:
            return file.read()

    @dual
    async def abort(self, reason: str = "") -> None:
        """Change nothing, and say so: flyte.run waits for the end, so the run that you hold has ended.

        What ends a run before is Ctrl-C, or cancelling the asyncio task that awaits ``flyte.run.aio``. Both ask its tasks first.
        """
        from localflyte.logs import say_once

        say_once(
            f"{self.name} has ended already, so abort() changes nothing: flyte.run waits for the end on this machine. "
            "To abort a run that goes on, press Ctrl-C, or cancel the asyncio task that awaits flyte.run.aio(...)."
        )

    def to_dict(self) -> dict[str, Any]:
        """:return: name, task, phase and page as plain values"""
        return {"name": self.name, "task": self.task_name, "phase": self.phase.value, "url": self.url}

    def __repr__(self) -> str:
        return f"Run(name={self.name!r}, task={self.task_name!r}, phase={self.phase.value!r}, url={self.url!r})"
