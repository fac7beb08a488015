"""Loops: run one coroutine in this process's main thread, as asyncio.run does, without what a process about to end can spare."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ("run_to_end",)


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run the coroutine on a new loop, cancel what it left running, and give its result back.

    The loop is not closed: the process ends next, and closing costs more than leaving.
    """
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(coroutine)
    finally:
        left = asyncio.all_tasks(loop)
        if left:
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        if getattr(loop, "_asyncgens", True):
            loop.run_until_complete(loop.shutdown_asyncgens())
        if getattr(loop, "_default_executor", True):
            loop.run_until_complete(loop.shutdown_default_executor())
