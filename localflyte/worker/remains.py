"""Remains: processes that carry the mark of an engine which was killed, wherever in the tree they are by now."""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # as in the fork server
import os
from contextlib import suppress
from time import monotonic
from time import sleep

__all__ = ("end_remains",)

QUIET = 0.3  # seconds without a find: what a task was just starting still looks like the task
PAUSE = 0.01  # seconds between two rounds; each may bring up what those just killed have started


def end_remains(mark: bytes, give_up: float) -> None:
    """Kill what left its task, and lost the fork server that had adopted it. Fork servers are left alone, they end themselves;
    so are their children, which the kernel ends.

    :param mark: a variable of theirs and its value
    :param give_up: when to stop looking, on the monotonic clock
    """
    own = _read("self", "cmdline")
    quiet_at = monotonic() + QUIET
    while monotonic() < min(quiet_at, give_up):
        if [pid for pid in _numbers() if _is_one(pid, mark, own) and _end(pid, mark, own)]:
            quiet_at = monotonic() + QUIET
        sleep(PAUSE)


def _numbers() -> list[str]:
    with suppress(OSError):
        return [name for name in os.listdir("/proc") if name.isdigit()]
    return []


def _is_one(pid: str, mark: bytes, own: bytes) -> bool:
    return mark in _read(pid, "environ").split(b"\0") and _program(_read(pid, "cmdline")) != _program(own)


def _program(command: bytes) -> list[bytes]:
    return command.split(b"\0")[:3]


def _read(pid: str, name: str) -> bytes:
    try:
        with open(f"/proc/{pid}/{name}", "rb") as file:
            return file.read()
    except OSError:  # gone, or not ours
        return b""


def _end(pid: str, mark: bytes, own: bytes) -> bool:
    """Kill a process, and no other that may have its number by now."""
    try:
        handle = os.pidfd_open(int(pid))
    except (AttributeError, OSError):
        return False
    try:
        if not _is_one(pid, mark, own):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
