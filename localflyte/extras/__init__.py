"""flyte.extras: tasks that are no Python function, and batching of work for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from localflyte.cluster import ClusterFunction
from localflyte.extras.container import ContainerTask
from localflyte.extras.sleep import Sleep
from localflyte.extras.sleep import SleepTask

if TYPE_CHECKING:
    from localflyte.extras.batching import BatchStats as BatchStats
    from localflyte.extras.batching import CostEstimator as CostEstimator
    from localflyte.extras.batching import DynamicBatcher as DynamicBatcher
    from localflyte.extras.batching import Prompt as Prompt
    from localflyte.extras.batching import TokenBatcher as TokenBatcher
    from localflyte.extras.batching import TokenEstimator as TokenEstimator

__all__ = (
    "BatchStats",
    "ContainerTask",
    "CostEstimator",
    "DynamicBatcher",
    "Prompt",
    "Sleep",
    "SleepTask",
    "TokenBatcher",
    "TokenEstimator",
    "serialize",
    "serialize_env",
    "shell",
)

_BATCHING = ("BatchStats", "CostEstimator", "DynamicBatcher", "Prompt", "TokenBatcher", "TokenEstimator")

serialize = ClusterFunction("flyte.extras.serialize", "It writes a task in the form in which a cluster registers it.")
serialize_env = ClusterFunction("flyte.extras.serialize_env", "It writes tasks in the form in which a cluster registers them.")


def __getattr__(name: str) -> Any:
    if name == "shell":
        from importlib import import_module

        return import_module("localflyte.extras.shell")
    if name in _BATCHING:  # it needs asyncio, which most tasks do without
        from localflyte.extras import batching

        return getattr(batching, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
