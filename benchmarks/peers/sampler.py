"""What it costs to hold 50 live tasks to their memory: the CPU seconds that the sampler takes of each second."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from localflyte.launch.watch import Guard
from localflyte.launch.watch import Limits
from localflyte.launch.watch import Watch

CHILDREN = 50
EVERY = 0.05  # the default of the setting sample_seconds
LIMIT = 250 * 2**20


def child() -> int:
    """Start a process that holds some memory and waits."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        block = bytearray(30 * 2**20)
        block[::4096] = b"x" * len(block[::4096])
        os.write(write, b"x")
        time.sleep(600)
        os._exit(0)
    os.read(read, 1)
    os.close(read)
    os.close(write)
    return pid


async def watch(pids: list[int], seconds: int) -> list[float]:
    """Watch the children and keep what each second costs."""
    watch = Watch(EVERY)
    for pid in pids:
        watch.add(Guard(pid, Limits(memory=LIMIT), 0, lambda: None, lambda processes, memory, done: done(None)))
    await asyncio.sleep(1)  # the first look is the dearest, and happens once a task
    costs = []
    for _ in range(seconds):
        before = time.process_time()
        await asyncio.sleep(1)
        costs.append(time.process_time() - before)
    watch.close()
    return costs


def main() -> None:
    """Measure for as many seconds as the command line says calls, at most ten."""
    pids = [child() for _ in range(CHILDREN)]
    try:
        print(json.dumps(asyncio.run(watch(pids, min(int(sys.argv[2]), 10)))))
    finally:
        for pid in pids:
            os.kill(pid, 9)
            os.waitpid(pid, 0)


main()
