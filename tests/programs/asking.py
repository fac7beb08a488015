"""Tasks that ask people."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import localflyte as flyte

env = flyte.TaskEnvironment(name="asking")


@env.task
async def approve(prompt: str) -> bool:
    condition = await flyte.new_condition.aio("approval", prompt=prompt)
    return bool(await condition.wait.aio())


@env.task
def all_kinds() -> list[str]:
    answers = [flyte.new_condition(kind.__name__, prompt=f"A {kind.__name__}?", data_type=kind).wait() for kind in (bool, int, float, str)]
    return [repr(answer) for answer in answers]


@env.task
def in_markdown() -> bool:
    prompt = "# Release\n\nShip **1.2** to:\n\n- north\n- [south](https://south.example)\n"
    return flyte.new_condition("ship", prompt=prompt, prompt_type="markdown", description="For good.").wait()


@env.task
async def at_once() -> list[int]:
    conditions = [await flyte.new_condition.aio(f"number{n}", prompt="Which?", data_type=int, description="Any.") for n in range(3)]
    return list(await asyncio.gather(*(condition.wait.aio() for condition in conditions)))


@env.task
async def impatient() -> str:
    condition = await flyte.new_condition.aio("late", timeout=timedelta(milliseconds=100))
    try:
        await condition.wait.aio()
    except flyte.errors.ConditionTimedoutError as error:
        return str(error)
    return "answered"


@env.task
def twice() -> None:
    flyte.new_condition("same")
    flyte.new_condition("same")


@env.task
async def announced(url: str) -> float:
    hook = flyte.ConditionWebhook(url, {"text": "Answer at {callback_uri}", "list": ["{callback_uri}"], "number": 1})
    condition = await flyte.new_condition.aio("announced", data_type=float, webhook=hook)
    return float(await condition.wait.aio())


@env.task(retries=2)
async def asks_again() -> tuple[bool, int]:
    first = await flyte.new_condition.aio("first", prompt="First?")
    answer = await first.wait.aio()
    await flyte.new_condition.aio("second", prompt="Second?")
    if flyte.ctx().attempt_number < 2:
        raise ValueError("not yet")
    return bool(answer), flyte.ctx().attempt_number
