"""flyte.app: web apps beside tasks. Declared here, with all that belongs to them; served by the flyte SDK."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeVar

from localflyte.api.environment import Environment
from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord
from localflyte.errors import ClusterOnlyError

__all__ = (
    "AppEndpoint",
    "AppEnvironment",
    "ArtifactValue",
    "ConnectorEnvironment",
    "DeployedAppEnvironment",
    "Domain",
    "Link",
    "Parameter",
    "Port",
    "RunOutput",
    "Scaling",
    "Timeouts",
    "ctx",
    "get_parameter",
)

INSTEAD = "Apps are served with the flyte SDK; localflyte runs tasks."

F = TypeVar("F", bound=Callable[..., Any])


class _AppRecord(ClusterRecord):
    instead = INSTEAD


class AppEndpoint(_AppRecord):
    """The address of another app, as the value of a parameter."""


class ArtifactValue(_AppRecord):
    """A named value of a cluster, as the value of a parameter."""


class DeployedAppEnvironment(_AppRecord):
    """An app as a cluster knows it."""


class Domain(_AppRecord):
    """The name under which an app is reached."""


class Link(_AppRecord):
    """A link that a cluster shows beside an app."""


class Parameter(_AppRecord):
    """A value that an app is started with."""


class Port(_AppRecord):
    """The port that an app listens on."""


class RunOutput(_AppRecord):
    """An output of a run, as the value of a parameter."""


class Scaling(_AppRecord):
    """How many replicas an app has, and when there are more."""

    class Concurrency(_AppRecord):
        """More replicas from so many requests at once."""

    class RequestRate(_AppRecord):
        """More replicas from so many requests a second."""


class Timeouts(_AppRecord):
    """How long an app may take."""


class AppEnvironment(Environment):
    """A web app and what its process needs. Tasks can depend on it; serving it is refused.

    :param name: the name of the app
    :param settings: what an `Environment` takes, and what only an app has: ``args``, ``command``, ``port``, ``scaling`` and so on
    """

    def __init__(self, name: str, **settings: Any) -> None:
        known = Environment.__dataclass_fields__
        super().__init__(name=name, **{key: value for key, value in settings.items() if key in known})
        for key, value in settings.items():
            if key not in known:
                setattr(self, key, value)

    def server(self, function: F) -> F:
        """Declare the function that serves."""
        return function

    def on_startup(self, function: F) -> F:
        """Declare the function that runs before the app serves."""
        return function

    def on_shutdown(self, function: F) -> F:
        """Declare the function that runs after the app has served."""
        return function

    def get_port(self) -> Port:
        """:return: the port that the app listens on"""
        port = getattr(self, "port", 8080)
        return port if isinstance(port, Port) else Port(port=port)

    @property
    def endpoint(self) -> str:
        """The address of the running app.

        :raises ClusterOnlyError: always: it does not run here
        """
        raise ClusterOnlyError(f"The endpoint of app {self.name}", INSTEAD)


class ConnectorEnvironment(AppEnvironment):
    """The app that runs connectors."""

    def __init__(self, name: str, *, include: Sequence[str] = (), **settings: Any) -> None:
        super().__init__(name, include=tuple(include), **settings)


ctx = ClusterFunction("flyte.app.ctx", INSTEAD)
get_parameter = ClusterFunction("flyte.app.get_parameter", INSTEAD)
