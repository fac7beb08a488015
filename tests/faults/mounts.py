"""Mounts: for one process and what it starts, a filesystem of a megabyte, or one that cannot be written; both need root."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

__all__ = ("BEGIN", "can_mount")

#: begins a program that may call tiny(folder), read_only(folder) and powerless()
BEGIN = """
import ctypes, os
_libc = ctypes.CDLL(None, use_errno=True)

def _check(code):
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def _own():
    _check(_libc.unshare(0x00020000))
    _check(_libc.mount(b"none", b"/", None, 1 << 14 | 1 << 18, None))

def tiny(folder, size="1m"):
    os.makedirs(folder, mode=0o700, exist_ok=True)
    _own()
    _check(_libc.mount(b"none", folder.encode(), b"tmpfs", 0, f"size={size},mode=0700".encode()))

def read_only(folder):
    _own()
    _check(_libc.mount(folder.encode(), folder.encode(), None, 1 << 12, None))
    _check(_libc.mount(b"none", folder.encode(), None, 1 << 12 | 1 << 5 | 1, None))

def powerless():
    "Have bits of permission hold this process up, though it is root's."
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _check(_libc.capget(header, data))
    data[0] &= ~(1 << 1 | 1 << 2)
    _check(_libc.capset(header, data))
"""


def can_mount() -> bool:
    """:return: whether this process may have mounts of its own"""
    if os.getuid() != 0 or not hasattr(ctypes.CDLL(None), "unshare"):
        return False
    return subprocess.run([sys.executable, "-c", f"{BEGIN}\ntiny('/tmp')"], capture_output=True, timeout=20, check=False).returncode == 0
