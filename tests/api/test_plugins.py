"""Plugins: the template class that a config stands for, what it puts around a function, and how such a task crosses to a worker."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

import pytest
from programs import plugin

from localflyte import Resources
from localflyte.api.context import ctx
from localflyte.api.environment import TaskEnvironment
from localflyte.api.native import NativeInterface
from localflyte.api.plugins import TaskPluginRegistry
from localflyte.api.resolve import plan_for
from localflyte.api.task import AsyncFunctionTaskTemplate
from localflyte.api.task import TaskTemplate
from localflyte.api.task import from_pickle

spare = TaskEnvironment("spare", resources=Resources(cpu=1))


async def double(x: int) -> int:
    return 2 * x


def triple(x: int, y: str = "a") -> tuple[int, str]:
    return 3 * x, y


class Config:
    pass


@dataclass(kw_only=True)
class Special(AsyncFunctionTaskTemplate[Any, Any, Any]):
    task_type: str = "special"
    plugin_config: Config


TaskPluginRegistry.register(Config, Special)


def in_worker(task: Any, **values: Any) -> Any:
    """What a worker gets of a task."""
    result = task.execute_in_worker(values)
    return asyncio.run(result) if inspect.isawaitable(result) else result  # type: ignore[arg-type]


class TestRegistry:
    def test_a_class_is_found_by_its_config(self) -> None:
        assert TaskPluginRegistry.find(Config) is Special
        assert Config in TaskPluginRegistry.list_plugins()
        assert TaskPluginRegistry.find(int) is None

    def test_the_class_of_the_config_is_used(self) -> None:
        task = TaskEnvironment("env", plugin_config=Config()).task(double)
        assert type(task) is Special
        assert (task.task_type, isinstance(task.plugin_config, Config)) == ("special", True)

    def test_a_task_may_have_a_config_of_its_own(self) -> None:
        assert type(spare.task(plugin_config=Config())(double)) is Special

    def test_an_unknown_config_is_refused(self) -> None:
        with pytest.raises(ValueError, match="No task plugin found for config type"):
            TaskEnvironment("env", plugin_config=object()).task(double)
        with pytest.raises(ValueError, match="No task plugin found for config type"):
            spare.task(double).override(plugin_config=object())


class TestOverride:
    def test_it_makes_the_task_anew(self) -> None:
        task = spare.task(retries=2)(double).override(plugin_config=Config(), queue="q")
        assert type(task) is Special
        assert (task.task_type, task.retries.count, plan_for(task).queue) == ("special", 2, "q")
        assert task.resources is spare.resources

    def test_what_its_class_says_otherwise_counts_unless_the_task_was_told(self) -> None:
        @dataclass
        class Quiet: ...

        @dataclass(kw_only=True)
        class QuietTask(AsyncFunctionTaskTemplate[Any, Any, Any]):
            task_type: str = "quiet"
            task_type_version: int = 7
            debuggable: bool = False
            plugin_config: Quiet

        TaskPluginRegistry.register(Quiet, QuietTask)
        plain = spare.task(double)
        made: Any = plain.override(interruptible=True, retries=3, queue="q").override(plugin_config=Quiet())
        assert (plain.task_type, plain.task_type_version, plain.debuggable) == ("python", 0, True)
        assert (made.task_type, made.task_type_version, made.debuggable) == ("quiet", 7, False)
        assert (made.interruptible, made.retries.count, made.queue, made.name, made.func) == (True, 3, "q", plain.name, double)
        assert (type(plain), plain.plugin_config) == (AsyncFunctionTaskTemplate, None)

    def test_its_config_stays_unless_another_is_given(self) -> None:
        first, second = Config(), Config()
        task = spare.task(double).override(plugin_config=first)
        assert task.override(retries=2).plugin_config is first
        again = task.override(plugin_config=second)
        assert (type(again), again.plugin_config, task.plugin_config) == (Special, second, first)

    def test_what_a_class_makes_of_its_config_is_made_again(self) -> None:
        @dataclass
        class Sized:
            size: int

        @dataclass(kw_only=True)
        class SizedTask(AsyncFunctionTaskTemplate[Any, Any, Any]):
            def __post_init__(self) -> None:
                super().__post_init__()
                self.doubled = 2 * self.plugin_config.size

        TaskPluginRegistry.register(Sized, SizedTask)
        task: Any = TaskEnvironment("env", plugin_config=Sized(1)).task(double)
        assert (task.doubled, task.override(plugin_config=Sized(4)).doubled, task.doubled) == (2, 8, 2)

    def test_it_crosses_by_reference_to_what_it_was_made_of(self) -> None:
        """The function's module has a lock, which could not be pickled with it."""
        task: Any = plugin.base.override(plugin_config=plugin.Steps(gives="other"))
        copy: Any = from_pickle(task.ref().pickle)
        assert type(copy) is plugin.StepsTask
        assert copy.func is plugin.base.func
        assert copy.plugin_config == plugin.Steps(gives="other")

    def test_a_later_override_crosses_with_it(self) -> None:
        task: Any = plugin.works.override(plugin_config=plugin.Steps(gives="other")).override(short_name="later")
        copy: Any = from_pickle(task.ref().pickle)
        assert (copy.plugin_config.gives, copy.short_name) == ("other", "later")


