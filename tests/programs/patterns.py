"""Tasks that run into a limit, and go on in another way. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

import localflyte as flyte
from localflyte import errors
from localflyte.io import File

PAGE = 4096
MIB = 1 << 20

env = flyte.TaskEnvironment("patterns", resources=flyte.Resources(memory="128Mi"))
kept = flyte.TaskEnvironment("kept_patterns", resources=flyte.Resources(memory="128Mi"), reusable=flyte.ReusePolicy(replicas=1))
crowd = flyte.TaskEnvironment("crowd_patterns", reusable=flyte.ReusePolicy(replicas=1, concurrency=4))
plain = kept.clone_with("plain_patterns", reusable=None)

own = logging.getLogger("patterns.own")
own.propagate = False
own.addHandler(logging.StreamHandler(sys.stdout))
own.handlers[0].setFormatter(logging.Formatter("%(action_name)s %(message)s"))

attempts = 0
tables = 0
table: asyncio.Future[int] | None = None


class UnavailableError(Exception):
    """What a service that is down would raise."""


class TooManyFailuresError(Exception):
    """Raised by a breaker that opened."""


def hold(mib: int, given: int) -> int:
    """Hold so much; who was given less holds it until somebody notices."""
    block = bytearray(mib * MIB)
    block[::PAGE] = b"x" * len(block[::PAGE])
    while mib > given:
        time.sleep(60)
    return given


# -- more memory ----------------------------------------------------------------------------------------------------


@env.task
def needs(mib: int, given: int) -> int:
    return hold(mib, given)


@env.task
async def climbs(mib: int, sizes: list[int]) -> list[int]:
    """Call a task with more and more memory until it has enough."""
    tried = []
    for size in sizes:
        tried.append(size)
        try:
            await needs.override(resources=flyte.Resources(memory=f"{size}Mi")).aio(mib, size)
        except errors.OOMError:
            continue
        return tried
    raise RuntimeError(f"{sizes[-1]}Mi was not enough")


@env.task
async def gives_up_tidily(note: str) -> int:
    try:
        return await needs.aio(300, 128)
    finally:
        await writes(note, "tidy")


@env.task
async def writes(note: str, text: str) -> None:
    Path(note).write_text(text)


@env.task(cache="auto")
async def finds_size(task: Callable, inputs: dict[str, int], sizes: list[int]) -> int:  # type: ignore[type-arg]
    """Find out how much memory a task needs for an input. The answer is kept."""
    for size in sizes:
        try:
            await task.override(resources=flyte.Resources(memory=f"{size}Mi")).aio(**inputs, given=size)  # type: ignore[attr-defined]
        except errors.OOMError:
            continue
        return size
    raise RuntimeError("nothing is enough")


@env.task
async def tunes(mib: int) -> int:
    size = await finds_size(needs, {"mib": mib}, [128, 512])
    return await needs.override(resources=flyte.Resources(memory=f"{size}Mi")).aio(mib, size)


# -- other ways -----------------------------------------------------------------------------------------------------


@env.task
async def fails_with(kind: str) -> str:
    raise {"down": UnavailableError, "wrong": KeyError}[kind](kind)


@env.task
async def falls_back(kind: str) -> str:
    """Go another way when a service is down; what else fails is a failure."""
    try:
        return await fails_with(kind)
    except errors.RuntimeUserError as error:
        if error.code != "UnavailableError":
            raise
        return "by another way"


@env.task
async def one_of_many(number: int, bad: int) -> int:
    if number < bad:
        raise UnavailableError(str(number))
    await asyncio.sleep(600)
    return number


@env.task
async def breaks(count: int, bad: int, most: int) -> int:
    """Start them all, and give the rest up once more than so many have failed."""
    pending = {asyncio.create_task(one_of_many(number, bad)) for number in range(count)}
    failures = 0
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        failures += sum(task.exception() is not None for task in done)
        if failures > most:
            for task in pending:
                task.cancel()
            raise TooManyFailuresError(f"more than {most} failed")
    return count


@env.task(max_inline_io_bytes=1000)
async def short(text: str) -> int:
    return len(text)


@env.task(max_inline_io_bytes=1000)
async def long(text: File) -> int:
    async with text.open() as stream:
        return len(await stream.read())


@env.task
async def passes_what_is_too_large() -> list[int]:
    """Hand a text over as itself, and, where that is refused, as a file."""
    lengths = []
    for text in ("short", "x" * 5000):
        try:
            lengths.append(await short(text))
        except errors.InlineIOMaxBytesBreached:
            path = Path("large.txt").absolute()
            path.write_text(text)
            lengths.append(await long(await File.from_local(str(path))))
    return lengths


# -- processes that are kept ----------------------------------------------------------------------------------------


@kept.task
def kept_needs(mib: int, given: int) -> int:
    return hold(mib, given)


@plain.task
async def leaves_the_replica(mib: int) -> list[int]:
    """Call in a replica, where that runs out in a process of its own with more, and then in a replica again."""
    found = []
    for size in (mib, 16):
        try:
            found.append(await kept_needs.aio(size, 128))
        except errors.OOMError:
            alone = kept_needs.override(reusable="off", resources=flyte.Resources(memory="600Mi"))
            found.append(await alone.aio(size, 600))
    return found


async def _load_table() -> int:
    global tables
    tables += 1
    await asyncio.sleep(0)
    return tables


@crowd.task
async def looks_up(x: int) -> int:
    """Use what is costly to make, and made once in each process, also where several ask for it at once."""
    global table
    if table is None:
        table = asyncio.ensure_future(_load_table())
    return await asyncio.shield(table) * 100 + x


@plain.task
async def looks_up_many(count: int) -> list[int]:
    return list(await asyncio.gather(*[looks_up(x) for x in range(count)]))


@crowd.task
async def logs_at_once(folder: str, number: int, count: int) -> str:
    """Log with a handler of the program's own while others of the same process do."""
    own.warning("before")
    Path(folder, str(number)).touch()
    while len(list(Path(folder).iterdir())) < count:
        await asyncio.sleep(0.01)
    own.warning("after")
    return str(flyte.ctx().action.name)  # type: ignore[union-attr]


@plain.task
async def all_log_at_once(folder: str, count: int) -> list[str]:
    return list(await asyncio.gather(*[logs_at_once(folder, number, count) for number in range(count)]))


# -- attempts -------------------------------------------------------------------------------------------------------


@env.task(retries=2)
def counts_attempts(note: str) -> int:
    """Count them in the module, and ask for their number."""
    global attempts
    attempts += 1
    number = flyte.ctx().attempt_number
    with open(note, "a") as file:
        file.write(f"{attempts} {number}\n")
    if number < 2:
        raise RuntimeError(f"attempt {number}")
    return number
