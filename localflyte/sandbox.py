"""flyte.sandbox: code that is made at run time, run apart from everything else. It is not in localflyte yet."""

from __future__ import annotations

from typing import Any

from localflyte.api.environment import TaskEnvironment
from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord

__all__ = (
    "CodeTaskTemplate",
    "ImageConfig",
    "ORCHESTRATOR_SYNTAX_PROMPT",
    "Sandbox",
    "SandboxedConfig",
    "SandboxedTaskTemplate",
    "create",
    "orchestrate_local",
    "orchestrator_from_str",
    "sandbox_environment",
)

INSTEAD = (
    "Sandboxes are not in localflyte yet; they work with the flyte SDK. Every task has a process of its own here: call the code from one."
)


class CodeTaskTemplate(ClusterRecord):
    """A task made of generated code."""

    instead = INSTEAD


class ImageConfig(ClusterRecord):
    """The image of a sandbox."""

    instead = INSTEAD


class SandboxedConfig(ClusterRecord):
    """What sandboxed code may do."""

    instead = INSTEAD


class SandboxedTaskTemplate(ClusterRecord):
    """A task that runs in a sandbox."""

    instead = INSTEAD


orchestrate_local = ClusterFunction("flyte.sandbox.orchestrate_local", INSTEAD)


class Sandbox(ClusterRecord):
    """What `create` gives: code, its inputs and its packages."""

    instead = INSTEAD


ORCHESTRATOR_SYNTAX_PROMPT = (
    "Write plain Python expressions and function calls, without imports and without classes. The last expression is the result."
)

sandbox_environment = TaskEnvironment(name="sandbox-runtime", description="What tasks that use a sandbox depend on")


def orchestrator_from_str(*args: Any, **kwargs: Any) -> CodeTaskTemplate:
    """Declare a task made of generated code. Running it is refused."""
    return CodeTaskTemplate(*args, **kwargs)


def create(*args: Any, **kwargs: Any) -> Sandbox:
    """Declare a sandbox. Running it is refused."""
    return Sandbox(*args, **kwargs)
