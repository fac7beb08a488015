"""Crossing: an exception as text on its way over a process border, and as an exception again on the other side."""

from __future__ import annotations

from localflyte import errors
from localflyte.spec.outcome import ErrorInfo

__all__ = ("MAX_TEXT", "clip", "from_info", "to_info")

MAX_TEXT = 64 * 1024  # bytes; a message is read by people, and an exception may carry a whole data set in its arguments
MAX_CODE = 256  # bytes


def to_info(error: BaseException, traceback: str) -> ErrorInfo:
    """Describe an exception that ended a task as text that can cross a border.

    :param traceback: the traceback as text, with the user's frames only
    """
    message, trace = clip(_message(error), MAX_TEXT), clip(traceback, MAX_TEXT)
    if not isinstance(error, errors.BaseRuntimeError):
        return ErrorInfo("user", clip(type(error).__name__, MAX_CODE), message, "user", trace)
    # A subclass in user code may have forgotten to call ours.
    kind, code, worker = getattr(error, "kind", "user"), getattr(error, "code", type(error).__name__), getattr(error, "worker", "")
    kind = kind if kind in ("user", "system", "unknown") else "unknown"
    return ErrorInfo(kind, clip(str(code), MAX_CODE), message, str(worker or ""), trace, bool(error.recoverable))


def from_info(info: ErrorInfo) -> errors.BaseRuntimeError:
    """Make the exception to raise in the caller, of the class that its kind and its code stand for."""
    error = _make(_class_for(info), info)
    if info.traceback:
        error.remote_traceback = info.traceback
        error.add_note(f"The traceback in the task's own process:\n{info.traceback.rstrip()}")
    return error


def clip(text: str, limit: int) -> str:
    """Cut text to `limit` bytes of valid UTF-8, keeping its start and its end."""
    if len(text) > limit:
        text = f"{text[: limit // 2]}\n... {len(text) - limit} characters left out ...\n{text[-limit // 2 :]}"
    data = text.encode("utf-8", "backslashreplace")  # a lone surrogate would stop the packing of the whole reply
    if len(data) > limit:
        data = data[: limit // 2] + b"\n...\n" + data[len(data) - limit // 2 + 5 :]
    return data.decode("utf-8", "ignore")


# A bound that was reached below is still that bound for those above, whoever let the error through.
_TIMEOUTS: dict[str, type[errors.BaseRuntimeError]] = {
    "TaskTimeoutError": errors.TaskTimeoutError,
    "MaxQueuedTimeExceededError": errors.MaxQueuedTimeExceededError,
    "MaxRuntimeExceededError": errors.MaxRuntimeExceededError,
    "DeadlineExceededError": errors.DeadlineExceededError,
}

# Flyte's order: the first one whose part occurs in the code of a user error wins.
_BY_CODE: tuple[tuple[str, type[errors.BaseRuntimeError]], ...] = (
    ("Interrupted", errors.TaskInterruptedError),
    ("PrimaryContainerNotFound", errors.PrimaryContainerNotFoundError),
    ("RetriesExhausted", errors.RetriesExhaustedError),
    ("BdbQuit", errors.NonRecoverableError),  # a person has left the debugger, and does not want to be asked again
    ("Unknown", errors.RuntimeUnknownError),
    ("InvalidImageName", errors.InvalidImageNameError),
    ("ImagePullBackOff", errors.ImagePullBackOffError),
)


def _class_for(info: ErrorInfo) -> type[errors.BaseRuntimeError]:
    if info.platform in errors.__all__:
        chosen = getattr(errors, info.platform)
        if isinstance(chosen, type) and issubclass(chosen, errors.BaseRuntimeError):
            return chosen
    if info.kind == "system":
        return errors.RuntimeSystemError
    if info.kind != "user":
        return errors.RuntimeUnknownError
    if _own_code(info) in _TIMEOUTS:
        return _TIMEOUTS[_own_code(info)]
    if "OOM" in info.code.upper():
        return errors.OOMError
    return next((found for part, found in _BY_CODE if part in info.code), errors.RuntimeUserError)


def _make(cls: type[errors.BaseRuntimeError], info: ErrorInfo) -> errors.BaseRuntimeError:
    error = cls.__new__(cls, info.message)
    system = issubclass(cls, errors.RuntimeSystemError)
    kind: errors.ErrorKind = "user" if issubclass(cls, errors.RuntimeUserError) else "system" if system else "unknown"
    errors.BaseRuntimeError.__init__(error, _own_code(info), kind, info.message, info.worker or None)
    return error


def _own_code(info: ErrorInfo) -> str:
    """A code "RetriesExhausted|ValueError" is what the platform says and, after the bar, what the task said."""
    return (info.code.partition("|")[2] or info.code).strip()


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as failure:  # noqa: BLE001 - user code: an error that cannot be printed is still that error
        return f"(its message cannot be shown: __str__ raised {type(failure).__name__})"
