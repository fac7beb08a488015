"""Tracing: functions marked with flyte.trace, inside and outside of tasks."""

from collections.abc import AsyncIterator
from collections.abc import Iterator

import flyte
import flyte.errors
from cases import case
from cases import caught
from cases import raised
from cases import show

env = flyte.TaskEnvironment(name="tracing")


class OwnError(Exception):
    pass


@flyte.trace
async def double(x: int) -> int:
    return x * 2


@flyte.trace
def double_sync(x: int) -> int:
    return x * 2


@flyte.trace
async def letters(word: str) -> AsyncIterator[str]:
    for letter in word:
        yield letter


@flyte.trace
def letters_sync(word: str) -> Iterator[str]:
    yield from word


@flyte.trace
async def fails(x: int) -> int:
    raise OwnError(f"no {x}")


@flyte.trace
async def says_int() -> int:
    return "no int"


@flyte.trace
async def same_object(x: list[int]) -> list[int]:
    x.append(99)
    return x


@env.task
async def plain(x: int) -> int:
    return x


@flyte.trace
async def calls_a_task(x: int) -> int:
    return await plain(x)


@flyte.trace
async def calls_forward(x: int) -> int:
    return await plain.forward(x)


@env.task
async def uses_traces() -> list[int]:
    return [await double(2), await double(x=3)]


@env.task
def uses_traces_sync() -> list[int]:
    return [double_sync(3), double_sync(x=4)]


@env.task
async def uses_generators() -> list[str]:
    return [letter async for letter in letters("abc")]


@env.task
def uses_generators_sync() -> list[str]:
    return list(letters_sync("de"))


@env.task
async def uses_a_sync_trace() -> int:
    return double_sync(3)


@env.task
async def sees_the_original_error() -> str:
    try:
        await fails(1)
    except OwnError as error:
        return f"original {error}"
    return "nothing was raised"


@env.task
async def passes_the_error_on() -> int:
    return await fails(2)


@env.task
async def sees_a_wrong_output() -> int:
    return await says_int()


@env.task
async def mutates() -> list[int]:
    given = [1]
    got = await same_object(given)
    return [len(given), int(got is given)]


@env.task
async def nests() -> str:
    try:
        await calls_a_task(1)
    except flyte.errors.BaseRuntimeError as error:
        return type(error).__name__
    return "nothing was raised"


@env.task
async def nests_forward() -> int:
    return await calls_forward(5)


@flyte.trace
async def action_name() -> str:
    return flyte.ctx().action.name


@env.task
async def action_names() -> list[bool]:
    ctx = flyte.ctx()
    first, second = await action_name(), await action_name()
    return [first != ctx.action.name, first != second, flyte.ctx().action.name == ctx.action.name]


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


@case
def values():
    return [one(uses_traces), one(uses_traces_sync)]


@case
def generators():
    return [one(uses_generators), one(uses_generators_sync)]


@case
def sync_trace_in_an_async_task():
    return caught(one, uses_a_sync_trace)


@case
def errors():
    return [one(sees_the_original_error), caught(flyte.run, passes_the_error_on, message=True)]


@case
def wrong_output():
    return caught(flyte.run, sees_a_wrong_output)


@case
def is_inline():
    return one(mutates)


@case
def no_task_inside():
    return [one(nests), one(nests_forward)]


@case
def has_an_action_of_its_own():
    return one(action_names)


@case
def outside_a_task():
    return [double_sync(2), list(letters_sync("ab")), raised(OwnError())]


if __name__ == "__main__":
    show()
