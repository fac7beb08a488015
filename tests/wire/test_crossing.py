"""Crossing: what is left of an exception on the other side of a process border."""

from __future__ import annotations

from typing import Any

import pytest

from localflyte import errors
from localflyte.spec.outcome import ErrorInfo
from localflyte.wire.crossing import MAX_TEXT
from localflyte.wire.crossing import from_info
from localflyte.wire.crossing import to_info


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
    info = to_info(error, "trace")
    assert (info.kind, info.code, info.message, info.worker, info.recoverable) == expected
    assert (info.traceback, info.platform) == ("trace", "")


def test_subclass_of_non_recoverable_is_not_recoverable() -> None:
    """Test that a user's own terminal error stops retries as well."""

    class Mine(errors.NonRecoverableError):
        pass

    assert not to_info(Mine("m"), "").recoverable


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit(1)


class NotText(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307 - that is the case


@pytest.mark.parametrize(("error", "code"), [(Unprintable(), "Unprintable"), (NotText(), "NotText")])
def test_to_info_survives_a_failing_str(error: Exception, code: str) -> None:
    """Test that an error that cannot be printed is still reported as itself."""
    info = to_info(error, "")
    assert info.code == code
    assert "cannot be shown" in info.message


@pytest.mark.parametrize("text", ["x" * 10_000_000, "é" * 100_000, "\U0001f600" * 60_000])
def test_to_info_caps_message_and_traceback(text: str) -> None:
    """Test that a huge message cannot fill the wire, and that its end is still there."""
    info = to_info(ValueError(text + "END"), text)
    assert len(info.message.encode()) <= MAX_TEXT + 100
    assert len(info.traceback.encode()) <= MAX_TEXT + 100
    assert info.message.endswith("END")


def test_to_info_makes_valid_utf8() -> None:
    """Test that a lone surrogate cannot stop the packing of a reply."""
    assert to_info(ValueError("a\udc80b"), "").message == "a\\udc80b"


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
    error = from_info(ErrorInfo(kind, sent, "m", "w"))
    assert type(error).__name__ == name
    assert (error.code, str(error), error.worker) == (received, "m", "w")
    assert error.kind == ("unknown" if name == "RuntimeUnknownError" else kind)


@pytest.mark.parametrize("name", ["TaskTimeoutError", "InlineIOMaxBytesBreached", "ActionAbortedError", "OOMError", "ProtocolError"])
def test_from_info_platform_class(name: str) -> None:
    """Test that what localflyte itself raised arrives as that class."""
    error = from_info(ErrorInfo("user", "SomeCode", "m", platform=name))
    assert type(error) is getattr(errors, name)
    assert (error.code, str(error)) == ("SomeCode", "m")


@pytest.mark.parametrize("name", ["NoSuchError", "ActionNotFoundError", "ErrorKind", "_MessageError"])
def test_from_info_ignores_an_unfit_platform_class(name: str) -> None:
    """Test that a name that is no runtime error cannot be constructed."""
    assert type(from_info(ErrorInfo("user", "C", "m", platform=name))) is errors.RuntimeUserError


def test_from_info_shows_the_remote_traceback() -> None:
    """Test that an uncaught error prints the traceback of the process it happened in."""
    error = from_info(ErrorInfo("user", "ValueError", "m", traceback="Traceback: line 3\n"))
    assert error.remote_traceback == "Traceback: line 3\n"
    assert "line 3" in error.__notes__[0]


def test_from_info_without_traceback_adds_no_note() -> None:
    """Test that nothing is said where there is nothing to say."""
    error = from_info(ErrorInfo("user", "ValueError", "m"))
    assert not hasattr(error, "__notes__")
    assert error.remote_traceback == ""


def test_to_info_of_a_subclass_that_did_not_call_ours() -> None:
    """Test that a careless subclass in user code is still reported."""

    class Careless(errors.RuntimeUserError):
        def __init__(self) -> None:
            pass

    info = to_info(Careless(), "")
    assert (info.kind, info.code) == ("user", "Careless")
