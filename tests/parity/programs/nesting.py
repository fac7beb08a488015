"""Nesting: tasks that call tasks, one after the other, at once, and not to the end."""

import asyncio
import os

import flyte
import flyte.errors
from cases import case
from cases import caught
from cases import count
from cases import mark
from cases import scratch
from cases import show

env = flyte.TaskEnvironment(name="nesting")
other = flyte.TaskEnvironment(name="nesting-other", depends_on=[env])


@env.task
async def double(x: int) -> int:
    return x * 2


@env.task
def double_sync(x: int) -> int:
    return x * 2


@env.task
async def slowly(x: int, seconds: float) -> int:
    await asyncio.sleep(seconds)
    return x


@env.task
async def long(folder: str) -> int:
    mark(folder, "began")
    await asyncio.sleep(3)
    mark(folder, "ended")
    return 1


@env.task
async def fails(x: int) -> int:
    raise ValueError(f"{x}")


@env.task
async def one_after_the_other() -> list[int]:
    return [await double(1), await double(await double(1)), await double_sync.aio(4)]


@env.task
def sync_calls_sync() -> list[int]:
    return [double_sync(1), double_sync(double_sync(1))]


@other.task
async def of_another_environment() -> int:
    return await double(21)


@env.task
async def down(depth: int) -> int:
    return 0 if depth == 0 else 1 + await down(depth - 1)


@env.task
def down_sync(depth: int) -> int:
    return 0 if depth == 0 else 1 + down_sync(depth - 1)


@env.task
async def gathers(n: int) -> list[int]:
    return list(await asyncio.gather(*(double(i) for i in range(n))))


@env.task
async def gathers_sync_tasks(n: int) -> list[int]:
    return list(await asyncio.gather(*(double_sync.aio(i) for i in range(n))))


@env.task
async def gathers_errors() -> list[str]:
    results = await asyncio.gather(double(1), fails(2), double(3), return_exceptions=True)
    return [f"{type(each).__name__} {each}" for each in results]


@env.task
async def gather_raises() -> int:
    return sum(await asyncio.gather(double(1), fails(2)))


@env.task
async def creates_tasks() -> list[int]:
    tasks = [asyncio.create_task(double(i)) for i in range(3)]
    return [await each for each in reversed(tasks)]


@env.task
async def task_group() -> list[int]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(double(i)) for i in range(3)]
    return [each.result() for each in tasks]


@env.task
async def as_completed() -> list[int]:
    calls = [slowly(1, 1.5), slowly(2, 0.0)]
    return [await each for each in asyncio.as_completed(calls)]


@env.task
async def first_of() -> list[int]:
    tasks = {asyncio.create_task(slowly(1, 0.0)), asyncio.create_task(slowly(2, 5.0))}
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in pending:
        each.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    return [each.result() for each in done] + [int(each.cancelled()) for each in pending]


@env.task
async def waits_too_short(folder: str) -> str:
    try:
        await asyncio.wait_for(long(folder), timeout=1.0)
    except TimeoutError as error:
        await asyncio.sleep(3)
        return f"{type(error).__name__} {count(folder, 'ended')}"
    return "nothing was raised"


@env.task
async def waits_long_enough() -> int:
    return await asyncio.wait_for(double(4), timeout=30)


@env.task
async def cancels(folder: str) -> str:
    task = asyncio.create_task(long(folder))
    while not count(folder, "began"):
        await asyncio.sleep(0.05)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as error:
        await asyncio.sleep(3.5)
        return f"{type(error).__name__} {count(folder, 'ended')}"
    return "nothing was raised"


@env.task
async def goes_on_after_an_error() -> int:
    try:
        await fails(1)
    except flyte.errors.RuntimeUserError:
        return await double(5)
    return 0


@env.task
async def not_awaited() -> bool:
    call = double(1)
    is_coroutine = asyncio.iscoroutine(call)
    call.close()
    return is_coroutine


@env.task
async def forward() -> list[int]:
    return [await double.forward(1), double_sync.forward(2)]


@env.task
async def runs_another() -> int:
    run = await flyte.run.aio(double, 8)
    return (await run.outputs.aio())[0]


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


@case
def in_turn():
    return [one(one_after_the_other), one(sync_calls_sync), one(of_another_environment)]


@case
def deep():
    return [one(down, 8), one(down_sync, 5)]


@case
def gathered():
    return [one(gathers, 20), one(gathers_sync_tasks, 8)]


@case
def gathered_errors():
    return [one(gathers_errors), caught(flyte.run, gather_raises, message=True)]


@case
def created():
    return [one(creates_tasks), one(task_group)]


@case
def completed():
    return [one(as_completed), one(first_of)]


@case
def wait_for():
    return [one(waits_too_short, scratch()), one(waits_long_enough)]


@case
def cancelled():
    return one(cancels, scratch())


@case
def after_an_error():
    return one(goes_on_after_an_error)


@case
def a_call_is_a_coroutine():
    return one(not_awaited)


@case
def forwarded():
    return one(forward)


@case
def a_run_within_a_run():
    return one(runs_another)


@case
def processes():
    return one(process_ids)


@env.task
async def process_id() -> int:
    return os.getpid()


@env.task
async def process_ids() -> int:
    return len({os.getpid(), await process_id(), await process_id()})


if __name__ == "__main__":
    show()
