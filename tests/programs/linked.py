"""Tasks with links."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import localflyte as flyte

env = flyte.TaskEnvironment(name="linked")


@dataclass
class Board(flyte.Link):
    name: str = "board"

    def get_link(
        self, run_name: str, project: str, domain: str, context: Any, parent_action_name: str, action_name: str, **more: Any
    ) -> str:
        place = f"{project}/{domain}/{run_name}/{parent_action_name}/{action_name}/{more['pod_name']}"
        return f"https://board.example/{place}?team={context.get('team', '')}"


class Broken:
    name = "broken"
    icon_uri = None

    def get_link(self, **known: Any) -> str:
        raise LookupError("no such board")


@env.task(links=Board(), cache="auto")
async def leaf(x: int) -> int:
    return x


@env.task(links=(Board(), Board(name="second")))
async def root(n: int) -> list[int]:
    with flyte.custom_context(team="red"):
        return [await leaf(x) for x in range(n)]


@env.task(links=Broken())
async def broken() -> None: ...
