"""Body: what runs of a task in its own process: the plain function, or what a plugin has put around it or in its place."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from localflyte.api.context import current

__all__ = ("run_body", "run_steps")


def run_body(task: Any, values: Mapping[str, Any], function_template: type[Any]) -> Any:
    """Run a task on decoded inputs.

    :param function_template: the class whose tasks run nothing but their function, unless a subclass says otherwise
    :return: the result of a sync task, a coroutine for an async one
    """
    cls = type(task)
    if cls.execute is function_template.execute and cls.pre is function_template.pre and cls.post is function_template.post:
        return task.func(**values)
    if task.is_async:
        return task.execute(**values)
    from localflyte.api.sync import run_blocking

    return run_blocking(task.execute(**values))


async def run_steps(task: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Run `pre`, the function and `post` of a task.

    A sync function runs in a thread, so that it meets no event loop: it may run one, or block, as in any sync task.

    :return: what the function returned; what `post` returns is not used
    """
    context = current()
    data = await task.pre(*args, **kwargs)
    if context is not None and data:
        context.data.update(data)
    if task.is_async:
        result = task.func(*args, **kwargs)
    else:
        from asyncio import to_thread

        result = await to_thread(task.func, *args, **kwargs)
    if inspect.isawaitable(result):
        result = await result
    await task.post(result)
    return result
