"""Plugins: what a template class puts around a function or in its place, and tasks that are no function."""

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

import flyte
from cases import case
from cases import caught
from cases import show
from flyte.extend import AsyncFunctionTaskTemplate
from flyte.extend import TaskPluginRegistry
from flyte.extend import TaskTemplate
from flyte.models import NativeInterface


@dataclass
class Around:
    fails: str = ""
    gives: str = "given"


@dataclass(kw_only=True)
class AroundTask(AsyncFunctionTaskTemplate):
    plugin_config: Around
    task_type: str = "around"

    async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if self.plugin_config.fails == "pre":
            raise KeyError("pre")
        seen = [f"pre {sorted(kwargs.items())} {args} {flyte.ctx().data}"]
        return None if self.plugin_config.gives == "nothing" else {"gives": self.plugin_config.gives, "seen": seen}

    async def post(self, return_vals: Any) -> Any:
        if self.plugin_config.fails == "post":
            raise KeyError("post")
        return_vals.append(f"post {sorted(flyte.ctx().data)}")
        return ["not used"]


@dataclass
class Instead:
    pass


@dataclass(kw_only=True)
class InsteadTask(AsyncFunctionTaskTemplate):
    plugin_config: Instead

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        return ["before", *await super().execute(*args, **kwargs), f"after {sorted(kwargs)} {args}"]


TaskPluginRegistry.register(Around, AroundTask)
TaskPluginRegistry.register(Instead, InsteadTask)

plain = flyte.TaskEnvironment(name="plain")
around = flyte.TaskEnvironment(name="around", plugin_config=Around())
instead = flyte.TaskEnvironment(name="instead", plugin_config=Instead())


@around.task
async def wrapped(x: int) -> list[str]:
    return [f"function {x}", *map(str, flyte.ctx().data.get("seen", ["no data"]))]


@around.task
def wrapped_sync(x: int) -> list[str]:
    return [f"function {x}", *map(str, flyte.ctx().data.get("seen", ["no data"]))]


@around.task
def has_a_loop(x: int) -> list[str]:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return ["no loop"]
    return ["a loop"]


@instead.task
async def replaced(x: int) -> list[str]:
    return [f"function {x}"]


@instead.task
def replaced_sync(x: int) -> list[str]:
    return [f"function {x}"]


@plain.task
async def bare(x: int) -> list[str]:
    return [f"function {x}", str(flyte.ctx().data.get("gives"))]


@plain.task
async def parent() -> list[list[str]]:
    changed = bare.override(plugin_config=Around(gives="nested"))
    return [await wrapped(1), await changed(2), await wrapped.override(plugin_config=Around(gives="nothing"))(3)]


class Shout(TaskTemplate):
    def __init__(self, name: str):
        interface = NativeInterface({"text": (str, inspect.Parameter.empty)}, {"loud": str})
        super().__init__(name=name, interface=interface, task_type="shout", image="auto")

    async def execute(self, **kwargs: Any) -> str:
        return kwargs["text"].upper()


class Silent(TaskTemplate):
    def __init__(self, name: str):
        super().__init__(name=name, interface=NativeInterface({}, {}), image="auto")


shout, silent = Shout("shout"), Silent("silent")
shouting = flyte.TaskEnvironment.from_task("shouting", shout)


@plain.task
async def calls_shout(text: str) -> str:
    return await shout(text=text)


def one(task, *args, **kwargs):
    return flyte.run(task, *args, **kwargs).outputs()[0]


@case
def steps_in_order():
    return [one(wrapped, x=1), one(wrapped_sync, x=1)]


@case
def pre_that_gives_nothing():
    return one(wrapped.override(plugin_config=Around(gives="nothing")), x=1)


@case
def sync_function_and_loops():
    return one(has_a_loop, x=1)


@case
def execute_of_its_own():
    return [one(replaced, x=1), one(replaced_sync, x=1)]


@case
def failing_steps():
    return [
        caught(flyte.run, task.override(plugin_config=Around(fails=step)), x=1, message=True)
        for task in (wrapped, wrapped_sync)
        for step in ("pre", "post")
    ]


@case
def nested_and_overridden():
    return one(parent)


@case
def overridden_class():
    task = bare.override(plugin_config=Around())
    return [type(task).__name__, task.task_type, task.name, type(bare).__name__, task.plugin_config]


@case
def without_a_run():
    return wrapped_sync.forward.__name__, caught(wrapped_sync.forward, 1)


@case
def unknown_config():
    return [caught(bare.override, plugin_config=5), caught(flyte.TaskEnvironment(name="other", plugin_config=5).task, bare.func)]


@case
def no_function():
    return [one(shout, text="a"), one(calls_shout, "b"), shout.task_type, sorted(shouting.tasks)]


@case
def no_function_and_no_execute():
    return caught(flyte.run, silent)


@case
def no_function_outside_of_a_run():
    return caught(shout, text="a")


if __name__ == "__main__":
    show()
