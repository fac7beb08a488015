"""Calling: arguments, defaults, and calls that do not fit the parameters."""

import asyncio
from dataclasses import dataclass
from dataclasses import field
from typing import Optional

import flyte
import flyte.errors
from cases import case
from cases import caught
from cases import show

env = flyte.TaskEnvironment(name="calling")


@dataclass
class Settings:
    depth: int = 3
    tags: list[str] = field(default_factory=list)


@env.task
async def three(a: int, b: int = 2, c: str = "c") -> str:
    return f"{a} {b} {c}"


@env.task
async def keyword_only(a: int, *, b: int = 5) -> int:
    return a * 100 + b


@env.task
async def optional(a: Optional[int] = None, b: int | None = None) -> str:
    return f"{a} {b}"


@env.task
async def collections(xs: list[int] = [1, 2], d: dict[str, int] = {"a": 1}) -> int:
    xs.append(5)
    d["b"] = 2
    return len(xs) * 10 + len(d)


@env.task
async def structured(settings: Settings = Settings(depth=4)) -> Settings:
    return settings


@env.task
async def none_for_int(x: int = None) -> str:
    return f"{x}"


@env.task
async def parent() -> list[str]:
    return [await three(1), await three(1, 3), await three(1, c="d"), await three(a=1, c="d", b=0)]


@env.task
async def parent_too_few() -> str:
    return await three()


@env.task
async def parent_sees_too_few() -> str:
    try:
        return await three()
    except ValueError as error:
        return type(error).__name__


@env.task
def fails_sync(x: int) -> int:
    raise ValueError(f"bad {x}")


@env.task
async def fails(x: int) -> int:
    raise ValueError(f"bad {x}")


@env.task
def doubled(x: int) -> int:
    return x * 2


def one(task, *args, **kwargs):
    return flyte.run(task, *args, **kwargs).outputs()[0]


@case
def by_position_and_keyword():
    return [one(three, 1), one(three, 1, 3), one(three, 1, c="d"), one(three, c="d", a=1, b=0), one(parent)]


@case
def keyword_only_parameters():
    return [one(keyword_only, 1), one(keyword_only, 1, b=2)]


@case
def optional_defaults():
    return [one(optional), one(optional, 1), one(optional, b=2), one(optional, None, None)]


@case
def mutable_defaults_are_fresh():
    return [one(collections), one(collections)]


@case
def dataclass_default():
    return [one(structured), one(structured, Settings(tags=["a"]))]


@case
def none_as_default_of_an_int():
    return caught(flyte.run, none_for_int)


@case
def missing():
    return [caught(flyte.run, three), caught(flyte.run, keyword_only, b=1), caught(flyte.run, parent_too_few)]


@case
def missing_is_native_in_a_task():
    return one(parent_sees_too_few)


@case
def too_many():
    return caught(flyte.run, three, 1, 2, "c", 4)


@case
def too_many_keywords():
    return caught(flyte.run, three, a=1, b=2, c="c", d=4)


@case
def unknown_keyword():
    return caught(one, three, 1, typo=2)


@case
def given_twice():
    return caught(one, three, 1, a=2)


@case
def no_task():
    return [caught(flyte.run, len, [1]), caught(flyte.run, "three")]


@case
def outside_of_a_run():
    return [doubled(4), asyncio.run(three(1)), doubled.forward(5), doubled(x=2)]


@case
def failing_outside_of_a_run():
    return [caught(fails_sync, 1, message=True), caught(lambda: asyncio.run(fails(1)))]


@case
def run_aio():
    async def main():
        run = await flyte.run.aio(three, 1)
        await run.wait.aio()
        return (await run.outputs.aio())[0]

    return asyncio.run(main())


@case
def with_runcontext():
    run = flyte.with_runcontext(mode="local").run(three, 9)
    run.wait()
    return [run.outputs()[0], isinstance(run.url, str)]


@case
def with_runcontext_of_one():
    return caught(lambda: flyte.with_runcontext(mode="local", max_action_concurrency=1).run(three, 1))


if __name__ == "__main__":
    show()
