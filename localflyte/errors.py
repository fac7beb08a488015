"""Every exception localflyte raises, with Flyte's names and codes.

An exception in a task never reaches the caller as itself: it crosses as text (see `localflyte.wire.crossing`) and is
raised there again as the class that its kind and code stand for. So match on the classes below and on ``error.code``.

RuntimeError
 +- ActionNotFoundError
 +- BaseRuntimeError                          code, kind, worker
     +- InitializationError, LogsNotYetAvailableError
     +- RuntimeUnknownError                   kind "unknown"
     +- RuntimeSystemError                    kind "system"
     |   +- UnionRpcError
     |   +- ProtocolError                     ours: the two sides of a wire disagree
     +- RuntimeUserError                      kind "user"
         +- CustomError, NonRecoverableError, RuntimeDataValidationError, InvalidPackageError
         +- RestrictedTypeError, TraceDoesNotAllowNestedTasksError, SyncTaskCallInAsyncContextError
         +- TaskTimeoutError                  MaxRuntimeExceededError, MaxQueuedTimeExceededError, DeadlineExceededError
         +- SlowDownError                     ResourceExhaustedError
         +- code and message given:           OOMError, TaskInterruptedError, PrimaryContainerNotFoundError,
         |                                    RetriesExhaustedError, InvalidImageNameError, ImagePullBackOffError,
         |                                    NotInTaskContextError
         +- message given, a code of its own: InlineIOMaxBytesBreached, ActionAbortedError, ModuleLoadError and most others
         +- ours:                             ClusterOnlyError, TaskNotFoundError, SecretNotFoundError, ConfigurationError,
                                              RunNotFoundError
"""

from __future__ import annotations

import copyreg
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import ClassVar
from typing import Literal
from typing import NoReturn

__all__ = (
    "ActionAbortedError", "ActionNotFoundError", "BaseRuntimeError", "ClusterOnlyError", "CodeBundleError", "ConditionAlreadyExistsError",
    "ConditionFailedError", "ConditionNotFoundError", "ConditionTimedoutError", "ConfigurationError", "CustomError",
    "DeadlineExceededError", "DeploymentError", "ErrorKind", "ImageBuildError", "ImagePullBackOffError", "InitializationError",
    "InlineIOMaxBytesBreached", "InvalidImageNameError", "InvalidPackageError", "LogsNotYetAvailableError", "MaxQueuedTimeExceededError",
    "MaxRuntimeExceededError", "ModuleLoadError", "NonRecoverableError", "NotInTaskContextError", "OOMError", "OnlyAsyncIOSupportedError",
    "ParameterMaterializationError", "PrimaryContainerNotFoundError", "ProtocolError", "RemoteTaskNotFoundError", "RemoteTaskUsageError",
    "ResourceExhaustedError", "RestrictedTypeError", "RetriesExhaustedError", "RunNotFoundError", "RuntimeDataValidationError",
    "RuntimeSystemError", "RuntimeUnknownError", "RuntimeUserError", "SecretNotFoundError", "SlowDownError",
    "SyncTaskCallInAsyncContextError", "TaskInterruptedError", "TaskNotFoundError", "TaskTimeoutError", "TraceDoesNotAllowNestedTasksError",
    "UnionRpcError", "silence_polling_error",
)  # fmt: skip

ErrorKind = Literal["system", "unknown", "user"]


