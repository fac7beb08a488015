"""Traces: a traceback as text, without the frames that are ours."""

from __future__ import annotations

import os
from typing import Any

__all__ = ("is_of_users", "user_traceback")

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_CAP = 1 << 16


def user_traceback(error: BaseException) -> str:
    """:return: the traceback as Python prints it, the user's frames only, at most 64 KiB; never raises"""
    try:
        from traceback import TracebackException

        trace = TracebackException(type(error), error, error.__traceback__, compact=True)
        _strip(trace, 0)
        text = "".join(trace.format())
    except BaseException as problem:  # noqa: BLE001 - an exception whose __str__ raises, exits, or loops
        text = f"{type(error).__name__}: its text could not be made ({type(problem).__name__})\n"
    return text if len(text) <= _CAP else text[: _CAP // 2] + "\n... cut ...\n" + text[-_CAP // 2 :]


def is_of_users(error: BaseException) -> bool:
    """:return: whether code that is neither ours nor Python's own had a part in it"""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        is_pythons = file.startswith((_STDLIB, "<frozen")) and "site-packages" not in file
        if not is_pythons and not file.startswith(_OURS):
            return True
        trace = trace.tb_next
    return False


def _strip(trace: Any, depth: int) -> None:
    if trace is None or depth > 20:
        return
    stack = trace.stack
    kept = [frame for frame in stack if not frame.filename.startswith(_OURS) and not frame.filename.startswith("<frozen")]
    if kept or depth:
        stack[:] = kept
    for related in (trace.__cause__, trace.__context__, *(getattr(trace, "exceptions", None) or ())):
        _strip(related, depth + 1)
