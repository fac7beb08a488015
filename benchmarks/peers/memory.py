"""joblib.Memory: what a cache hit costs without a process, an engine or types."""

from __future__ import annotations

import os
import sys
from time import perf_counter

from joblib import Memory

from benchmarks.peers.work import square

__all__ = ("main",)


def main() -> None:
    """Call that many times; the second time the same command runs, each call is a hit."""
    cached = Memory(os.path.join(os.environ["HOME"], "joblib"), verbose=0).cache(square)
    for i in range(20):
        cached(-i)
    seconds = []
    for i in range(int(sys.argv[2])):
        start = perf_counter()
        cached(i)
        seconds.append(perf_counter() - start)
    print(seconds)


if __name__ == "__main__":
    main()
