"""Dual: one async function that can be called both ways, ``f(...)`` to block and ``f.aio(...)`` to await."""

from __future__ import annotations

from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from functools import update_wrapper
from typing import Any
from typing import Concatenate
from typing import Generic
from typing import ParamSpec
from typing import TypeVar
from typing import overload

__all__ = ("Dual", "drive", "dual", "run_blocking")

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
T = TypeVar("T")
S = TypeVar("S")


class Dual(Generic[P, R]):
    """An async function whose plain call blocks. It binds like a method, so it also works in a class."""

    __wrapped__: Callable[P, Coroutine[Any, Any, R]]

    def __init__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> None:
        self._function = function
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return run_blocking(self._function(*args, **kwargs))

    def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        """:return: the awaitable form of the same call"""
        return self._function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Dual[P, R]: ...

    @overload
    def __get__(self: Dual[Concatenate[S, Q], T], instance: S, owner: type[Any]) -> Dual[Q, T]: ...

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        if instance is None:
            return self
        return type(self)(self._function.__get__(instance, owner))


def dual(function: Callable[P, Coroutine[Any, Any, R]]) -> Dual[P, R]:
    """Give an async function a blocking call; its own form moves to ``.aio``."""
    return Dual(function)


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and block this thread meanwhile, whether or not an event loop runs in it.

    :return: the coroutine's result
    """
    if not _loop_runs_here():
        from asyncio import run

        try:
            return run(coroutine)
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None  # how asyncio noticed it is of no interest to the person who pressed Ctrl-C
    from asyncio import run as run_loop
    from contextvars import copy_context
    from threading import Thread

    outcome: list[Any] = []

    def work() -> None:
        try:
            outcome.append((True, run_loop(coroutine)))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
            outcome.append((False, error))

    thread = Thread(target=copy_context().run, args=(work,), name="localflyte-blocking", daemon=True)
    thread.start()
    thread.join()
    ok, value = outcome[0]
    if not ok:
        raise value
    return value  # type: ignore[no-any-return]


def drive(items: AsyncIterator[T]) -> Iterator[T]:
    """Iterate over an async generator from sync code; closing the iterator closes the generator.

    Where no loop runs in this thread, one is run here whenever the next item is asked for; else in a thread beside it.
    """
    return _drive_beside(items) if _loop_runs_here() else _drive_here(items)


def _loop_runs_here() -> bool:
    import sys

    events = sys.modules.get("asyncio.events")
    return events is not None and events._get_running_loop() is not None


def _drive_here(items: AsyncIterator[T]) -> Iterator[T]:
    from asyncio import Runner

    with Runner() as runner:
        try:
            while True:
                try:
                    item = runner.run(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            runner.run(_close(items))


def _drive_beside(items: AsyncIterator[T]) -> Iterator[T]:
    """One request at a time crosses to the thread, so items are made no faster than a loop in this thread would make them."""
    from asyncio import Runner
    from contextvars import copy_context
    from queue import SimpleQueue
    from threading import Thread

    asked: SimpleQueue[bool] = SimpleQueue()
    given: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def work() -> None:
        with Runner() as runner:
            while asked.get():
                try:
                    given.put(("item", runner.run(_next(items))))
                except StopAsyncIteration:
                    given.put(("end", None))
                except BaseException as error:  # noqa: BLE001 - it is raised again in the thread that waits
                    given.put(("error", error))
            runner.run(_close(items))

    thread = Thread(target=copy_context().run, args=(work,), name="localflyte-map", daemon=True)
    thread.start()
    try:
        while True:
            asked.put(True)
            kind, value = given.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        asked.put(False)
        thread.join()


async def _next(items: AsyncIterator[T]) -> T:
    return await items.__anext__()


async def _close(items: AsyncIterator[Any]) -> None:
    close = getattr(items, "aclose", None)
    if close is not None:
        await close()
