"""Map: call one task for many inputs at once, ``flyte.map(...)`` for a sync and ``flyte.map.aio(...)`` for an async iterator."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterable
from collections.abc import Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar
from typing import overload

from localflyte.api.context import current
from localflyte.api.context import replaced
from localflyte.api.port import current_port
from localflyte.api.sync import drive
from localflyte.api.sync import run_blocking
from localflyte.api.task import TaskTemplate

if TYPE_CHECKING:
    from asyncio import Task

__all__ = ("map",)

R = TypeVar("R")
T = TypeVar("T")

MOST_IN_FLIGHT = 1000  # Flyte's bound on the children of one parent that run at a time


class _Map:
    """Call a task for each row of the given iterables, and yield the results in the order of the inputs.

    Inside a task the calls run at the same time, each in its own process; elsewhere they are plain calls, one by one.
    Closing the iterator early ends the calls that still run.
    """

    @overload
    def __call__(
        self,
        func: TaskTemplate[..., Coroutine[Any, Any, T], Any],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Iterator[T | Exception]: ...

    @overload
    def __call__(
        self,
        func: TaskTemplate[..., R, Any] | functools.partial[R],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Iterator[R | Exception]: ...

    def __call__(
        self, func: Any, *args: Iterable[Any], group_name: str | None = None, concurrency: int = 0, return_exceptions: bool = True
    ) -> Iterator[Any]:
        """Call the task for each row of inputs and yield the results.

        :param func: a task, or a ``functools.partial`` of one that leaves one parameter free
        :param args: one iterable for each parameter; the shortest ends it
        :param group_name: the group's name is ``<task>_<this, or "map">``
        :param concurrency: how many calls run at a time; 0 means as many as there is room for
        :param return_exceptions: yield a failed call's exception in the place of its result; else the first one, in the
            order of inputs, ends the other calls and is raised
        :raises TypeError: if `func` is no task, or does not leave exactly one parameter free
        :raises ValueError: if `concurrency` is negative
        """
        task, call = _prepare(func, concurrency)
        if current_port() is None:
            return _one_by_one(call, args, return_exceptions)
        return drive(_at_once(call, args, f"{task.name}_{group_name or 'map'}", concurrency, return_exceptions))

    @overload
    def aio(
        self,
        func: TaskTemplate[..., Coroutine[Any, Any, T], Any],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncIterator[T | Exception]: ...

    @overload
    def aio(
        self,
        func: TaskTemplate[..., R, Any] | functools.partial[R],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncIterator[R | Exception]: ...

    def aio(
        self, func: Any, *args: Iterable[Any], group_name: str | None = None, concurrency: int = 0, return_exceptions: bool = True
    ) -> AsyncIterator[Any]:
        """Do the same for ``async for``."""
        task, call = _prepare(func, concurrency)
        if current_port() is None:
            return _one_by_one_async(call, args, return_exceptions)
        return _at_once(call, args, f"{task.name}_{group_name or 'map'}", concurrency, return_exceptions)


map = _Map()

Call = Callable[..., Coroutine[Any, Any, Any]]


def _prepare(func: Any, concurrency: int) -> tuple[TaskTemplate[..., Any, Any], Call]:
    if concurrency < 0:
        raise ValueError(f"flyte.map: concurrency must be 0 (no bound of its own) or more, got {concurrency!r}")
    bound = isinstance(func, functools.partial)
    task = func.func if bound else func
    if not isinstance(task, TaskTemplate):
        raise TypeError(f"flyte.map calls tasks, and {getattr(task, '__name__', task)!r} is none. Decorate it with @env.task first.")
    if not bound:
        return task, task.aio
    _check_partial(func, task)
    return task, functools.partial(task.aio, *func.args, **func.keywords)


def _check_partial(partial: functools.partial[Any], task: TaskTemplate[..., Any, Any]) -> None:
    names = list(task.native_interface.inputs)
    by_position = names[: len(partial.args)]
    twice = [name for name in by_position if name in partial.keywords]
    if twice:
        raise TypeError(f"flyte.map: the partial of task {task.name} binds {', '.join(twice)} by position and by keyword")
    free = [name for name in names if name not in by_position and name not in partial.keywords]
    if len(free) != 1:
        raise TypeError(
            f"flyte.map: a partial of task {task.name} must leave exactly one parameter free, this one leaves {len(free)} "
            f"({', '.join(free) or 'none'}). The task takes: {', '.join(names)}"
        )
    if free[0] != names[len(partial.args)]:
        raise TypeError(
            f"flyte.map: the mapped value is passed by position, as {names[len(partial.args)]!r}, which the partial of task {task.name} "
            f"binds already; the free one is {free[0]!r}. Let the free parameter come first in the signature, "
            f"or bind those before it by position."
        )


def _one_by_one(call: Call, args: tuple[Iterable[Any], ...], return_exceptions: bool) -> Iterator[Any]:
    for row in zip(*args, strict=False):
        try:
            result = run_blocking(call(*row))
        except Exception as error:
            if not return_exceptions:
                raise
            result = error
        yield result


async def _one_by_one_async(call: Call, args: tuple[Iterable[Any], ...], return_exceptions: bool) -> AsyncIterator[Any]:
    for row in zip(*args, strict=False):
        try:
            result = await call(*row)
        except Exception as error:
            if not return_exceptions:
                raise
            result = error
        yield result


async def _at_once(
    call: Call, args: tuple[Iterable[Any], ...], group: str, concurrency: int, return_exceptions: bool
) -> AsyncIterator[Any]:
    window = _Window(zip(*args, strict=False), call, group, min(concurrency or MOST_IN_FLIGHT, MOST_IN_FLIGHT))
    try:
        window.fill()
        while window.started:
            one = window.started.popleft()
            try:
                result = await one
            except Exception as error:
                if not return_exceptions:
                    raise
                result = error
            yield result
    finally:
        await window.close()


class _Window:
    """Calls that run at the same time: whenever one ends the next one starts, whoever's result is awaited meanwhile."""

    def __init__(self, rows: Iterator[tuple[Any, ...]], call: Call, group: str, size: int) -> None:
        from asyncio import get_running_loop

        self.started: deque[Task[Any]] = deque()
        self._rows = rows
        self._call = call
        self._group = group
        self._size = size
        self._running: set[Task[Any]] = set()
        self._loop = get_running_loop()
        self._more = True

    def fill(self) -> None:
        """Start calls until the window is full."""
        while self._more and len(self._running) < self._size:
            try:
                row = next(self._rows)
            except StopIteration:
                self._more = False
                return
            except Exception as error:  # noqa: BLE001 - an iterable of the user's: its error belongs into the order of results
                self._more = False
                self._start(_raise(error))
                return
            self._start(self._in_group(row))

    def _start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        one = self._loop.create_task(coroutine, context=copy_context())
        self.started.append(one)
        self._running.add(one)
        one.add_done_callback(self._ended)

    def _ended(self, one: Task[Any]) -> None:
        self._running.discard(one)
        if not one.cancelled():
            one.exception()  # asked for, so that a result nobody awaits any more is not reported as forgotten
        self.fill()

    async def _in_group(self, row: tuple[Any, ...]) -> Any:
        context = current()
        if context is None:
            return await self._call(*row)
        from localflyte.api.action import GroupData

        with replaced(context.replace(group_data=GroupData(self._group))):
            return await self._call(*row)

    async def close(self) -> None:
        """End what still runs, and wait until it has ended."""
        from asyncio import gather

        self._more = False
        running = list(self._running)
        for one in running:
            one.cancel()
        if running:
            await gather(*running, return_exceptions=True)


async def _raise(error: BaseException) -> Any:
    raise error
