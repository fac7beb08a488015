"""joblib's loky: a pool of processes that are kept and used again, so calls share them; not isolated, but what people use."""

from __future__ import annotations

import os
import sys

from joblib.externals.loky import get_reusable_executor

from benchmarks.peers.futures import measure

__all__ = ("main",)


def main() -> None:
    """Measure the program that the command line names, that many calls."""
    print(measure(get_reusable_executor(max_workers=len(os.sched_getaffinity(0))), sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
