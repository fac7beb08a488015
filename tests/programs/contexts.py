"""Tasks that tell what belongs to their call: the custom context, the name, the report."""

from __future__ import annotations

import asyncio

import localflyte as flyte

env = flyte.TaskEnvironment(name="contexts")


@env.task
def seen() -> dict[str, str]:
    return flyte.get_custom_context()


@env.task
def below() -> list[dict[str, str]]:
    return [flyte.get_custom_context(), seen()]


@env.task
async def within(who: str) -> dict[str, str]:
    """Adds to the context while others that run beside it do the same."""
    with flyte.custom_context(who=who):
        await asyncio.sleep(0)
        return await seen.aio()


@env.task
async def everywhere() -> list[dict[str, str]]:
    here = flyte.get_custom_context()
    deep = await below.aio()
    with flyte.custom_context(who="inner", more="1"):
        inner = await below.aio()
    together = await asyncio.gather(*(within(who) for who in ("ada", "bob")))
    return [here, *deep, *inner, *together, await seen.aio(), flyte.get_custom_context()]


@env.task
async def named() -> str:
    return flyte.ctx().action.name


@env.task
async def overridden() -> list[str]:
    """Equal calls of a task that is another object each time."""
    return [await named.override(short_name="same")() for _ in range(5)]


@env.task
async def unreported() -> None:
    await flyte.report.log.aio("<p>of nobody</p>")


@env.task(report=True)
async def reported(html: str) -> None:
    if html:
        flyte.report.get_tab("Main").log(html)


@env.task(retries=1)
def says_it_twice() -> None:
    number = flyte.ctx().attempt_number
    print(f"attempt {number}\nthe end")
    if not number:
        raise ValueError("once more")
