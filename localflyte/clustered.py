"""flyte.clustered: tasks of several processes on several nodes. Declared here, run by a cluster."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from localflyte.api.environment import TaskEnvironment
from localflyte.api.task import TaskTemplate
from localflyte.cluster import ClusterRecord
from localflyte.errors import ClusterOnlyError

__all__ = (
    "ClusterFailurePolicy",
    "ClusteredTaskEnvironment",
    "ClusteredTaskTemplate",
    "TorchRun",
)

INSTEAD = (
    "A task of several nodes runs on a cluster, with the flyte SDK. Declare it with flyte.TaskEnvironment to run one process of it here."
)


class ClusterFailurePolicy(ClusterRecord):
    """What happens to the others when one process fails."""

    instead = INSTEAD


class TorchRun(ClusterRecord):
    """Processes that torchrun starts."""

    instead = INSTEAD


class ClusteredTaskTemplate(TaskTemplate[..., Any, Any]):
    """A task of several processes."""


class ClusteredTaskEnvironment(TaskEnvironment):
    """An environment whose tasks are several processes on several nodes. Its tasks can be declared; calling one is refused."""

    def __init__(
        self,
        name: str,
        *,
        replicas: int | None = None,
        nproc_per_node: int | None = None,
        runtime: object = None,
        failure_policy: object = None,
        ttl_seconds_after_finished: int | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(name=name, **settings)
        self.replicas = replicas
        self.nproc_per_node = nproc_per_node
        self.runtime = runtime
        self.failure_policy = failure_policy
        self.ttl_seconds_after_finished = ttl_seconds_after_finished

    def task(self, function: Callable[..., Any] | None = None, /, **settings: Any) -> Any:
        """Declare a task; see `TaskEnvironment.task`."""
        if function is None:
            return functools.partial(self.task, **settings)
        return super().task(_refusing(function, f"task {self.name}.{function.__name__}"), **settings)


def _refusing(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Give a function a body that says why it cannot run here."""

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise ClusterOnlyError(name, INSTEAD)

    async def refuse_awaited(*args: Any, **kwargs: Any) -> Any:
        raise ClusterOnlyError(name, INSTEAD)

    return functools.wraps(function)(refuse_awaited if inspect.iscoroutinefunction(function) else refuse)