class TestSteps:
    def test_they_run_around_the_function(self, port: object) -> None:
        seen: list[str] = []

        class WithSteps(AsyncFunctionTaskTemplate[Any, Any, Any]):
            async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
                seen.append(f"pre {kwargs}")
                return {"made": 1}

            async def post(self, return_vals: Any) -> Any:
                seen.append(f"post {return_vals} {ctx()['made']}")
                return "not used"

        for function, expected in ((double, 4), (triple, (6, "a"))):
            assert in_worker(WithSteps(func=function, name="env.steps"), x=2) == expected
        assert seen == ["pre {'x': 2}", "post 4 1", "pre {'x': 2}", "post (6, 'a') 1"]

    def test_pre_may_give_nothing(self, port: object) -> None:
        class Nothing(AsyncFunctionTaskTemplate[Any, Any, Any]):
            async def pre(self, *args: Any, **kwargs: Any) -> Any:
                return None

        assert in_worker(Nothing(func=double, name="env.nothing"), x=2) == 4

    def test_execute_may_take_their_place(self) -> None:
        class Own(AsyncFunctionTaskTemplate[Any, Any, Any]):
            async def execute(self, *args: Any, **kwargs: Any) -> Any:
                return ("own", kwargs)

        assert in_worker(Own(func=triple, name="env.own"), x=2) == ("own", {"x": 2})

    def test_a_sync_function_meets_no_loop(self) -> None:
        class Waiting(AsyncFunctionTaskTemplate[Any, Any, Any]):
            async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
                await asyncio.sleep(0)
                return {}

        def loops(x: int) -> int:
            return asyncio.run(asyncio.sleep(0, x))

        assert in_worker(Waiting(func=loops, name="env.waiting"), x=2) == 2

    def test_a_plain_task_is_called_directly(self) -> None:
        assert in_worker(spare.task(triple), x=1, y="b") == (3, "b")


class TestNoFunction:
    """Templates that are no function: all they do is in `execute`."""

    def test_plain_types_are_its_interface(self) -> None:
        assert plugin.shout.border.digest_line == "(text: str, times: int) -> (loud: str)"
        assert plugin.shout.native_interface.required_inputs() == ["text"]

    def test_a_subclass_may_set_them_late(self) -> None:
        class Late(TaskTemplate[Any, Any, Any]):
            def __post_init__(self) -> None:
                super().__post_init__()
                self.interface = NativeInterface({"x": (int, 1)}, {})

        assert Late(name="late").border.bind((), {}, task="late") == {"x": 1}

    def test_it_crosses_as_a_pickle(self) -> None:
        copy: Any = from_pickle(plugin.shout.ref().pickle)
        assert in_worker(copy, text="a", times=2) == "AA"
        assert copy.border.digest_line == plugin.shout.border.digest_line

    def test_its_class_is_loaded_before(self) -> None:
        assert plugin.shout.ref().module == "programs.plugin"

    def test_without_execute_it_says_what_is_missing(self) -> None:
        with pytest.raises(NotImplementedError, match=r"task silent: Silent does not define execute\(\)"):
            in_worker(plugin.silent)

    def test_outside_of_a_run_there_is_nothing_to_call(self) -> None:
        with pytest.raises(NotImplementedError, match=r"task shout: Shout does not define forward\(\)"):
            plugin.shout.forward("a")
