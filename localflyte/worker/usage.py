"""Usage: what this process has used of memory and CPU, as it says itself at its end."""

from __future__ import annotations

import os

__all__ = ("anonymous_bytes", "usage")


def usage() -> tuple[int, float]:
    """:return: the peak of memory in bytes (VmHWM; 0 where it is not told), and seconds of CPU, those of ended children included

    ``ru_maxrss`` would be the peak of whoever started the process, where that was larger.
    """
    times = os.times()
    return _kib(b"VmHWM:") * 1024, times.user + times.system + times.children_user + times.children_system


def anonymous_bytes() -> int:
    """:return: bytes of memory that no file backs; 0 where it is not told"""
    return _kib(b"RssAnon:") * 1024


def _kib(name: bytes) -> int:
    try:
        fd = os.open("/proc/self/status", os.O_RDONLY)
    except OSError:  # not on this system, or the task used all of its descriptors
        return 0
    try:
        text = os.read(fd, 4096)
    finally:
        os.close(fd)
    at = text.find(name)
    return int(text[at + len(name) : text.index(b"kB", at)]) if at >= 0 else 0
