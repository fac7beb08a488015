"""diskcache as it comes: the bytes that localflyte's index holds for a small hit, and nothing around them."""

from __future__ import annotations

import os
import sys
from time import perf_counter

from diskcache import Cache

from benchmarks.peers.store import invocations
from localflyte.store.content import Contents
from localflyte.store.index import Index
from localflyte.store.keys import make_key
from localflyte.store.layout import Layout

__all__ = ("main",)


def main() -> None:
    """Get that many entries of a cache of their own, filled from localflyte's, which has to be there."""
    keys = [make_key(invocation, Contents()).digest for invocation in invocations(int(sys.argv[2]))]
    folder = os.path.join(os.environ["HOME"], "diskcache")
    if not os.path.isdir(folder):
        index = Index(Layout(os.environ["LOCALFLYTE_HOME"]).index)
        with Cache(folder) as filled:
            for key in keys:
                filled[key] = index.get(key)
        index.close()
    seconds = []
    with Cache(folder) as cache:
        for key in keys:
            start = perf_counter()
            value = cache.get(key)
            seconds.append(perf_counter() - start)
            assert value is not None
    print(seconds[20:])


if __name__ == "__main__":
    main()
