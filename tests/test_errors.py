"""Errors: Flyte's classes and codes, and what is left of an exception on the other side of a border."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from localflyte import errors
from localflyte.spec.outcome import ErrorInfo

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


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("bad"), ("user", "ValueError", "bad", "user", True)),
        (SystemExit(3), ("user", "SystemExit", "3", "user", True)),
        (MemoryError(), ("user", "MemoryError", "", "user", True)),
        (errors.NonRecoverableError("no"), ("user", "NonRecoverableError", "no", "", False)),
        (errors.RuntimeSystemError("S", "m"), ("system", "S", "m", "", True)),
        (errors.RuntimeUnknownError("U", "m", "w"), ("unknown", "U", "m", "w", True)),
        (errors.TaskTimeoutError("late"), ("user", "TaskTimeoutError", "late", "user", True)),
    ],
)
def test_to_info(error: BaseException, expected: tuple[Any, ...]) -> None:
    """Test what crosses the border, and that no class of ours is claimed for it."""
    info = errors.to_info(error, "trace")
    assert (info.kind, info.code, info.message, info.worker, info.recoverable) == expected
    assert (info.traceback, info.platform) == ("trace", "")


def test_subclass_of_non_recoverable_is_not_recoverable() -> None:
    """Test that a user's own terminal error stops retries as well."""

    class Mine(errors.NonRecoverableError):
        pass

    assert not errors.to_info(Mine("m"), "").recoverable


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit(1)


class NotText(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - that is the case


@pytest.mark.parametrize(("error", "code"), [(Unprintable(), "Unprintable"), (NotText(), "NotText")])
def test_to_info_survives_a_failing_str(error: Exception, code: str) -> None:
    """Test that an error that cannot be printed is still reported as itself."""
    info = errors.to_info(error, "")
    assert info.code == code
    assert "cannot be shown" in info.message


@pytest.mark.parametrize("text", ["x" * 10_000_000, "é" * 100_000, "\U0001f600" * 60_000])
def test_to_info_caps_message_and_traceback(text: str) -> None:
    """Test that a huge message cannot fill the wire, and that its end is still there."""
    info = errors.to_info(ValueError(text + "END"), text)
    assert len(info.message.encode()) <= errors.MAX_TEXT + 100
    assert len(info.traceback.encode()) <= errors.MAX_TEXT + 100
    assert info.message.endswith("END")


def test_to_info_makes_valid_utf8() -> None:
    """Test that a lone surrogate cannot stop the packing of a reply."""
    assert errors.to_info(ValueError("a\udc80b"), "").message == "a\\udc80b"


# kind, code as sent, class, code as received: Flyte's order of substrings
MAPPING = [
    ("user", "ValueError", "RuntimeUserError", "ValueError"),
    ("user", "oom", "OOMError", "oom"),
    ("user", "MemoryError", "RuntimeUserError", "MemoryError"),
    ("user", "PodInterrupted", "TaskInterruptedError", "PodInterrupted"),
    ("user", "PrimaryContainerNotFound", "PrimaryContainerNotFoundError", "PrimaryContainerNotFound"),
    ("user", "RetriesExhausted|ValueError", "RetriesExhaustedError", "ValueError"),
    ("user", "RetriesExhausted | OOMKilled", "OOMError", "OOMKilled"),
    ("user", "UnknownThing", "RuntimeUnknownError", "UnknownThing"),
    ("user", "InvalidImageName", "InvalidImageNameError", "InvalidImageName"),
    ("user", "ImagePullBackOff", "ImagePullBackOffError", "ImagePullBackOff"),
    ("user", "InterruptedUnknown", "TaskInterruptedError", "InterruptedUnknown"),
    ("user", "TaskTimeoutError", "TaskTimeoutError", "TaskTimeoutError"),
    ("user", "RetriesExhausted|MaxRuntimeExceededError", "MaxRuntimeExceededError", "MaxRuntimeExceededError"),
    ("user", "InlineIOMaxBytesBreached", "RuntimeUserError", "InlineIOMaxBytesBreached"),
    ("user", "NonRecoverableError", "RuntimeUserError", "NonRecoverableError"),
    ("system", "OOM", "RuntimeSystemError", "OOM"),
    ("unknown", "OOM", "RuntimeUnknownError", "OOM"),
]


@pytest.mark.parametrize(("kind", "sent", "name", "received"), MAPPING)
def test_from_info_class(kind: str, sent: str, name: str, received: str) -> None:
    """Test that kind and code decide the class in the caller."""
    error = errors.from_info(ErrorInfo(kind, sent, "m", "w"))
    assert type(error).__name__ == name
    assert (error.code, str(error), error.worker) == (received, "m", "w")
    assert error.kind == ("unknown" if name == "RuntimeUnknownError" else kind)


@pytest.mark.parametrize("name", ["TaskTimeoutError", "InlineIOMaxBytesBreached", "ActionAbortedError", "OOMError", "ProtocolError"])
def test_from_info_platform_class(name: str) -> None:
    """Test that what localflyte itself raised arrives as that class."""
    error = errors.from_info(ErrorInfo("user", "SomeCode", "m", platform=name))
    assert type(error) is getattr(errors, name)
    assert (error.code, str(error)) == ("SomeCode", "m")


@pytest.mark.parametrize("name", ["NoSuchError", "ActionNotFoundError", "to_info", "Literal"])
def test_from_info_ignores_an_unfit_platform_class(name: str) -> None:
    """Test that a name that is no runtime error cannot be constructed."""
    assert type(errors.from_info(ErrorInfo("user", "C", "m", platform=name))) is errors.RuntimeUserError


def test_from_info_shows_the_remote_traceback() -> None:
    """Test that an uncaught error prints the traceback of the process it happened in."""
    error = errors.from_info(ErrorInfo("user", "ValueError", "m", traceback="Traceback: line 3\n"))
    assert error.remote_traceback == "Traceback: line 3\n"
    assert "line 3" in error.__notes__[0]


def test_from_info_without_traceback_adds_no_note() -> None:
    """Test that nothing is said where there is nothing to say."""
    error = errors.from_info(ErrorInfo("user", "ValueError", "m"))
    assert not hasattr(error, "__notes__")
    assert error.remote_traceback == ""


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
