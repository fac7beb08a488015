"""flyte.extras.shell: a shell script in a container as a task."""

from __future__ import annotations

import functools
from typing import Any
from typing import Literal

from localflyte.api.environment import TaskEnvironment
from localflyte.cluster import ClusterRecord
from localflyte.extras import CONTAINERS
from localflyte.extras import ContainerTask

__all__ = ("DictMode", "FlagSpec", "Glob", "OutputSpec", "ShellTask", "Stderr", "Stdout", "create", "listMode")

DictMode = Literal["pairs", "equals"]
listMode = Literal["repeat", "join", "comma"]  # noqa: N816 - Flyte's name


class OutputSpec(ClusterRecord):
    """Where an output of a script is found."""

    instead = CONTAINERS


class FlagSpec(ClusterRecord):
    """How an input becomes a flag of a command."""

    instead = CONTAINERS


class Glob(OutputSpec):
    """Every file that a pattern matches, as an output."""


class Stderr(OutputSpec):
    """What a script writes to standard error, as an output."""


class Stdout(OutputSpec):
    """What a script prints, as an output."""


class ShellTask(ContainerTask):
    """A script in a container, with an environment of its own for those that depend on it."""

    @functools.cached_property
    def env(self) -> TaskEnvironment:
        """The environment that holds this task alone."""
        return TaskEnvironment.from_task(self.name, self)

    def as_task(self) -> ShellTask:
        """:return: the task itself, for ``TaskEnvironment.from_task``"""
        return self


def create(*, name: str, image: Any, script: str, inputs: Any = None, outputs: Any = None, **settings: Any) -> ShellTask:
    """Declare a script as a task; calling it is refused.

    :param script: with ``{inputs.x}`` and ``{outputs.y}`` where files and values go
    """
    return ShellTask(name, image, ["/bin/sh", "-c", script], inputs, None, outputs, **settings)
