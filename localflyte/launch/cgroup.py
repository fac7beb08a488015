"""Cgroup: one control group that we made: its files, its processes and its end."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterable
from contextlib import suppress

__all__ = ("Group",)

KILL_ROUNDS = 50  # a tree that forks while it is being killed is caught up with in two or three


class Group:
    """:param folder: its folder below /sys/fs/cgroup"""

    __slots__ = ("folder",)

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def create(self) -> None:
        """:raises OSError: if the system refuses"""
        os.mkdir(self.folder)

    def write(self, name: str, text: str) -> None:
        """Set one of its files.

        :raises OSError: if there is no such file, or the kernel takes no such value
        """
        fd = os.open(f"{self.folder}/{name}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)

    def read(self, name: str) -> str:
        """:return: one of its files; empty where there is no such file"""
        try:
            with open(f"{self.folder}/{name}", encoding="ascii", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def count(self, name: str, key: str) -> int:
        """:return: the number that a file of lines like ``oom_kill 1`` has for `key`; 0 where it has none"""
        for line in self.read(name).splitlines():
            word, _, number = line.partition(" ")
            if word == key and number.isdigit():
                return int(number)
        return 0

    def add(self, pids: Iterable[int]) -> None:
        """Move processes in, with all their threads. Those that are gone are left out.

        :raises OSError: if we may not move them
        """
        for pid in pids:
            with suppress(ProcessLookupError):
                self.write("cgroup.procs", str(pid))

    def pids(self) -> list[int]:
        """:return: its processes, those of groups that they made below it included; 0 stands for one that we cannot name"""
        found: list[int] = []
        for folder in self._folders():
            found += [int(word) for word in Group(folder).read("cgroup.procs").split()]
        return found

    def kill(self) -> bool:
        """Kill every process in it, but never our own.

        :return: whether nobody is left; who is left has been killed and is on its way out
        """
        own = os.getpid()
        if own not in self.pids():
            with suppress(OSError):  # older than Linux 5.14, or a tree of version 1
                self.write("cgroup.kill", "1")
                return not self.pids()
        killed: set[int] = set()
        for _ in range(KILL_ROUNDS):
            left = {pid for pid in self.pids() if pid not in (0, own)}
            if left <= killed:
                return not left
            for pid in left - killed:
                self._kill_one(pid)
            killed |= left
        return False

    def remove(self) -> bool:
        """Remove it, if its processes are gone.

        :return: whether it is gone
        """
        try:
            os.rmdir(self.folder)
            return True
        except OSError as error:
            if error.errno == errno.ENOENT:
                return True
        for folder in reversed(list(self._folders())):  # the task made groups below it, or it is busy
            try:
                os.rmdir(folder)
            except OSError as error:
                if error.errno != errno.ENOENT:
                    return False
        return True

    def _kill_one(self, pid: int) -> None:
        """Kill a process that is in this group while it is being killed, and no stranger that got its number."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        except (OSError, AttributeError):  # older than Linux 5.3, or forbidden in a container
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
            return
        try:
            if pid in self.pids():
                with suppress(ProcessLookupError, PermissionError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)

    def _folders(self) -> Iterable[str]:
        """:return: its folder and those of the groups below it, parents first"""
        for folder, _, _ in os.walk(self.folder):
            yield folder
