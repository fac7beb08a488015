"""joblib.Memory: what a cache hit costs without a process, an engine or types, and what it looks at to tell a function's code."""

from __future__ import annotations

import os
import sys
from time import perf_counter

from joblib import Memory
from joblib.func_inspect import get_func_code

from benchmarks.peers.project import load_project
from benchmarks.peers.work import square

__all__ = ("main",)


def main() -> None:
    """Call that many times; the second time the same command runs, each call is a hit."""
    program, calls = sys.argv[1], int(sys.argv[2])
    print(code(program, calls) if program.startswith("version") else hits(calls))


def hits(calls: int) -> list[float]:
    """Call a cached function."""
    cached = Memory(os.path.join(os.environ["HOME"], "joblib"), verbose=0).cache(square)
    for i in range(20):
        cached(-i)
    seconds = []
    for i in range(calls):
        start = perf_counter()
        cached(i)
        seconds.append(perf_counter() - start)
    return seconds


def code(program: str, calls: int) -> list[float]:
    """Have the text of a function's own body looked up; what it calls is not looked at."""
    function, seconds = load_project(anew=program == "version_new"), []
    for _ in range(1 + calls):
        start = perf_counter()
        get_func_code(function)
        seconds.append(perf_counter() - start)
    return seconds[:1] if program != "version_warm" else seconds[1:]


if __name__ == "__main__":
    main()
