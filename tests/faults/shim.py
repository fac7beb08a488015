"""Shim: calls to the file system that fail, tear or end the process, by a library preloaded into it; what shim.c says, in Python."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from enum import IntEnum
from enum import IntFlag
from pathlib import Path

__all__ = ("ANY", "Calls", "How", "arm", "build", "end_with_parent", "environment", "read_log", "seen", "stop")

SOURCE = Path(__file__).with_name("shim.c")


class How(IntEnum):
    OFF = 0
    COUNT = 1
    ONCE = 2
    """Call `at` fails."""
    FROM = 3
    """All calls from `at` on fail."""
    KILL = 4
    """The process is killed before call `at`."""
    TORN = 5
    """Call `at` writes half, and then the process is killed."""
    SHORT = 6
    """Call `at` writes half and says so, as a disk may."""


class Calls(IntFlag):
    OPEN = 1
    READ = 2
    WRITE = 4
    SYNC = 8
    NAME = 16
    MODE = 32
    LOCK = 64
    COPY = 128
    LOOK = 256
    CLOSE = 512


ANY = Calls((1 << 10) - 1)


def build(folder: Path) -> Path | None:
    """:return: the library; ``None`` where there is no compiler"""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    library = folder / "shim.so"
    done = subprocess.run(
        [compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return library


def environment(
    library: Path,
    root: Path | str = "",
    how: How = How.OFF,
    at: int = 1,
    error: int = 0,
    calls: Calls = ANY,
    log: Path | str = "",
) -> dict[str, str]:
    """:return: the variables that preload the library, and arm it from the start if a folder is named"""
    preload = {"LD_PRELOAD": str(library)}
    if not root:
        return preload
    told = {"ROOT": root, "MODE": int(how), "AT": at, "ERRNO": error, "CALLS": int(calls), "LOG": log}
    return preload | {f"FAULT_{name}": str(value) for name, value in told.items()}


def arm(root: str, how: How, at: int = 1, error: int = 0, calls: Calls = ANY, log: str = "") -> None:
    """Arm the library that this process was started with."""
    ctypes.CDLL(None).fault_arm(os.fsencode(root), int(how), ctypes.c_long(at), error, int(calls), os.fsencode(log))


def stop() -> None:
    ctypes.CDLL(None).fault_stop()


def seen() -> int:
    """:return: how many calls were counted since it was armed"""
    count = ctypes.CDLL(None).fault_seen
    count.restype = ctypes.c_long
    return int(count())


def read_log(path: Path | str) -> list[tuple[str, str, str]]:
    """:return: the calls that were logged: name, path, other path"""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [(name, place, other) for _, name, place, other in rows]


def end_with_parent() -> None:
    """Have this process killed when the one that forked it is gone."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
