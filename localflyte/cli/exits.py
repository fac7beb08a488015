"""Exits: what the exit codes mean, and the one clear line a command ends with instead of a traceback of ours."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from localflyte.observe.passthrough import forget_stream

__all__ = ("ExitCode", "StoreCode", "is_gone", "quiet_pipes", "say", "say_internal_error")


#: how a write to a pipe without a reader, and to a terminal that was closed, fails
_GONE = (errno.EPIPE, errno.EIO)


class ExitCode(IntEnum):
    #: the run succeeded
    SUCCEEDED = 0
    #: the task, or the file that defines it, raised
    FAILED = 1
    #: the command was not understood: file, task, input or option
    USAGE = 2
    #: localflyte itself failed (sysexits.h: EX_SOFTWARE)
    INTERNAL = 70
    #: the root task reached one of its time bounds, as timeout(1) says it
    TIMED_OUT = 124
    #: ended by SIGHUP: its terminal went away
    HUNG_UP = 129
    #: ended by Ctrl-C, or aborted from outside
    INTERRUPTED = 130
    #: ended by SIGTERM
    TERMINATED = 143


class StoreCode(IntEnum):
    """How the commands of ``localflyte cache`` end; the numbers are those of fsck(8). What is not understood is 2 as everywhere."""

    #: all is as it should be
    SOUND = 0
    #: something was damaged, and is mended: removed, so that it is computed again
    MENDED = 1
    #: something is damaged still, or was left out because it is
    DAMAGED = 4
    #: the store, or an archive, cannot be used
    UNUSABLE = 8


def say(text: str) -> None:
    """Print one line on standard error, if anybody still reads it."""
    try:
        print(f"localflyte: {' '.join(text.split())}", file=sys.stderr, flush=True)
    except OSError:
        forget_stream("stderr")
    except ValueError:
        return


def is_gone(error: OSError) -> bool:
    """:return: whether it says that nobody reads what is printed"""
    return error.errno in _GONE


@contextmanager
def quiet_pipes() -> Iterator[None]:
    """Take a reader that went away, as ``head`` does, or a terminal that was closed, for one that has seen enough: what else is
    printed goes nowhere.
    """
    try:
        yield
    except OSError as error:
        if not is_gone(error):
            raise
        forget_stream("stdout")
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            forget_stream(name)
        except (ValueError, AttributeError):
            continue


def say_internal_error(error: BaseException, *, verbose: bool) -> None:
    """Report an error of localflyte itself.

    :param error: the exception
    :param verbose: print its whole traceback first
    """
    if verbose:
        import traceback

        traceback.print_exception(error)
    place, trace = "", error.__traceback__
    while trace is not None:
        place = f" at {os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    more = "" if verbose else "; `localflyte -v ...` shows the traceback"
    say(f"internal error{place}: {type(error).__name__}: {str(error).rstrip('.')}. This is a fault of localflyte, please report it{more}")
