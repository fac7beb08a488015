"""flyte.extras: tasks that are no Python function, and batching of work for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import NoReturn

from localflyte.api.task import TaskTemplate
from localflyte.cluster import ClusterFunction
from localflyte.errors import ClusterOnlyError
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

CONTAINERS = "A container is not started by localflyte yet; it is with the flyte SDK. A task can start the same program as a subprocess."

_BATCHING = ("BatchStats", "CostEstimator", "DynamicBatcher", "Prompt", "TokenBatcher", "TokenEstimator")


class _Refusing:
    """The interface of a task that cannot be called here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        raise ClusterOnlyError(f"task {self._name}", CONTAINERS)


class ContainerTask(TaskTemplate[..., Any, Any]):
    """A command in a container, with named inputs and outputs as files. It can be declared; calling it is refused."""

    def __init__(
        self,
        name: str,
        image: Any,
        command: list[str],
        inputs: dict[str, Any] | None = None,
        arguments: list[str] | None = None,
        outputs: dict[str, Any] | None = None,
        input_data_dir: Any = "/var/inputs",
        output_data_dir: Any = "/var/outputs",
        **settings: Any,
    ) -> None:
        known = {key: value for key, value in settings.items() if key in TaskTemplate.__dataclass_fields__}
        super().__init__(name=name, image=image, interface=_Refusing(name), task_type="raw-container", **known)  # type: ignore[arg-type]
        self.command = command
        self.arguments = arguments or []
        self.input_types = inputs or {}
        self.output_types = outputs or {}
        self.input_data_dir = input_data_dir
        self.output_data_dir = output_data_dir

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise ClusterOnlyError(f"task {self.name}", CONTAINERS)

    async def aio(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise ClusterOnlyError(f"task {self.name}", CONTAINERS)

    def forward(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse."""
        raise ClusterOnlyError(f"task {self.name}", CONTAINERS)

    def __repr__(self) -> str:
        return f"ContainerTask(name={self.name!r}, command={self.command!r})"


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
