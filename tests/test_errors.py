"""Errors: Flyte's classes, codes and constructors, and messages that end in what to do."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from localflyte import errors

GIVEN: tuple[str, ...] = (
    "OOMError",
    "TaskInterruptedError",
    "PrimaryContainerNotFoundError",
    "RetriesExhaustedError",
    "InvalidImageNameError",
)
GIVEN += ("ImagePullBackOffError", "NotInTaskContextError", "RuntimeUserError")

NAMED: tuple[str, ...] = (
    "TaskTimeoutError",
    "ConditionTimedoutError",
    "RemoteTaskNotFoundError",
    "RemoteTaskUsageError",
    "DeploymentError",
)
NAMED += ("ImageBuildError", "ModuleLoadError", "InlineIOMaxBytesBreached", "ActionAbortedError", "SlowDownError")
NAMED += ("OnlyAsyncIOSupportedError", "ParameterMaterializationError", "CodeBundleError", "ConditionAlreadyExistsError")
NAMED += ("ConditionFailedError", "ConditionNotFoundError", "SyncTaskCallInAsyncContextError")
NAMED += ("MaxQueuedTimeExceededError", "MaxRuntimeExceededError", "DeadlineExceededError")

# class name, arguments, code, kind, worker: as flyte 2.12.1 has them
CASES: list[tuple[str, tuple[Any, ...], str, str, str | None]] = [
    ("BaseRuntimeError", ("C", "system", "m", "w"), "C", "system", "w"),
    ("InitializationError", ("C", "user", "m"), "C", "user", None),
    ("RuntimeSystemError", ("C", "m"), "C", "system", None),
    ("UnionRpcError", ("C", "m", "w"), "C", "system", "w"),
    ("RuntimeUnknownError", ("C", "m"), "C", "unknown", None),
    ("CustomError", ("C", "m"), "C", "user", "user"),
    ("LogsNotYetAvailableError", ("m",), "LogsNotYetAvailable", "system", None),
    ("RestrictedTypeError", ("m",), "RestrictedTypeUsage", "user", "user"),
    ("TraceDoesNotAllowNestedTasksError", ("m",), "TraceDoesNotAllowNestedTasksError", "user", None),
    ("NonRecoverableError", ("m",), "NonRecoverableError", "user", None),
    ("NonRecoverableError", ("m", "Mine"), "Mine", "user", None),
    ("RuntimeDataValidationError", ("x", "bad", "env.t"), "DataValidationError", "user", None),
    ("InvalidPackageError", ("crl", "no such thing"), "InvalidPackageError", "user", None),
    *((name, ("C", "m", "w"), "C", "user", "w") for name in GIVEN),
    *((name, ("m",), name, "user", "user") for name in NAMED),
    ("TaskTimeoutError", ("m", "C"), "C", "user", "user"),
    ("ResourceExhaustedError", ("m",), "SlowDownError", "user", "user"),
]


def make(name: str, args: tuple[Any, ...]) -> errors.BaseRuntimeError:
    error = getattr(errors, name)(*args)
    assert isinstance(error, errors.BaseRuntimeError)
    return error


@pytest.mark.parametrize(("name", "args", "code", "kind", "worker"), CASES)
def test_constructor(name: str, args: tuple[Any, ...], code: str, kind: str, worker: str | None) -> None:
    """Test that a class takes Flyte's arguments and has its code, kind and worker."""
    error = make(name, args)
    assert (error.code, error.kind, error.worker) == (code, kind, worker)


@pytest.mark.parametrize(("name", "args"), [case[:2] for case in CASES])
def test_pickle_keeps_everything(name: str, args: tuple[Any, ...]) -> None:
    """Test that an error that a task returns as a value survives."""
    error = make(name, args)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert (str(twin), vars(twin)) == (str(error), vars(error))


def test_tree() -> None:
    """Test that user errors, system errors and plain errors stay apart."""
    assert issubclass(errors.OOMError, errors.RuntimeUserError)
    assert issubclass(errors.UnionRpcError, errors.RuntimeSystemError)
    assert not issubclass(errors.ActionNotFoundError, errors.BaseRuntimeError)
    assert issubclass(errors.BaseRuntimeError, RuntimeError)


def test_all_is_complete() -> None:
    """Test that every public exception is exported."""
    public = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert {name for name in public if not name.startswith("_")} <= set(errors.__all__)


@pytest.mark.parametrize(
    "compute", [lambda e: e + 1, lambda e: 1 + e, lambda e: e * 2, lambda e: 2 / e, lambda e: e // 2, lambda e: sum([1, e])]
)
def test_arithmetic_raises_the_error_itself(compute: Any) -> None:
    """Test that summing the results of a map raises the failure among them."""
    error = errors.OOMError("OOM", "too much")
    with pytest.raises(errors.OOMError) as caught:
        compute(error)
    assert caught.value is error


def test_custom_error_from_exception() -> None:
    """Test that the wrapped exception gives the code and stays the cause."""
    cause = KeyError("k")
    error = errors.CustomError.from_exception(cause)
    assert (error.code, error.__cause__) == ("KeyError", cause)


def test_subclass_keeps_the_code() -> None:
    """Test that a subclass of the user's has the code of its parent."""

    class Mine(errors.TaskTimeoutError):
        pass

    assert Mine("m").code == "TaskTimeoutError"


def test_task_not_found_names_the_nearest() -> None:
    """Test that a misspelt task is answered with the right one."""
    assert "Did you mean train?" in str(errors.TaskNotFoundError("trian", "flow.py", ["train", "load"]))
    assert "It has load, train." in str(errors.TaskNotFoundError("xyz", "flow.py", ["train", "load"]))
    assert "@env.task" in str(errors.TaskNotFoundError("xyz", "flow.py"))


def test_cluster_only_says_where_it_works() -> None:
    """Test that the message names the call and the way out."""
    assert "flyte.deploy needs a Flyte cluster" in str(errors.ClusterOnlyError("flyte.deploy"))
    assert str(errors.ClusterOnlyError("flyte.deploy", "Do that.")).endswith("Do that.")


class Loop:
    def __init__(self) -> None:
        self.handled: list[object] = []

    def default_exception_handler(self, context: object) -> None:
        self.handled.append(context)


def test_silence_polling_error() -> None:
    """Test that only would-block errors are silenced."""
    loop = Loop()
    errors.silence_polling_error(loop, {"exception": BlockingIOError()})
    assert loop.handled == []
    errors.silence_polling_error(loop, {"exception": ValueError()})
    assert len(loop.handled) == 1
