"""concurrent.futures with a process of its own for each call: ProcessPoolExecutor(max_tasks_per_child=1)."""

from __future__ import annotations

import os
import sys
from concurrent.futures import Executor
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import Any

from benchmarks.peers.work import burn
from benchmarks.peers.work import echo
from benchmarks.peers.work import noop

__all__ = ("main", "measure")


def main() -> None:
    """Measure the program that the command line names, that many calls."""
    with ProcessPoolExecutor(max_workers=len(os.sched_getaffinity(0)), max_tasks_per_child=1) as pool:
        print(measure(pool, sys.argv[1], int(sys.argv[2])))


def measure(pool: Executor, program: str, calls: int) -> list[float]:
    """Do on `pool` what the program of that name does, and time it the same way."""
    pool.submit(noop, 0).result()
    if program == "cpu":
        return [_all_at_once(pool, burn, [0.5] * calls)]
    if program.startswith("fanout"):
        return [_all_at_once(pool, noop, list(range(calls))) / calls]
    values: list[Any] = [i.to_bytes(4, "little") * 250_000 for i in range(calls)] if program == "payload" else list(range(calls))
    function: Any = echo if program == "payload" else noop
    return [_all_at_once(pool, function, [value]) for value in values]


def _all_at_once(pool: Executor, function: Any, values: list[Any]) -> float:
    start = perf_counter()
    futures = [pool.submit(function, value) for value in values]
    assert [future.result() for future in futures] == values
    return perf_counter() - start


if __name__ == "__main__":
    main()
