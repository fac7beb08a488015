"""localflyte's cache without the engine above it: a key and its lookup, what a task's code is, what a file's content is."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from time import perf_counter

from benchmarks.peers.hashing import big_file
from benchmarks.peers.hashing import scaled
from benchmarks.peers.project import load_project
from localflyte.api.version import code_parts
from localflyte.running import surroundings
from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TaskRef
from localflyte.spec.run import RunRequest
from localflyte.store.content import Contents
from localflyte.store.keys import make_key
from localflyte.store.memo import Memo

HOME = os.environ["LOCALFLYTE_HOME"]
PLAN = Plan(
    task=TaskRef(name="cached.square"),
    environment="cached",
    short_name="square",
    interface="(i: int) -> (o0: int)",
    cache=CacheTerms(behavior="auto", version="0" * 64, parts={"function cached.square": "0" * 64}),
)


class _Run:
    """A run that nobody watches."""

    name = "r0"
    folder = os.path.join(HOME, "runs", "r0")
    request = RunRequest(invocation=Invocation(plan=PLAN, inputs={}), surroundings=surroundings())

    def notice(self, text: str) -> None:
        """End, since what a store has to say is that it could not do its work."""
        sys.exit(text)


RUN = _Run()


def invocations(count: int) -> list[Invocation]:
    """Make calls with one small input each; twenty more than asked for, to begin with."""
    return [Invocation(plan=PLAN, inputs={"i": Packed(b"\xce" + number.to_bytes(4, "big"))}) for number in range(count + 20)]


async def lookup(count: int) -> list[float]:
    """Make a key and look it up; the second time the same command runs, each call is a hit."""
    memo, seconds = Memo(HOME), []
    for invocation in invocations(count):
        start = perf_counter()
        key = memo.key_at_once(RUN, invocation)
        found = memo.look(RUN, key)
        seconds.append(perf_counter() - start)
        if found.outputs is None:
            await memo.commit(RUN, key, (invocation.inputs["i"],), "a1")
    memo.close()
    return seconds[20:]


def key_alone(count: int) -> list[float]:
    """Make the keys of the same calls."""
    contents, seconds = Contents(), []
    for invocation in invocations(count):
        start = perf_counter()
        make_key(invocation, contents)
        seconds.append(perf_counter() - start)
    return seconds[20:]


def version_new(count: int) -> list[float]:
    """Take apart code that nobody has seen before; the modules are imported."""
    return version_cold(count, anew=True)


def version_cold(count: int, *, anew: bool = False) -> list[float]:
    """Take the code apart for the first time in this process; the modules are imported, and nothing of them was read by it."""
    function = load_project(anew=anew)
    start = perf_counter()
    parts = code_parts(function)
    seconds = perf_counter() - start
    assert len(parts) > 900, "the project is not reached as a whole"
    return [seconds]


def version_warm(count: int) -> list[float]:
    """Ask again."""
    function, seconds = load_project(), []
    code_parts(function)
    for _ in range(count):
        start = perf_counter()
        code_parts(function)
        seconds.append(perf_counter() - start)
    return seconds


def content(count: int) -> list[float]:
    """Hash a file as an input is hashed, each time as if it had never been seen."""
    path, seconds = big_file(), []
    for _ in range(count):
        contents = Contents()
        start = perf_counter()
        contents.digest(Ref("file", path))
        seconds.append(perf_counter() - start)
    return scaled(path, seconds)


WORK: dict[str, Callable[[int], list[float]]] = {
    "lookup": lambda count: asyncio.run(lookup(count)),
    "lookup_key": key_alone,
    "version_new": version_new,
    "version_cold": version_cold,
    "version_warm": version_warm,
    "content": content,
}


def main() -> None:
    """Measure what the command line names, so often."""
    print(json.dumps(WORK[sys.argv[1]](int(sys.argv[2]))))


if __name__ == "__main__":
    main()
