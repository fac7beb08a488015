"""Tracebacks: what went wrong in a person's own code, without the frames that are ours."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ("print_traceback",)

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def print_traceback(error: BaseException, stream: TextIO | None = None) -> None:
    """Print an exception as Python does, with the person's own frames only.

    :param error: the exception
    :param stream: where to; standard error by default
    """
    from localflyte.worker.traces import user_traceback

    trace = error.__traceback__
    while trace is not None and _is_ours(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    # Without a frame of theirs, as for a syntax error in the file itself, nothing of ours is shown in its place.
    print(user_traceback(error.with_traceback(trace)).rstrip("\n"), file=stream or sys.stderr)


def _is_ours(filename: str) -> bool:
    return filename.startswith((_OURS, "<frozen "))
