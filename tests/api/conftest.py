"""What tests of the api share: an engine in this process that runs nested calls through real bytes, and a running task."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from projects import Project

from localflyte.api import registry
from localflyte.api.action import ActionID
from localflyte.api.action import RawDataPath
from localflyte.api.context import TaskContext
from localflyte.api.context import activate
from localflyte.api.port import set_port
from localflyte.api.task import from_pickle
from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.wire.crossing import from_info
from localflyte.wire.crossing import to_info


class FakePort:
    """Answers calls as the engine does: finds the task by its reference, decodes, calls, encodes."""

    def __init__(self) -> None:
        self.calls: list[Invocation] = []
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.cancelled: list[str] = []
        self.running = 0
        self.most_running = 0
        self.gate: asyncio.Event | None = None
        self.tasks: dict[str, Any] = {}

    def _find(self, invocation: Invocation) -> Any:
        reference = invocation.plan.task
        known = self.tasks.get(reference.name)
        if known is not None:
            return known
        return from_pickle(reference.pickle) if reference.pickle else registry.find(reference.module, reference.name)

    def _begin(self, invocation: Invocation) -> tuple[Any, dict[str, Any]]:
        self.calls.append(invocation)
        task = self._find(invocation)
        return task, task.border.decode_inputs(invocation.inputs, task=task.name)

    def call(self, invocation: Invocation) -> Sequence[Packed]:
        task, values = self._begin(invocation)
        try:
            result = task.forward(**values)
            if inspect.isawaitable(result):
                result = asyncio.run(result)  # type: ignore[arg-type]
        except Exception as error:
            raise from_info(to_info(error, "")) from None
        return task.border.encode_outputs(result, task=task.name)

    async def acall(self, invocation: Invocation) -> Sequence[Packed]:
        task, values = self._begin(invocation)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
            result = task.forward(**values)
            if inspect.isawaitable(result):
                result = await result
        except asyncio.CancelledError:
            self.cancelled.append(invocation.plan.task.name)
            raise
        except Exception as error:
            raise from_info(to_info(error, "")) from None
        finally:
            self.running -= 1
        return task.border.encode_outputs(result, task=task.name)

    async def arun(self, invocation: Invocation, options: Mapping[str, Any]) -> Any:
        raise NotImplementedError

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        self.told.append((kind, data))


def make_context(**changes: Any) -> TaskContext:
    values: dict[str, Any] = {
        "action": ActionID(name="a0", run_name="r1"),
        "version": "",
        "raw_data_path": RawDataPath(path="/raw"),
        "output_path": "/out",
        "run_base_dir": "/base",
    }
    return TaskContext(**{**values, **changes})


@pytest.fixture
def port() -> Iterator[FakePort]:
    """This process is a task: calls of tasks are nested calls."""
    made = FakePort()
    set_port(made)
    activate(make_context())
    yield made
    set_port(None)
    activate(None)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose task's cache terms are asked for, version by version."""
    made = Project(tmp_path)
    yield made
    made.forget()
