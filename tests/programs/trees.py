"""A task that calls others as a tree says, which end as it says. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import localflyte as flyte

env = flyte.TaskEnvironment(name="trees")


@dataclass
class Node:
    """How a call ends, after it has made the calls below it."""

    how: str = "return"
    together: bool = False
    cached: bool = False
    retries: int = 0
    below: list[Any] = field(default_factory=list)

    @property
    def plain(self) -> list[Any]:
        return [self.how, self.together, self.cached, self.retries, [node.plain for node in self.below]]


async def grow(plain: list[Any]) -> int:
    how, together, _, _, below = plain
    calls = [task(node).aio(plain=flyte_safe(node)) for node in below]
    if together:
        values = await asyncio.gather(*calls, return_exceptions=True)
    else:
        values = [await settled(call) for call in calls]
    match how:
        case "raise":
            raise ValueError("as told")
        case "exit":
            os._exit(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "forget":  # a call that nobody waits for
            asyncio.ensure_future(plain_leaf.aio())
            await asyncio.sleep(0)
    return 1 + sum(value for value in values if isinstance(value, int))


async def settled(call: Any) -> Any:
    try:
        return await call
    except flyte.errors.BaseRuntimeError as error:
        return error


def flyte_safe(node: list[Any]) -> str:
    """:return: the tree as text: a type that contains itself is no input"""
    import json

    return json.dumps(node)


def task(node: list[Any]) -> Any:
    """:return: the task, as its node wants it to be called"""
    _, _, cached, retries, _ = node
    return grows_cached.override(retries=retries) if cached else grows.override(retries=retries)


@env.task
async def plain_leaf() -> int:
    await asyncio.sleep(0.01)
    return 1


@env.task
async def grows(plain: str) -> int:
    import json

    return await grow(json.loads(plain))


@env.task(cache="auto")
async def grows_cached(plain: str) -> int:
    import json

    return await grow(json.loads(plain))
