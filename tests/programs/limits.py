"""Tasks that use more than they declare, or exactly what they declare."""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import localflyte as flyte
from localflyte import errors

PAGE = 4096
MIB = 1 << 20

env = flyte.TaskEnvironment("limits", resources=flyte.Resources(memory="128Mi"))
free = flyte.TaskEnvironment("free")


def hold(mib: int) -> bytearray:
    """Hold memory that is really there."""
    block = bytearray(mib * MIB)
    block[::PAGE] = b"x" * len(block[::PAGE])
    return block


def wait_to_be_ended() -> None:
    """Go on until somebody ends this process; the suite's own limit is far beyond."""
    while True:
        time.sleep(60)


@env.task
def within(mib: int) -> int:
    return len(hold(mib))


@env.task
def gives_back_and_takes_again(mib: int) -> int:
    """Hold less than the limit at any time, and more than the limit one after the other."""
    for _ in range(6):
        block = hold(mib)
        time.sleep(0.1)
        del block
    return mib


@env.task
def over(mib: int) -> int:
    blocks = []
    for _ in range(0, mib, 16):
        blocks.append(hold(16))
        time.sleep(0.005)
    wait_to_be_ended()
    return len(blocks)


@env.task
def over_between_two_looks(seconds: float, mib: int) -> int:
    """Be harmless for a while, and then take everything at once."""
    time.sleep(seconds)
    return len(hold(mib))


@env.task
def over_in_a_grandchild(note: str) -> int:
    program = f"b = bytearray({300 * MIB}); b[::4096] = b'x' * len(b[::4096]); import time; time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", program])
    Path(note).write_text(str(process.pid))
    wait_to_be_ended()
    return 0


@env.task
def shared_by_forks(mib: int, forks: int) -> int:
    """Hold one block that several forked processes see: one block it is."""
    block = hold(mib)
    pids = []
    for _ in range(forks):
        pid = os.fork()
        if pid == 0:
            time.sleep(0.6)
            os._exit(0)
        pids.append(pid)
    for pid in pids:
        os.waitpid(pid, 0)
    return len(block)


@env.task
def maps_a_file(path: str) -> int:
    """Read a file larger than the limit through a mapping: the kernel may drop its pages whenever it likes."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        total = sum(view[at] for at in range(0, len(view), PAGE))
        time.sleep(0.3)
    return total


@env.task
async def recovers() -> list[str]:
    """What flyte's own examples do: ask for more after running out."""
    try:
        await over(320)
    except errors.OOMError as error:
        first = error.code
    bigger = within.override(resources=flyte.Resources(memory="600Mi"))
    return [first, str(await bigger.aio(200))]


leaking = flyte.TaskEnvironment("leaking", resources=flyte.Resources(memory="200Mi"), reusable=flyte.ReusePolicy(replicas=1, concurrency=1))
LEAKED: list[bytearray] = []


@leaking.task(retries=1)
async def leaks(mib: int) -> int:
    """Keep memory from call to call, in a process that serves many."""
    LEAKED.append(hold(mib))
    await asyncio.sleep(0.15)  # so that a sampler sees it
    return os.getpid()


@free.task
async def leaks_often(times: int, mib: int) -> list[int]:
    return [await leaks(mib) for _ in range(times)]


@free.task
async def neighbour(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "unharmed"


@free.task
async def beside_one_that_is_over() -> list[str]:
    results = await asyncio.gather(over.aio(320), neighbour(0.6), return_exceptions=True)
    return [type(each).__name__ if isinstance(each, BaseException) else str(each) for each in results]


@free.task(timeout=1)
def ignores_every_signal(note: str) -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    Path(note).write_text(f"{os.getpid()} {child.pid}")
    wait_to_be_ended()
    return 0


@free.task(timeout=1)
def holds_the_gil() -> int:
    return sum(1 for _ in iter(int, 1))


@free.task(timeout=1, retries=2)
def times_out_each_time(notes: str) -> int:
    with open(notes, "a") as file:
        file.write(f"{flyte.ctx().attempt_number} {os.environ['FLYTE_ATTEMPT_NUMBER']}\n")
    wait_to_be_ended()
    return 0


@free.task(timeout=flyte.Timeout(max_runtime=1), retries=1)
def in_time_at_last() -> int:
    if not flyte.ctx().attempt_number:
        wait_to_be_ended()
    return flyte.ctx().attempt_number


@free.task(timeout=flyte.Timeout(deadline=timedelta(seconds=1.5)), retries=100)
def fails_until_the_deadline() -> int:
    time.sleep(0.05)
    raise ValueError("again")


@free.task(timeout=flyte.Timeout(deadline=2))
async def calls_until_the_deadline(note: str) -> int:
    return await sleeper.aio(note)


@free.task
def sleeper(note: str) -> int:
    Path(note).write_text(str(os.getpid()))
    wait_to_be_ended()
    return 0


@free.task(timeout=flyte.Timeout(max_queued_time=timedelta(milliseconds=300)))
async def waits_for_its_turn() -> int:
    return 1


@free.task
async def sees_its_child_wait_too_long() -> str:
    """Hold every core, so that the child waits."""
    busy = [asyncio.create_task(holder.override(resources=flyte.Resources(cpu=1000)).aio(1.5))]
    await asyncio.sleep(0.3)
    try:
        await waits_for_its_turn()
    except errors.MaxQueuedTimeExceededError as error:
        return str(error.code)
    finally:
        for each in busy:
            each.cancel()
    return "it had its turn"


@free.task
def holder(seconds: float) -> int:
    time.sleep(seconds)
    return 0


@free.task
def cleans_up(note: str) -> int:
    def on_term(*_: object) -> None:
        Path(note).write_text("cleaned up")
        os._exit(3)

    signal.signal(signal.SIGTERM, on_term)
    wait_to_be_ended()
    return 0


@free.task
def fills_its_disk(mib: int) -> str:
    import tempfile

    folder = tempfile.mkdtemp()
    for number in range(mib):
        Path(folder, str(number)).write_bytes(os.urandom(MIB))
        time.sleep(0.01)
    if mib > 32:
        wait_to_be_ended()
    return folder


@free.task
def cores() -> int:
    return len(os.sched_getaffinity(0))


@free.task
def burns(seconds: float) -> float:
    """Burn CPU for some seconds of wall time.

    :return: the CPU seconds that it got
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))
    return time.process_time()


@free.task
def seen_gpus() -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "(unset)")
