"""flyte.syncify: functions with two forms, ``f(...)`` which blocks and ``f.aio(...)`` which is awaited."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from typing import Any
from typing import Generic
from typing import ParamSpec
from typing import TypeVar

from localflyte.api.sync import drive
from localflyte.api.sync import run_blocking

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

    It takes functions, methods, classmethods and staticmethods. The blocking form works with and without a running event loop.
    """

    def __call__(self, function: Any) -> Any:
        """Wrap a coroutine function or an async generator function.

        :raises TypeError: if it is neither
        """
        inner = function.__func__ if isinstance(function, classmethod | staticmethod) else function
        if not (inspect.iscoroutinefunction(inner) or inspect.isasyncgenfunction(inner)):
            raise TypeError(f"syncify takes an `async def` function, not {function!r}")
        return _TwoForms(function)


class _TwoForms:
    """What `Syncify` returns; as a class attribute it binds like the function it wraps."""

    def __init__(self, function: Any) -> None:
        self._function = function
        functools.update_wrapper(self, getattr(function, "__func__", function))

    def __get__(self, instance: object, cls: type | None = None) -> _TwoForms:
        return _TwoForms(self._function.__get__(instance, cls))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        started = self._function(*args, **kwargs)
        try:
            given = run_blocking(started) if inspect.iscoroutine(started) else started
        except Exception as error:
            _shorten(error)
            raise
        return _driven(given) if isinstance(given, AsyncIterator) else given

    def __reduce__(self) -> Any:
        # A global is pickled by its name, as the function that it stands for would be.
        found: Any = sys.modules.get(self._function.__module__)
        for name in self._function.__qualname__.split("."):
            found = getattr(found, name, None)
        return self._function.__qualname__ if found is self else (_TwoForms, (self._function,))

    def aio(self, *args: Any, **kwargs: Any) -> Any:
        """Call the wrapped function: a coroutine to await, or an async generator."""
        started = self._function(*args, **kwargs)
        return _apart(started) if inspect.iscoroutine(started) else started


def _driven(items: AsyncIterator[T]) -> Iterator[T]:
    try:
        yield from drive(items)
    except Exception as error:
        _shorten(error)
        raise


def _shorten(error: Exception) -> None:
    """Leave out of an error's traceback how a loop was run for it."""
    trace = error.__traceback__
    while trace is not None and str(trace.tb_frame.f_globals.get("__name__")).partition(".")[0] in ("asyncio", "localflyte"):
        trace = trace.tb_next
    if trace is not None:
        error.__traceback__ = trace


async def _apart(started: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine as Flyte does: context variables that it sets stay its own."""
    from asyncio import create_task

    return await create_task(started)


syncify = Syncify()
