"""flyte.syncify: functions with two forms, ``f(...)`` which blocks and ``f.aio(...)`` which is awaited.

The blocking form of a coroutine function runs it on one event loop in one background thread, so that it works whether or not
the calling thread has a running loop of its own.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any
from typing import Generic
from typing import ParamSpec
from typing import TypeVar

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

__all__ = ("Syncify", "WithAio", "syncify")

P = ParamSpec("P")
T = TypeVar("T")


class WithAio(Generic[P, T]):
    """A function that does not block for long, with the `aio` form that Flyte's functions have."""

    def __init__(self, function: Callable[P, T]) -> None:
        self._function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._function(*args, **kwargs)

    async def aio(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Do the same in a coroutine."""
        return self._function(*args, **kwargs)


class Syncify:
    """A decorator that gives coroutine functions and async generators a blocking form, and keeps them as ``.aio``.

    It takes functions, methods, classmethods and staticmethods. The loop thread starts with the first blocking call.

    :param name: the name of the loop's thread
    """

    def __init__(self, name: str = "localflyte-syncify") -> None:
        self._name = name
        self._loop: AbstractEventLoop | None = None

    def __call__(self, function: Any) -> Any:
        """Wrap a coroutine function or an async generator function.

        :raises TypeError: if it is neither
        """
        inner = function.__func__ if isinstance(function, classmethod | staticmethod) else function
        if not (inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)):
            raise TypeError(f"syncify takes an `async def` function, not {function!r}")
        return _TwoForms(self, function)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop thread and block until it ends.

        :raises RuntimeError: if it is called on the loop thread itself, where it could never end
        """
        import asyncio

        loop = self._running_loop()
        try:
            here: object = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is loop:
            coroutine.close()
            raise RuntimeError("Deadlock detected: a blocking call inside a coroutine that such a call started. Await its .aio form.")
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in the waiting thread must end the work as well
            raise

    def iterate(self, iterator: AsyncIterator[T]) -> Iterator[T]:
        """Go through an async iterator from blocking code, each step on the loop thread."""

        async def step() -> T:
            return await anext(iterator)

        try:
            while True:
                try:
                    item = self.run(step())
                except StopAsyncIteration:
                    return
                yield item
        finally:
            close = getattr(iterator, "aclose", None)
            if close is not None:
                self.run(close())

    def _running_loop(self) -> AbstractEventLoop:
        if self._loop is None or self._loop.is_closed():
            import asyncio
            from threading import Thread

            self._loop = asyncio.new_event_loop()
            Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
        return self._loop


class _TwoForms:
    """What `Syncify` returns; as a class attribute it binds like the function it wraps."""

    def __init__(self, owner: Syncify, function: Any) -> None:
        self._owner = owner
        self._function = function
        functools.update_wrapper(self, getattr(function, "__func__", function))

    def __get__(self, instance: object, cls: type | None = None) -> _TwoForms:
        return _TwoForms(self._owner, self._function.__get__(instance, cls))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        started = self.aio(*args, **kwargs)
        return self._owner.run(started) if inspect.iscoroutine(started) else self._owner.iterate(started)

    def aio(self, *args: Any, **kwargs: Any) -> Any:
        """Call the wrapped function itself: a coroutine to await, or an async generator."""
        return self._function(*args, **kwargs)


syncify = Syncify()
