"""Orphans: children whose fork server died while they worked. They are signalled by a handle on each, never by number alone."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress

import psutil

from localflyte.launch.child import Child
from localflyte.launch.hub import Hub

__all__ = ("Orphans", "has_ended", "kill_child_of", "signal_group")

_TO_GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9


class Orphans:
    """:param on_end: called when one of them has ended"""

    def __init__(self, hub: Hub, on_end: Callable[[Child], None]) -> None:
        self._hub = hub
        self._on_end = on_end
        self._pidfds: dict[int, int] = {}

    def __contains__(self, pid: int) -> bool:
        return pid in self._pidfds

    def adopt(self, child: Child) -> bool:
        """Let a child finish whose server died. From now on we notice its end ourselves.

        :return: whether that can be done
        """
        try:
            pidfd = os.pidfd_open(child.pid)
        except (AttributeError, OSError):  # it is gone, or this system has no such thing
            return False
        if not child.is_connected():  # gone too, and its number may be another's by now
            os.close(pidfd)
            return False
        self._pidfds[child.pid] = pidfd
        self._hub.watch(pidfd, lambda: self._look(child, pidfd))
        return True

    def signal(self, pid: int, number: int) -> None:
        """Signal the group of one of them."""
        signal_group(self._pidfds[pid], pid, number)

    def end(self, pid: int) -> None:
        """Kill what is left of a child's group, whether it is one of them or was never to outlive its server."""
        pidfd = self._pidfds.pop(pid, -1)
        signal_group(pidfd, pid, signal.SIGKILL)
        if pidfd >= 0:
            self._hub.unwatch(pidfd)
            os.close(pidfd)

    def _look(self, child: Child, pidfd: int) -> None:
        if has_ended(pidfd):  # the hub may call for what had this descriptor's number before
            self._on_end(child)


def kill_child_of(parent: int, pid: int) -> str:
    """Kill the group of a process, if it still is a child of that parent, which reaps nobody meanwhile.

    :return: ``"killed"``, ``"ended"`` if that was done before and it waits to be reaped, or nothing where it is no child of it
    """
    with suppress(psutil.Error, ProcessLookupError, PermissionError):
        process = psutil.Process(pid)
        if process.ppid() == parent:
            if process.status() == psutil.STATUS_ZOMBIE:
                return "ended"
            os.killpg(pid, signal.SIGKILL)
            return "killed"
    return ""


def has_ended(pidfd: int) -> bool:
    """:return: whether the process is gone"""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def signal_group(pidfd: int, pid: int, number: int) -> None:
    """Signal a process group; one that is gone is left alone.

    :param pidfd: of the group's leader; negative where there is none
    :param pid: of the leader, which names the group on older systems
    """
    if pidfd >= 0:
        try:
            signal.pidfd_send_signal(pidfd, number, None, _TO_GROUP)
        except ProcessLookupError:
            return
        except OSError:  # the kernel is too old for whole groups
            pass
        else:
            return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
