"""flyte.remote: what lies on a cluster: its runs, tasks, apps, secrets and users. There is none here."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any
from typing import ClassVar
from typing import NoReturn

from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord
from localflyte.errors import ClusterOnlyError
from localflyte.syncify import WithAio

if TYPE_CHECKING:
    from localflyte.runobject import ActionOutputs as ActionOutputs
    from localflyte.runobject import Run as Run

__all__ = (
    "Action",
    "ActionDetails",
    "ActionInputs",
    "ActionOutputs",
    "App",
    "Artifact",
    "Condition",
    "Project",
    "Run",
    "RunDetails",
    "Secret",
    "SecretTypes",
    "Settings",
    "Task",
    "TaskDetails",
    "TimeFilter",
    "Trigger",
    "User",
    "auth_metadata",
    "upload_dir",
    "upload_file",
)

INSTEAD = "There is no cluster here. The runs of this machine are listed by `localflyte runs` and `localflyte show`."


class Action(ClusterRecord):
    """One action of a run on a cluster."""

    instead = INSTEAD


class ActionDetails(ClusterRecord):
    """All that a cluster knows of an action."""

    instead = INSTEAD


class ActionInputs(ClusterRecord):
    """The inputs of an action on a cluster."""

    instead = INSTEAD


class App(ClusterRecord):
    """An app on a cluster."""

    instead = INSTEAD


class Artifact(ClusterRecord):
    """A named and versioned value on a cluster."""

    instead = INSTEAD


class Condition(ClusterRecord):
    """A question that an action on a cluster waits for."""

    instead = INSTEAD


class Project(ClusterRecord):
    """A project of a cluster."""

    instead = INSTEAD


class RunDetails(ClusterRecord):
    """All that a cluster knows of a run."""

    instead = INSTEAD


class Secret(ClusterRecord):
    """A secret of a cluster."""

    instead = INSTEAD


class SecretTypes(ClusterRecord):
    """What kinds of secrets a cluster has."""

    instead = INSTEAD


class Settings(ClusterRecord):
    """The settings of a cluster."""

    instead = INSTEAD


class Task(ClusterRecord):
    """A task that was deployed to a cluster. Naming one is a declaration; calling it is refused."""

    instead = INSTEAD
    get: ClassVar[Any]

    def __call__(self, *args: object, **kwargs: object) -> NoReturn:
        raise ClusterOnlyError(f"The deployed task {self.name}", INSTEAD)


def _named(name: str, **settings: Any) -> Task:
    """Name a deployed task."""
    return Task(name=name, **settings)


Task.get = WithAio(_named)


class TaskDetails(ClusterRecord):
    """All that a cluster knows of a task."""

    instead = INSTEAD


class TimeFilter(ClusterRecord):
    """A span of time to look for runs in."""

    instead = INSTEAD


class Trigger(ClusterRecord):
    """A trigger that was deployed to a cluster."""

    instead = INSTEAD


class User(ClusterRecord):
    """A person whom a cluster knows."""

    instead = INSTEAD


auth_metadata = ClusterFunction("flyte.remote.auth_metadata", INSTEAD)
upload_dir = ClusterFunction("flyte.remote.upload_dir", INSTEAD)
upload_file = ClusterFunction("flyte.remote.upload_file", INSTEAD)


def __getattr__(name: str) -> Any:
    if name in ("ActionOutputs", "Run"):
        from localflyte import runobject

        return getattr(runobject, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