class BaseRuntimeError(RuntimeError):
    """The base of everything that can go wrong with a task: a code to match on, and whose fault it is.

    :param code: what callers match on
    :param kind: ``"user"``, ``"system"`` or ``"unknown"``
    :param root_cause_message: what happened
    :param worker: where it happened, if known
    """

    code: str
    kind: ErrorKind
    worker: str | None
    recoverable: bool = True
    """Whether another attempt can help."""
    remote_traceback: str = ""
    """The traceback of the process in which the task failed, as text."""

    def __init__(self, code: str, kind: ErrorKind, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code = code
        self.kind = kind
        self.worker = worker

    def __reduce__(self) -> tuple[Any, ...]:
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    def _reraise(self, _other: object) -> NoReturn:
        raise self

    # flyte.map yields failures as values by default: sum() over its results then raises the task's own error.
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _reraise
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _reraise


class InitializationError(BaseRuntimeError):
    """Raised when something needs ``flyte.init`` first, or its configuration cannot be used."""


class RuntimeSystemError(BaseRuntimeError):
    """Raised when a task fails through the platform rather than through its own code."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "system", message, worker)


class UnionRpcError(RuntimeSystemError):
    """Raised when a server cannot be talked to."""


class ProtocolError(RuntimeSystemError):
    """Raised when what came over a wire is not what the other side should have sent."""

    def __init__(self, message: str) -> None:
        super().__init__("ProtocolError", message)


class RuntimeUnknownError(BaseRuntimeError):
    """Raised when a task fails and nobody can say why."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "unknown", message, worker)


class LogsNotYetAvailableError(BaseRuntimeError):
    """Raised when an action has not written a log yet."""

    def __init__(self, message: str) -> None:
        super().__init__("LogsNotYetAvailable", "system", message, None)


class ActionNotFoundError(RuntimeError):
    """Raised when a run has no action of that name."""


class RuntimeUserError(BaseRuntimeError):
    """Raised when a task fails through its own code: the code is the name of the exception it raised."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "user", message, worker)


class OOMError(RuntimeUserError):
    """Raised when a task used more memory than it was given; call it again with larger ``resources``."""


class TaskInterruptedError(RuntimeUserError):
    """Raised when a task was interrupted from outside."""


class PrimaryContainerNotFoundError(RuntimeUserError):
    """Raised when a pod template has no container of the primary name."""


class RetriesExhaustedError(RuntimeUserError):
    """Raised when the last attempt failed as well."""


class InvalidImageNameError(RuntimeUserError):
    """Raised when an image has a name that no registry accepts."""


class ImagePullBackOffError(RuntimeUserError):
    """Raised when an image cannot be pulled."""


class NotInTaskContextError(RuntimeUserError):
    """Raised when something that exists only inside a task is used outside of one."""


class CustomError(RuntimeUserError):
    """Raised by a task that wants its caller to see a code of its own choice."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message, "user")

    @classmethod
    def from_exception(cls, e: Exception) -> CustomError:
        """Wrap an exception: its class name is the code, and it stays the cause."""
        error = cls(type(e).__name__, str(e))
        error.__cause__ = e
        return error


class NonRecoverableError(RuntimeUserError):
    """Raised by a task that knows another attempt cannot help: it is not retried."""

    recoverable = False

    def __init__(self, message: str, code: str = "NonRecoverableError") -> None:
        super().__init__(code, message)


class RuntimeDataValidationError(RuntimeUserError):
    """Raised when a value does not fit the type its task declared for it."""

    recoverable = False  # the same code gives the same wrong value again

    def __init__(self, var: str, e: Exception | str, task_name: str = "") -> None:
        place = f"In task {task_name} variable {var}" if task_name else f"Variable {var}"
        super().__init__("DataValidationError", f"{place}: {e}")


class InvalidPackageError(RuntimeUserError):
    """Raised when an image asks for a system package that does not exist."""

    package_name: str = ""
    original_error: str = ""

    def __init__(self, package_name: str, original_error: str) -> None:
        message = f"There is no system package {package_name!r}: {original_error}. Correct its name in with_apt_packages()."
        super().__init__("InvalidPackageError", message)
        self.package_name = package_name
        self.original_error = original_error


class TraceDoesNotAllowNestedTasksError(RuntimeUserError):
    """Raised when a task is called inside a ``@flyte.trace`` function; ``task.forward(...)`` runs it in place."""

    def __init__(self, message: str) -> None:
        super().__init__("TraceDoesNotAllowNestedTasksError", message)


class _MessageError(RuntimeUserError):
    """What is raised with a message alone, since each class has one code."""

    CODE: ClassVar[str]

    def __init_subclass__(cls, *, code: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        if code:
            cls.CODE = code

    def __init__(self, message: str) -> None:
        super().__init__(self.CODE, message, "user")


class RestrictedTypeError(_MessageError, code="RestrictedTypeUsage"):
    """Raised when a type may not be used for an input or an output."""


class TaskTimeoutError(_MessageError, code="TaskTimeoutError"):
    """Raised when one of the bounds of ``timeout=`` was reached; its subclasses say which one."""

    def __init__(self, message: str, code: str = "") -> None:
        RuntimeUserError.__init__(self, code or self.CODE, message, "user")


class MaxQueuedTimeExceededError(TaskTimeoutError, code="MaxQueuedTimeExceededError"):
    """Raised when a task waited longer than ``max_queued_time`` for its start."""


class MaxRuntimeExceededError(TaskTimeoutError, code="MaxRuntimeExceededError"):
    """Raised when an attempt ran longer than ``max_runtime``."""


class DeadlineExceededError(TaskTimeoutError, code="DeadlineExceededError"):
    """Raised when a task did not end within its ``deadline``, all attempts together."""


class InlineIOMaxBytesBreached(_MessageError, code="InlineIOMaxBytesBreached"):  # noqa: N818 - Flyte's name
    """Raised when inputs or outputs are larger than ``max_inline_io_bytes``."""


class ActionAbortedError(_MessageError, code="ActionAbortedError"):
    """Raised in the caller when an action was aborted from outside."""


class ModuleLoadError(_MessageError, code="ModuleLoadError"):
    """Raised when the module of a task cannot be imported."""


class CodeBundleError(_MessageError, code="CodeBundleError"):
    """Raised when the code of a task cannot be packed for its worker."""


class SlowDownError(_MessageError, code="SlowDownError"):
    """Raised when a server asks for fewer requests."""


class ResourceExhaustedError(SlowDownError):
    """Raised when a server has no capacity left for this request."""


class SyncTaskCallInAsyncContextError(_MessageError, code="SyncTaskCallInAsyncContextError"):
    """Raised when an async task calls a sync one in a way that blocks its event loop; ``await task.aio(...)`` does not."""


class DeploymentError(_MessageError, code="DeploymentError"):
    """Raised when environments cannot be deployed together."""


class ImageBuildError(_MessageError, code="ImageBuildError"):
    """Raised when an image cannot be built."""


class OnlyAsyncIOSupportedError(_MessageError, code="OnlyAsyncIOSupportedError"):
    """Raised when a blocking call is made where only ``await`` works."""


class ParameterMaterializationError(_MessageError, code="ParameterMaterializationError"):
    """Raised when a parameter of an app cannot be filled in."""


class RemoteTaskNotFoundError(_MessageError, code="RemoteTaskNotFoundError"):
    """Raised when a cluster has no task of that name."""


class RemoteTaskUsageError(_MessageError, code="RemoteTaskUsageError"):
    """Raised when a deployed task is used in a way that only a local one can be."""


class ConditionTimedoutError(_MessageError, code="ConditionTimedoutError"):
    """Raised when nobody signalled a condition in time."""


class ConditionAlreadyExistsError(_MessageError, code="ConditionAlreadyExistsError"):
    """Raised when an action creates a second condition of the same name."""


class ConditionFailedError(_MessageError, code="ConditionFailedError"):
    """Raised when a condition was failed, or what it asks cannot be asked."""


class ConditionNotFoundError(_MessageError, code="ConditionNotFoundError"):
    """Raised when there is no condition of that name."""


class ConfigurationError(_MessageError, code="ConfigurationError"):
    """Raised when a setting of localflyte itself cannot be used."""


class SecretNotFoundError(_MessageError, code="SecretNotFoundError"):
    """Raised when a task declares a secret that is in none of the places where secrets are looked for; it is not started."""

    recoverable = False


class RunNotFoundError(_MessageError, code="RunNotFoundError"):
    """Raised when no run, or more than one, has the name that was given."""


class ClusterOnlyError(RuntimeUserError):
    """Raised on use of a name of Flyte that has a meaning only on a cluster.

    :param name: the name as the person wrote it, ``flyte.deploy``
    :param instead: what to do here instead, as a sentence
    """

    def __init__(self, name: str, instead: str = "") -> None:
        way_out = instead or "Run this file with the flyte SDK against a cluster; with localflyte, leave the call out."
        super().__init__("ClusterOnlyError", f"{name} needs a Flyte cluster, and localflyte runs tasks on this machine. {way_out}", "user")


class TaskNotFoundError(RuntimeUserError):
    """Raised when a file or a registry has no task of that name.

    :param name: the name that was asked for
    :param where: the file or module that was searched
    :param known: the names that are there
    """

    def __init__(self, name: str, where: str, known: Iterable[str] = ()) -> None:
        from difflib import get_close_matches

        names = sorted(known)
        near = get_close_matches(name, names, n=1)
        there = f"It has {', '.join(names)}." if names else "It has no task at all: decorate a function with @env.task."
        way_out = f"Did you mean {near[0]}?" if near else there
        super().__init__("TaskNotFoundError", f"There is no task {name} in {where}. {way_out}", "user")


def silence_polling_error(loop: Any, context: Mapping[str, Any]) -> None:
    """Handle the exceptions of an event loop, without a word about the would-block errors of polling."""
    if not isinstance(context.get("exception"), BlockingIOError):
        loop.default_exception_handler(context)
