"""Sleep: a task that only waits. On a cluster it does so without a process; here it has one. Its function runs in neither place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from localflyte.api.plugins import TaskPluginRegistry
from localflyte.api.task import AsyncFunctionTaskTemplate

__all__ = ("Sleep", "SleepTask")


@dataclass
class Sleep:
    """The ``plugin_config`` of tasks that wait as long as their input ``duration`` says."""


@dataclass(kw_only=True, eq=False, repr=False)
class SleepTask(AsyncFunctionTaskTemplate[..., Any, Any]):
    """A task that waits."""

    task_type: str = "core-sleep"

    async def execute(self, *args: Any, **kwargs: Any) -> None:
        """Wait.

        :raises TypeError: if no input is a time to wait
        """
        from asyncio import sleep

        given = (*([kwargs["duration"]] if "duration" in kwargs else []), *args, *kwargs.values())
        duration = next((value for value in given if isinstance(value, timedelta)), None)
        if duration is None:
            raise TypeError(f"task {self.name} sleeps, and none of its inputs says how long: declare it as `duration: datetime.timedelta`")
        await sleep(duration.total_seconds())


TaskPluginRegistry.register(Sleep, SleepTask)
