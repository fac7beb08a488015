"""Tasks that can tell who runs beside them. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import localflyte as flyte

PATIENCE = 20.0  # seconds to wait for others before it is clear that they do not come

env = flyte.TaskEnvironment(name="queued")
in_queue = flyte.TaskEnvironment(name="in_queue", queue="of-environment")


async def _wait_for(there: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + PATIENCE
    while not there():
        if time.monotonic() > give_up:
            return False
        await asyncio.sleep(0.002)
    return True


@env.task
async def alone(folder: str) -> bool:
    """Tell whether nobody else was in here at the same time."""
    path = os.path.join(folder, "taken")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    await asyncio.sleep(0.02)
    os.unlink(path)
    return True


@env.task
async def together(folder: str, number: int, count: int) -> bool:
    """Tell whether so many were in here at the same time."""
    Path(folder, str(number)).touch()
    return await _wait_for(lambda: len(os.listdir(folder)) >= count)


@env.task
async def all_alone(folder: str, n: int, queue: str) -> bool:
    one = alone.override(queue=queue)
    return all(await asyncio.gather(*[one(folder) for _ in range(n)]))


@env.task
async def all_together(folder: str, n: int, queue: str) -> bool:
    one = together.override(queue=queue)
    return all(await asyncio.gather(*[one(folder, number, n) for number in range(n)]))


@env.task
async def nested_alone(folder: str, depth: int) -> bool:
    """Call itself, and at the end make sure that nobody else is at work."""
    if depth:
        return await nested_alone(folder, depth - 1)
    return await alone(folder)


@env.task
async def whole_run_alone(folder: str) -> bool:
    """Be in there from its first line to its last, and wait for another task meanwhile."""
    path = os.path.join(folder, "taken")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    await nothing()
    os.unlink(path)
    return True


@env.task
async def nothing() -> int:
    return 0


@in_queue.task
async def by_environment() -> int:
    return 0


@in_queue.task(queue="of-task")
async def by_task() -> int:
    return 0


@env.task
async def by_override() -> int:
    return await by_task.override(queue="of-override")()


@env.task
async def calls_by_task() -> int:
    return await by_task()


@env.task
async def starts_a_run() -> int:
    run = await flyte.with_runcontext(queue="of-inner-run").run.aio(nothing)
    return int(run.outputs()[0])


@env.task
async def how_many_are_refused(folder: str, n: int, queue: str) -> list[str]:
    """Call so many at once that stay until all that were let in are there."""
    one = stays.override(queue=queue)
    results = await asyncio.gather(*[one(folder) for _ in range(n)], mark(folder, n), return_exceptions=True)
    return [str(result) for result in results if isinstance(result, BaseException)]


@env.task
async def stays(folder: str) -> bool:
    return await _wait_for(Path(folder, "go").exists)


@env.task
async def mark(folder: str, n: int) -> bool:
    """Let them all go. It is called last, so by then all have been let in or refused."""
    Path(folder, "go").touch()
    return True


@env.task
async def important_last(folder: str) -> int:
    """Call five that are not important, and then one that is."""
    low, high = stays.override(queue="low"), nothing.override(queue="high")
    await asyncio.gather(*[low(folder) for _ in range(5)], high(), _go_later(folder))
    return 0


async def _go_later(folder: str) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    Path(folder, "go").touch()


@env.task
async def fan_out(n: int) -> int:
    return sum(await asyncio.gather(*[echo(number) for number in range(n)]))


@env.task
async def echo(x: int) -> int:
    return x


@env.task(resources=flyte.Resources(cpu=1))
async def whole_chain(depth: int) -> int:
    return await whole_chain(depth - 1) + 1 if depth else 0


@env.task
async def chain_of(memory: str, gpu: int, depth: int) -> int:
    """Be a chain of tasks that all ask for the same."""
    if not depth:
        return 0
    same = flyte.Resources(memory=memory or None, gpu=gpu)
    return await chain_of.override(resources=same)(memory, gpu, depth - 1) + 1


@env.task
def cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


@env.task
async def gpus(folder: str, number: int, count: int) -> str:
    Path(folder, str(number)).touch()
    met = await _wait_for(lambda: len(os.listdir(folder)) >= count)
    return os.environ.get("CUDA_VISIBLE_DEVICES", "(unset)") if met else "(alone)"


@env.task
async def two_gpus(folder: str) -> list[str]:
    one = gpus.override(resources=flyte.Resources(gpu=1))
    return list(await asyncio.gather(one(folder, 0, 2), one(folder, 1, 2)))


@env.task
async def one_by_one(n: int) -> int:
    return sum([await echo(number) for number in range(n)])


@env.task
async def twice_with(resources: dict[str, str]) -> int:
    """Call a task twice that asks for something."""
    asking = nothing.override(resources=flyte.Resources(**resources))  # type: ignore[arg-type]
    return await asking() + await asking()


@env.task
async def one_stays_and_the_others_are_alone(folder: str, n: int) -> bool:
    staying = asyncio.ensure_future(stays(folder))
    were_alone = await asyncio.gather(*[alone(folder) for _ in range(n)])
    Path(folder, "go").touch()
    return all(were_alone) and await staying


@env.task
async def starts_a_big_run() -> int:
    run = await flyte.run.aio(nothing.override(resources=flyte.Resources(memory="800Mi")))
    return int(run.outputs()[0])


@env.task(cache=flyte.Cache(behavior="override", version_override="1", ignored_inputs=("x",)))
async def same(x: int) -> int:
    """Be another call for each input, and a hit for all but the first."""
    return 1


@env.task
async def maps(n: int) -> int:
    return sum([int(value) async for value in flyte.map.aio(same, range(n))])


@env.task
async def overflows(folder: str, n: int) -> str:
    """Call so many that stay that one is refused; tell why."""
    calls = [asyncio.ensure_future(stays(folder)) for _ in range(n)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
    Path(folder, "go").touch()
    results = await asyncio.gather(*calls, return_exceptions=True)
    return "\n".join(f"{getattr(each, 'code', '')}: {each}" for each in results if isinstance(each, BaseException))
