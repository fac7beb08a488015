"""flyte's own code version of a function, which is a hash of its body; what the body calls is not looked at."""

from __future__ import annotations

import sys
from time import perf_counter

from flyte._cache import FunctionBodyPolicy
from flyte._cache.cache import VersionParameters

from benchmarks.peers.project import load_project

__all__ = ("main",)


def main() -> None:
    """Ask for the version once, or once and then as often as the command line says."""
    function, policy, seconds = load_project(anew=sys.argv[1] == "version_new"), FunctionBodyPolicy(), []
    for _ in range(1 + int(sys.argv[2])):
        start = perf_counter()
        policy.get_version("", VersionParameters(func=function, image=None))
        seconds.append(perf_counter() - start)
    print(seconds[:1] if sys.argv[1] != "version_warm" else seconds[1:])


if __name__ == "__main__":
    main()
