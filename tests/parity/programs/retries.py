"""Retries: how often a task's body runs, counted by the files it leaves."""

from datetime import timedelta

import flyte
import flyte.errors
from cases import case
from cases import caught
from cases import count
from cases import mark
from cases import scratch
from cases import show

env = flyte.TaskEnvironment(name="retries")
AT_ONCE = flyte.Backoff(base=timedelta(0))


@env.task(retries=flyte.RetryStrategy(count=3, backoff=AT_ONCE))
async def third_time(folder: str) -> int:
    times = mark(folder)
    if times < 3:
        raise ValueError(f"attempt {times}")
    return times


@env.task(retries=flyte.RetryStrategy(count=2, backoff=AT_ONCE))
async def never(folder: str) -> int:
    raise ValueError(f"attempt {mark(folder)}")


@env.task(retries=flyte.RetryStrategy(count=2, backoff=AT_ONCE))
def never_sync(folder: str) -> int:
    raise ValueError(f"attempt {mark(folder)}")


@env.task
async def only_once(folder: str) -> int:
    raise ValueError(f"attempt {mark(folder)}")


@env.task(retries=flyte.RetryStrategy(count=2, backoff=AT_ONCE))
async def hopeless(folder: str) -> int:
    mark(folder)
    raise flyte.errors.NonRecoverableError("no use in trying")


@env.task(retries=flyte.RetryStrategy(count=2, backoff=AT_ONCE))
async def system_error(folder: str) -> int:
    mark(folder)
    raise flyte.errors.RuntimeSystemError("Storage", "gone")


@env.task(retries=flyte.RetryStrategy(count=2, backoff=AT_ONCE))
async def wrong_output(folder: str) -> int:
    mark(folder)
    return "no int"


@env.task(retries=flyte.RetryStrategy(count=2, backoff=AT_ONCE))
async def wrong_input(folder: str, x: int) -> int:
    return mark(folder)


@env.task
async def parent(folder: str) -> str:
    try:
        await never(folder)
    except flyte.errors.RuntimeUserError as error:
        return f"{error.code}: {error}"
    return "nothing was raised"


@env.task(retries=1)
async def by_number(folder: str) -> int:
    times = mark(folder)
    if times < 2:
        raise ValueError(f"attempt {times}")
    return times


def ran(task, *args):
    folder = scratch()
    return [caught(flyte.run, task, folder, *args, message=True), count(folder)]


@case
def until_it_succeeds():
    folder = scratch()
    return [flyte.run(third_time, folder).outputs()[0], count(folder)]


@case
def until_none_is_left():
    return ran(never)


@case
def of_a_sync_task():
    return ran(never_sync)


@case
def none_by_default():
    return ran(only_once)


@case
def by_a_number():
    folder = scratch()
    return [flyte.run(by_number, folder).outputs()[0], count(folder)]


@case
def not_what_cannot_be_recovered():
    return ran(hopeless)


@case
def also_system_errors():
    return ran(system_error)


@case
def after_a_wrong_output():
    folder = scratch()
    return [caught(flyte.run, wrong_output, folder), count(folder)]


@case
def not_a_wrong_input():
    folder = scratch()
    return [caught(flyte.run, wrong_input, folder, "a"), count(folder)]


@case
def of_a_nested_task():
    folder = scratch()
    return [flyte.run(parent, folder).outputs()[0], count(folder)]


@case
def overridden():
    return [ran(never.override(retries=flyte.RetryStrategy(count=1, backoff=AT_ONCE)))[1], ran(only_once.override(retries=1))[1]]


@case
def backoff_delays():
    backoff = flyte.Backoff(base=timedelta(seconds=1), factor=2.0, cap=timedelta(seconds=3))
    return [backoff.compute_delay(failures).total_seconds() for failures in range(4)]


@case
def backoff_without_cap():
    return caught(flyte.Backoff, base=timedelta(seconds=1), factor=2.0)


@case
def backoff_below_zero():
    return caught(flyte.Backoff, base=timedelta(seconds=-1))


if __name__ == "__main__":
    show()
