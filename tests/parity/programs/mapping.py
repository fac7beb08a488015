"""Mapping: flyte.map, its partials and what it does with errors."""

from functools import partial

import flyte
import flyte.errors
from cases import case
from cases import caught
from cases import raised
from cases import shape
from cases import show

env = flyte.TaskEnvironment(name="mapping")


@env.task
async def double(x: int) -> int:
    return x * 2


@env.task
def double_sync(x: int) -> int:
    return x * 2


@env.task
async def add(x: int, y: int) -> int:
    return x * 10 + y


@env.task
async def scaled(x: int, by: int, plus: int = 0) -> int:
    return x * by + plus


@env.task
async def odd_fails(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x


@env.task
async def pair(x: int) -> tuple[int, str]:
    return x, str(x)


def values(results):
    return [raised(value) if isinstance(value, Exception) else shape(value) for value in results]


@env.task
def maps(xs: list[int]) -> list[int]:
    return list(flyte.map(double, xs))


@env.task
def maps_sync_task(xs: list[int]) -> list[int]:
    return list(flyte.map(double_sync, xs, concurrency=2))


@env.task
async def maps_aio(xs: list[int]) -> list[int]:
    return [value async for value in flyte.map.aio(double, xs)]


@env.task
async def maps_aio_limited(xs: list[int]) -> list[int]:
    return [value async for value in flyte.map.aio(double, xs, concurrency=2, group_name="limited")]


@env.task
def maps_two(xs: list[int], ys: list[int]) -> list[int]:
    return list(flyte.map(add, xs, ys))


@env.task
def maps_partial(xs: list[int]) -> list[int]:
    return list(flyte.map(partial(scaled, by=3, plus=1), xs))


@env.task
def maps_partial_positional(ys: list[int]) -> list[int]:
    return list(flyte.map(partial(add, 7), ys))


@env.task
def maps_partial_two_free(xs: list[int]) -> list[int]:
    return list(flyte.map(partial(scaled, plus=1), xs))


@env.task
def maps_partial_bound_twice(xs: list[int]) -> list[int]:
    return list(flyte.map(partial(add, 1, x=2), xs))


@env.task
def maps_failing(xs: list[int]) -> list[str]:
    return values(flyte.map(odd_fails, xs))


@env.task
def maps_failing_raises(xs: list[int]) -> list[str]:
    seen = []
    try:
        for value in flyte.map(odd_fails, xs, return_exceptions=False):
            seen.append(str(value))
    except flyte.errors.RuntimeUserError as error:
        seen.append(raised(error))
    return seen


@env.task
async def maps_failing_aio(xs: list[int]) -> list[str]:
    return values([value async for value in flyte.map.aio(odd_fails, xs)])


@env.task
async def maps_failing_raises_aio(xs: list[int]) -> list[int]:
    return [value async for value in flyte.map.aio(odd_fails, xs, return_exceptions=False)]


@env.task
def sums_failing(xs: list[int]) -> int:
    return sum(list(flyte.map(odd_fails, xs)))


@env.task
def maps_pairs(xs: list[int]) -> list[str]:
    return values(flyte.map(pair, xs))


@env.task
def maps_function(xs: list[int]) -> list[int]:
    return list(flyte.map(lambda x: x, xs))


@env.task
def maps_override(xs: list[int]) -> list[int]:
    return list(flyte.map(double.override(short_name="twice"), xs))


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


@case
def in_order():
    return [one(maps, [3, 1, 2]), one(maps, [])]


@case
def over_a_sync_task():
    return one(maps_sync_task, [3, 1, 2, 5])


@case
def asynchronously():
    return [one(maps_aio, [3, 1, 2]), one(maps_aio_limited, list(range(7)))]


@case
def two_iterables():
    return [one(maps_two, [1, 2], [3, 4]), one(maps_two, [1, 2, 3], [5])]


@case
def partials():
    return [one(maps_partial, [1, 2]), one(maps_partial_positional, [1, 2])]


@case
def partial_with_two_free():
    return caught(flyte.run, maps_partial_two_free, [1])


@case
def partial_bound_twice():
    return caught(flyte.run, maps_partial_bound_twice, [1])


@case
def errors_are_values():
    return [one(maps_failing, [0, 1, 2, 3]), one(maps_failing_aio, [1, 2])]


@case
def errors_are_raised():
    return [one(maps_failing_raises, [0, 2, 3, 4]), caught(flyte.run, maps_failing_raises_aio, [0, 1], message=True)]


@case
def a_sum_surfaces_the_error():
    return caught(flyte.run, sums_failing, [0, 1], message=True)


@case
def several_outputs():
    return one(maps_pairs, [1, 2])


@case
def plain_function():
    return caught(flyte.run, maps_function, [1])


@case
def overridden_task():
    return one(maps_override, [1, 2])


@case
def outside_a_task():
    return list(flyte.map(double_sync, [1, 2]))


if __name__ == "__main__":
    show()
