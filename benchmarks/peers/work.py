"""The bodies of the programs as plain functions, where a pool of processes can find them."""

from __future__ import annotations

from time import thread_time

__all__ = ("burn", "echo", "noop", "square")


def noop(i: int) -> int:
    """Return what came in."""
    return i


def square(i: int) -> int:
    """Return something that can be cached."""
    return i * i


def echo(data: bytes) -> bytes:
    """Return what came in, however large."""
    return data


def burn(seconds: float) -> float:
    """Use that much CPU in this thread."""
    end = thread_time() + seconds
    while thread_time() < end:
        sum(range(10_000))
    return seconds
