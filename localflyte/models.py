"""The door ``flyte.models``: what describes actions, their phases and their code, under the names flyte gives it."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING
from typing import Any

from localflyte.api.action import ActionID
from localflyte.api.action import CheckpointPaths
from localflyte.api.action import GroupData
from localflyte.api.action import PathRewrite
from localflyte.api.action import RawDataPath
from localflyte.spec.phase import ActionPhase

if TYPE_CHECKING:
    from localflyte.api.context import NULL_TASK_CONTEXT
    from localflyte.api.context import TaskContext
    from localflyte.api.native import NativeInterface

__all__ = (
    "MAX_INLINE_IO_BYTES",
    "NULL_TASK_CONTEXT",
    "ActionID",
    "ActionPhase",
    "CheckpointPaths",
    "CodeBundle",
    "GroupData",
    "NativeInterface",
    "PathRewrite",
    "RawDataPath",
    "SerializationContext",
    "TaskContext",
)

#: How much may travel inside a call where a task says nothing.
MAX_INLINE_IO_BYTES = 10 * 1024 * 1024  # bytes; a Plan has the same


@dataclass(frozen=True, kw_only=True)
class CodeBundle:
    """Code on its way to a cluster.

    :param computed_version: the digest of the code
    :param destination: where it is unpacked
    :param tgz: where it lies as an archive
    :param pkl: where it lies as a pickle
    :raises ValueError: if it lies nowhere
    """

    computed_version: str
    destination: str = "."
    tgz: str | None = None
    pkl: str | None = None
    downloaded_path: Any = None
    files: list[str] | None = None

    def __post_init__(self) -> None:
        if self.tgz is None and self.pkl is None:
            raise ValueError("a CodeBundle must lie somewhere: give tgz or pkl")

    def with_downloaded_path(self, path: Any) -> CodeBundle:
        """:return: a copy that says where it was unpacked"""
        return replace(self, downloaded_path=path)


@dataclass
class SerializationContext:
    """What a plugin may use to describe its task to a cluster."""

    version: str
    project: str | None = None
    domain: str | None = None
    org: str | None = None
    code_bundle: CodeBundle | None = None
    input_path: str = "{{.input}}"
    output_path: str = "{{.outputPrefix}}"
    interpreter_path: str = "/opt/venv/bin/python"
    image_cache: Any = None
    root_dir: Any = None

    def get_entrypoint_path(self, interpreter_path: str | None = None) -> str:
        """:return: the path of flyte's own entry point beside an interpreter"""
        return (interpreter_path or self.interpreter_path).rpartition("/")[0] + "/runtime.py"


def __getattr__(name: str) -> Any:
    if name == "NativeInterface":
        from localflyte.api.native import NativeInterface

        return NativeInterface
    if name in ("NULL_TASK_CONTEXT", "TaskContext"):
        from localflyte.api import context

        return getattr(context, name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
