"""A plugin as its authors write one, and tasks of its type. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from dataclasses import dataclass
from typing import Any

import localflyte as flyte
from localflyte.extend import AsyncFunctionTaskTemplate
from localflyte.extend import TaskPluginRegistry
from localflyte.extend import TaskTemplate
from localflyte.models import NativeInterface

LOCK = threading.Lock()  # what no pickle takes
SEEN: list[str] = []


@dataclass
class Steps:
    """:param fails: the step that raises"""

    fails: str = ""
    gives: str = "given"


@dataclass(kw_only=True)
class StepsTask(AsyncFunctionTaskTemplate[Any, Any, Any]):
    """A task with a step before and one after its function."""

    plugin_config: Steps
    task_type: str = "steps"

    async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        step("pre", self.plugin_config.fails)
        return {"gives": self.plugin_config.gives, "inputs": kwargs}

    async def post(self, return_vals: Any) -> Any:
        step("post", self.plugin_config.fails)
        return_vals.append(f"post sees {flyte.ctx().data['gives']}")
        return ["not used"]


@dataclass
class Own:
    """The config of tasks that are executed in a way of their own."""

    fails: str = ""


@dataclass(kw_only=True)
class OwnTask(AsyncFunctionTaskTemplate[Any, Any, Any]):
    """A task that does more than to call its function."""

    plugin_config: Own

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        step("execute", self.plugin_config.fails)
        return [*await super().execute(*args, **kwargs), "executed"]


TaskPluginRegistry.register(Steps, StepsTask)
TaskPluginRegistry.register(Own, OwnTask)

CONFIG = Steps()
plain = flyte.TaskEnvironment("plain")
steps = flyte.TaskEnvironment("steps", plugin_config=CONFIG)
own = flyte.TaskEnvironment("own", plugin_config=Own())


def step(name: str, fails: str = "") -> None:
    """Note where a step runs, or fail in it."""
    SEEN.append(f"{name} {os.getpid()}")
    if name == fails:
        raise KeyError(f"{name} fails")


def told() -> list[str]:
    """What a function sees: what ran before it, where it runs, and what was given to it."""
    step("function")
    return [*SEEN, str(flyte.ctx().data)]


@steps.task
async def works(x: int) -> list[str]:
    return told()


@steps.task
def works_sync(x: int) -> list[str]:
    asyncio.run(asyncio.sleep(0))  # no loop runs here, as in any sync task
    return told()


@own.task
async def executed(x: int) -> list[str]:
    return told()


@own.task
def executed_sync(x: int) -> list[str]:
    return told()


@plain.task(retries=1)
async def base(x: int) -> list[str]:
    with LOCK:
        return told()


@plain.task
async def parent(x: int) -> list[list[str]]:
    return [await works(x), await works_sync.aio(x), await base.override(plugin_config=Steps(gives="overridden"))(x)]


class Shout(TaskTemplate[Any, Any, Any]):
    """A task that is no function."""

    def __init__(self, name: str) -> None:
        interface = NativeInterface({"text": (str, inspect.Parameter.empty), "times": (int, 1)}, {"loud": str})
        super().__init__(name=name, interface=interface, task_type="shout")  # type: ignore[arg-type]

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return kwargs["text"].upper() * kwargs["times"]


class Silent(TaskTemplate[Any, Any, Any]):
    """A task that nobody has told what to do."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, interface=NativeInterface({}, {}))  # type: ignore[arg-type]


shout = Shout("shout")
silent = Silent("silent")
shouting = flyte.TaskEnvironment.from_task("shouting", shout)


@plain.task
async def calls_shout(text: str) -> str:
    return await shout(text=text, times=2) + await shout(text)
