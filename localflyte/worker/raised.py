"""Raised: the very exceptions that ended tasks in this process, where these run inline: a debugger wants the frames, not their text."""

from __future__ import annotations

from localflyte.errors import BaseRuntimeError

__all__ = ("keep_raised", "with_frames")

MOST = 16  # of tasks that ran at the same time; nobody asks for those whose failure was caught
_raised: dict[str, BaseException] = {}


def keep_raised(traceback: str, error: BaseException) -> None:
    """Keep what ended a task.

    :param traceback: the text of its traceback, as its caller is told
    """
    _raised[traceback] = error
    while len(_raised) > MOST:
        _raised.pop(next(iter(_raised)), None)


def with_frames(error: BaseRuntimeError) -> BaseRuntimeError:
    """:return: the error that a caller raises; where its task ran in this process, with the frames that it was raised in"""
    raised = _raised.pop(error.remote_traceback, None) if _raised else None
    return error if raised is None else error.with_traceback(raised.__traceback__)
