"""Every way in which code can end its process, or spoil it, one function each. Imported by workers, so nothing of pytest."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from localflyte.api.port import in_worker

__all__ = ("ENDS", "LEAVES", "WAYS", "go")

LONG = 1000.0  # seconds, more than any test takes
NOTES = ""  # the folder in which it is written down who was left; set by the task
SAFE = False  # set where a value is only passed on, so that making it there ends nobody


class Unlisted(Exception):
    """An exception that no other process knows."""


def raise_() -> None:
    raise Unlisted("told as text")


def exit_() -> None:
    sys.exit(0)


def exit_at_once() -> None:
    os._exit(0)


def exit_by_libc() -> None:
    ctypes.CDLL(None)._exit(0)


def segv() -> None:
    ctypes.string_at(0)


def abort() -> None:
    os.abort()


def bus() -> None:
    os.kill(os.getpid(), signal.SIGBUS)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def hang() -> None:
    """Run on, and hear nothing of being asked to end."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(LONG)


def recurse() -> None:
    recurse()


def close_descriptors() -> None:
    os.closerange(0, 100)


def write_descriptors() -> None:
    for number in range(3, 100):
        try:
            os.write(number, b"\x00\x00\x00\x07not a frame")
        except OSError:
            continue


def flood() -> None:
    """Write to both streams what is neither text nor lines, and would do something to a terminal."""
    block = b"\xff\xfe\x1b]0;title\x07\x1b[2J" * 60_000
    for number in (1, 2):
        for _ in range(4):
            os.write(number, block)


def leave_thread() -> None:
    """Leave a thread that ends by itself, a little later."""
    threading.Thread(target=time.sleep, args=(0.05,)).start()


def leave_daemon_thread() -> None:
    threading.Thread(target=time.sleep, args=(LONG,), daemon=True).start()


def leave_child() -> None:
    _note(subprocess.Popen(["sleep", str(LONG)]).pid)


def leave_session() -> None:
    _note(subprocess.Popen(["sleep", str(LONG)], start_new_session=True).pid)


def leave_daemon() -> None:
    """Fork twice and leave the group in between, as daemons do, with a child in yet another session."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            inner = subprocess.Popen(["sleep", str(LONG)], start_new_session=True)
            os.write(write, f"{os.getpid()} {inner.pid}".encode())
            time.sleep(LONG)
        os._exit(0)
    os.wait()
    _note(*map(int, os.read(read, 100).split()))


def leave_deaf() -> None:
    """Leave a process that takes no signal but the last."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
        os.write(write, b"x")
        time.sleep(LONG)
        os._exit(0)
    os.read(read, 1)
    _note(pid)


def _note(*pids: int) -> None:
    """Write down who was left, for the test to look for."""
    with open(os.path.join(NOTES, "left"), "a", encoding="ascii") as file:
        file.write("".join(f"{pid}\n" for pid in pids))


#: what ends the process, or keeps it from ever ending
ENDS: dict[str, Callable[[], None]] = {
    "raise": raise_,
    "exit": exit_,
    "_exit": exit_at_once,
    "libc exit": exit_by_libc,
    "segv": segv,
    "abort": abort,
    "bus": bus,
    "kill": kill,
    "term": term,
    "hang": hang,
    "recurse": recurse,
}
#: what a task may do and still succeed
LEAVES: dict[str, Callable[[], None]] = {
    "close descriptors": close_descriptors,
    "write descriptors": write_descriptors,
    "flood": flood,
    "leave thread": leave_thread,
    "leave daemon thread": leave_daemon_thread,
    "leave child": leave_child,
    "leave session": leave_session,
    "leave daemon": leave_daemon,
    "leave deaf": leave_deaf,
}
WAYS = {**ENDS, **LEAVES}


def go(way: str) -> None:
    """Go this way, in a worker that does not only pass it on."""
    if in_worker() and not SAFE:
        WAYS[way]()
