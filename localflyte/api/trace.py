"""Trace: record calls of a plain function inside a task, with what went in, what came out, and how long it took.

What came out is given again, without the function running, when the task is tried again in the same run.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Iterator
from time import time
from typing import Any
from typing import ParamSpec
from typing import TypeVar
from typing import cast

from localflyte.api.action import ActionID
from localflyte.api.context import TaskContext
from localflyte.api.context import current
from localflyte.api.context import replaced
from localflyte.api.port import Port
from localflyte.api.port import current_port
from localflyte.spec.digest import sha256
from localflyte.spec.packed import Packed
from localflyte.types.interface import Interface

__all__ = ("trace",)

P = ParamSpec("P")
R = TypeVar("R")


def trace(func: Callable[P, R]) -> Callable[P, R]:
    """Record the calls of a function: sync or async, or a generator of either kind. Outside a task it is the plain function.

    The body runs here, in the task's own process. It cannot call tasks; their ``forward`` it can. A call that has succeeded in an
    earlier attempt of the task is not made again: its result is what was recorded then. As on a cluster, that does not hold for a
    function that returns nothing, for a call that raised, and for results beyond 10 MiB in all.

    :raises TypeError: if it is given something that cannot be called
    """
    if not callable(func):
        raise TypeError(f"@flyte.trace takes a function and no arguments, got {func!r}")
    function: Any = func
    if inspect.isasyncgenfunction(function):
        wrapper: Any = _trace_async_generator(function)
    elif inspect.iscoroutinefunction(function):
        wrapper = _trace_async(function)
    elif inspect.isgeneratorfunction(function):
        wrapper = _trace_generator(function)
    else:
        wrapper = _trace_sync(function)
    return cast("Callable[P, R]", wrapper)


class _Recording:
    """One traced call, from its start to the note that tells the engine."""

    def __init__(self, function: Any, port: Port, context: TaskContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._port = port
        self._interface, self._items = _interface_of(function)
        self._name = function.__name__
        self._task = f"trace {self._name}"
        values = self._interface.bind(args, kwargs, task=self._task)
        packed = self._interface.encode_inputs(values, task=self._task, canonical=True)
        self._inputs = sha256(b"".join(name.encode() + b":" + (each.canonical or each.data) for name, each in packed.items()))
        self._seen: list[Any] = []
        self.context = context.replace(action=_action(context, self._name, self._inputs))
        self._recorded = context.recorded.get(self.context.action.name) if self._interface.outputs else None
        self._started = time()

    @property
    def is_known(self) -> bool:
        """Whether an earlier attempt has made this very call."""
        return self._recorded is not None

    def result(self) -> Any:
        """:return: what the call gave then; of a generator, the list of what it yielded"""
        return self._interface.decode_outputs([Packed(*each) for each in self._recorded or ()], task=self._task)

    def item(self, value: Any) -> None:
        """Remember what a generator yielded."""
        self._seen.append(value)

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """Tell the engine how the call ended.

        :raises RuntimeDataValidationError: if the result is not what the function declares
        """
        ended = time()
        outputs: Any = ()
        if error is None:
            outputs = self._interface.encode_outputs(self._seen if self._items else result, task=self._task)
        task_action = self.context.task_action
        self._port.tell(
            "trace",
            {
                "name": self._name,
                "action": self.context.action.name,
                "parent": task_action.name if task_action is not None else "",
                "inputs": self._inputs,
                "outputs": [tuple(each) for each in outputs],
                "started": self._started,
                "seconds": ended - self._started,
                "error": None if error is None else {"code": getattr(error, "code", type(error).__name__), "message": str(error)},
            },
        )


def _recording(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Recording | None:
    port, context = current_port(), current()
    return None if port is None or context is None else _Recording(function, port, context, args, kwargs)


@functools.lru_cache(maxsize=256)
def _interface_of(function: Any) -> tuple[Interface, bool]:
    """:return: the interface, and whether it has one list of items for what a generator yields"""
    task = f"trace {function.__name__}"
    if not inspect.isgeneratorfunction(function) and not inspect.isasyncgenfunction(function):
        return Interface.from_function(_with_result(function), task=task), False

    from types import GenericAlias

    from localflyte.types.annotations import function_hints

    hints = function_hints(function, task=task)
    item: Any = (getattr(hints.get("return"), "__args__", None) or (Any,))[0]
    shown = _copy_of(function)
    shown.__annotations__ = {**{name: hints[name] for name in hints if name != "return"}, "return": GenericAlias(list, (item,))}
    return Interface.from_function(shown, task=task), True


def _with_result(function: Any) -> Any:
    """A function without a return annotation may return anything from a trace."""
    if "return" in getattr(function, "__annotations__", {}):
        return function
    shown = _copy_of(function)
    shown.__annotations__ = {**getattr(function, "__annotations__", {}), "return": Any}
    return shown


def _copy_of(function: Any) -> Any:
    from types import FunctionType

    inner = inspect.unwrap(function)
    made = FunctionType(inner.__code__, inner.__globals__, inner.__name__, inner.__defaults__, inner.__closure__)
    made.__kwdefaults__ = inner.__kwdefaults__
    return made


def _action(context: TaskContext, name: str, inputs: str) -> ActionID:
    parent = context.task_action or context.action
    count = context.trace_calls[f"{name}-{inputs}"] = context.trace_calls.get(f"{name}-{inputs}", 0) + 1
    # The same call of the same function by the same parent has the same name in every attempt.
    return parent.new_sub_action(sha256(f"{parent.name}-{inputs}-trace-{name}-{count}".encode())[:25])


def _trace_sync(function: Any) -> Any:
    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Any:
        recording = _recording(function, args, kwargs)
        if recording is None:
            return function(*args, **kwargs)
        if recording.is_known:
            return recording.result()
        try:
            with replaced(recording.context):
                result = function(*args, **kwargs)
        except BaseException as error:
            recording.end(error=error)
            raise
        recording.end(result)
        return result

    return traced


def _trace_async(function: Any) -> Any:
    @functools.wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> Any:
        recording = _recording(function, args, kwargs)
        if recording is None:
            return await function(*args, **kwargs)
        if recording.is_known:
            return recording.result()
        try:
            with replaced(recording.context):
                result = await function(*args, **kwargs)
        except BaseException as error:
            recording.end(error=error)
            raise
        recording.end(result)
        return result

    return traced


def _trace_generator(function: Any) -> Any:
    @functools.wraps(function)
    def traced(*args: Any, **kwargs: Any) -> Iterator[Any]:
        recording = _recording(function, args, kwargs)
        if recording is None:
            yield from function(*args, **kwargs)
            return
        if recording.is_known:
            yield from recording.result()
            return
        items = function(*args, **kwargs)
        try:
            while True:
                # Only the body is inside of the trace; whoever takes the items is not.
                with replaced(recording.context):
                    item = next(items, _END)
                if item is _END:
                    break
                recording.item(item)
                yield item
        except BaseException as error:
            items.close()
            recording.end(error=error)
            raise
        recording.end()

    return traced


def _trace_async_generator(function: Any) -> Any:
    @functools.wraps(function)
    async def traced(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        recording = _recording(function, args, kwargs)
        if recording is not None and recording.is_known:
            for item in recording.result():
                yield item
            return
        items = function(*args, **kwargs)
        if recording is None:
            async for item in items:
                yield item
            return
        try:
            while True:
                with replaced(recording.context):
                    item = await anext(items, _END)
                if item is _END:
                    break
                recording.item(item)
                yield item
        except BaseException as error:
            await items.aclose()
            recording.end(error=error)
            raise
        recording.end()

    return traced


_END: Any = object()
