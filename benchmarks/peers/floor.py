"""The floor: os.fork + pipe + wait, from an interpreter that has loaded what localflyte's fork server has for the same program.

No engine that gives every call a process of its own can be faster than this on the same machine.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from time import perf_counter

from benchmarks.peers.work import burn

__all__ = ("main",)

MEGABYTE = 1_000_000


def main() -> None:
    """Measure the program that the command line names, that many calls."""
    program, calls = sys.argv[1], int(sys.argv[2])
    _load(program)
    gc.collect()
    gc.freeze()
    gc.disable()
    measure = {"payload": _payload, "nested": _nested, "cpu": _cpu}.get(program)
    if measure is None:
        measure = _fan_out if program.startswith("fanout") else _sequential
    print(measure(calls))


def _load(program: str) -> None:
    from localflyte.bridges.flyte import install
    from localflyte.worker import forkserver  # noqa: F401 - what it imports is what every child maps
    from localflyte.worker.loading import load_module

    install()
    load_module(program, os.path.abspath(os.path.join("benchmarks", "programs", f"{program}.py")))
    from localflyte.api import registry

    if any(task.is_async for task in registry.tasks()):
        import asyncio  # noqa: F401


def _fork(body: Callable[[], bytes]) -> bytes:
    """Run `body` in a process of its own and bring back what it returns."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        _write(write, body())
        os._exit(0)
    os.close(write)
    data = _read(read)
    os.close(read)
    os.waitpid(pid, 0)
    return data


def _noop() -> bytes:
    return b"x"


def _timed(calls: int, call: Callable[[], object]) -> list[float]:
    for _ in range(20):
        call()
    seconds = []
    for _ in range(calls):
        start = perf_counter()
        call()
        seconds.append(perf_counter() - start)
    return seconds


def _sequential(calls: int) -> list[float]:
    return _timed(calls, lambda: _fork(_noop))


def _nested(calls: int) -> list[float]:
    return _timed(calls, lambda: _fork(lambda: _fork(_noop)))


def _fan_out(calls: int) -> list[float]:
    """One forking process a core, each with its share of the calls."""
    cores = len(os.sched_getaffinity(0))
    start = perf_counter()
    pids = []
    for core in range(cores):
        pid = os.fork()
        if pid == 0:
            for _ in range(core, calls, cores):
                _fork(_noop)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return [(perf_counter() - start) / calls]


def _payload(calls: int) -> list[float]:
    """One megabyte through a pipe into the child and through another one back."""
    data = b"data" * (MEGABYTE // 4)

    def call() -> None:
        read, write = os.pipe()
        back, reply = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(write)
            _write(reply, _read(read))
            os._exit(0)
        os.close(read)
        os.close(reply)
        _write(write, data)
        os.close(write)
        assert len(_read(back)) == MEGABYTE
        os.close(back)
        os.waitpid(pid, 0)

    return _timed(calls, call)


def _read(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, MEGABYTE):
        parts.append(part)
    return b"".join(parts)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _cpu(calls: int) -> list[float]:
    start = perf_counter()
    pids = []
    for _ in range(calls):
        pid = os.fork()
        if pid == 0:
            burn(0.5)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return [perf_counter() - start]


if __name__ == "__main__":
    main()
