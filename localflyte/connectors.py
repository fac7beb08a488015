"""flyte.connectors: tasks that are work of another service. Declared here, run by a cluster's connector service."""

from __future__ import annotations

from typing import Any
from typing import ClassVar
from typing import NoReturn

from localflyte.cluster import ClusterRecord
from localflyte.errors import ClusterOnlyError

__all__ = (
    "AsyncConnector",
    "AsyncConnectorExecutorMixin",
    "ConnectorRegistry",
    "ConnectorService",
    "Resource",
    "ResourceMeta",
)

INSTEAD = "Connectors run in a cluster's connector service. A task can call the other service by itself."


class AsyncConnector(ClusterRecord):
    """What starts, watches and ends work in another service."""

    instead = INSTEAD


class Resource(ClusterRecord):
    """The state of that work."""

    instead = INSTEAD


class ResourceMeta(ClusterRecord):
    """What identifies that work."""

    instead = INSTEAD


class ConnectorService(ClusterRecord):
    """The service that runs connectors."""

    instead = INSTEAD


class ConnectorRegistry(ClusterRecord):
    """The connectors that a service runs. Registering one is a declaration, so it is taken."""

    instead = INSTEAD
    _connectors: ClassVar[list[Any]] = []

    @staticmethod
    def register(connector: Any, override: bool = False) -> None:
        """Remember a connector."""
        ConnectorRegistry._connectors.append(connector)


class AsyncConnectorExecutorMixin:
    """A task template whose work a connector does."""

    async def execute(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refuse: there is no connector service here."""
        raise ClusterOnlyError(f"task {getattr(self, 'name', type(self).__name__)}", INSTEAD)
