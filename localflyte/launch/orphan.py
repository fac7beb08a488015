"""Orphan: a process group without a parent of ours; it is signalled by a handle on its leader, never by number alone."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress

__all__ = ("has_ended", "signal_group")

_TO_GROUP = 4  # PIDFD_SIGNAL_PROCESS_GROUP, since Linux 6.9


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
