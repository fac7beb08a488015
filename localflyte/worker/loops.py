"""Loops: run one coroutine in this process's main thread as asyncio.run does, at a price a forked child can pay.

Measured per child: making, running and closing asyncio's own loop touches 276 pages, each a copy after a fork, and takes
1.0 ms. Most tasks never wait for anything. So the loop is made before the fork, without a selector and a wake-up pipe;
it opens them when something first needs them, and a coroutine that ends in its first step ends without them.
"""

from __future__ import annotations

import asyncio
import sys
from _thread import allocate_lock
from _thread import get_ident
from asyncio.base_events import BaseEventLoop
from asyncio.events import _set_running_loop
from collections.abc import Coroutine
from selectors import DefaultSelector
from typing import Any

__all__ = ("finish", "kept_loop", "prepare", "run_to_end")

_LATE = frozenset(("_selector", "_ssock", "_csock"))  # what needs descriptors


class _LateLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, opened when it first needs a descriptor. Everything but the opening is asyncio's own."""

    def __init__(self) -> None:
        BaseEventLoop.__init__(self)
        self.made_tasks = 0
        self.opened = False
        self._opening = allocate_lock()
        # The empty containers that SelectorEventLoop.__init__ adds to the base differ between Python versions: ask one.
        real = asyncio.SelectorEventLoop()
        for name, value in vars(real).items():
            if name not in self.__dict__ and name not in _LATE:
                setattr(self, name, type(value)())
        real.close()

    def __getattr__(self, name: str) -> Any:
        if name not in _LATE:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        self.open()
        return self.__dict__[name]

    def open(self) -> None:
        """Open selector and wake-up pipe. A second time does nothing."""
        with self._opening:
            if not self.opened:
                self._selector = DefaultSelector()
                self._make_self_pipe()
                self.opened = True

    def create_task(self, *args: Any, **kwargs: Any) -> Any:
        self.made_tasks += 1
        return super().create_task(*args, **kwargs)


_prepared: _LateLoop | None = None


def prepare() -> None:
    """Make the loop that the children will inherit. Nothing of it is open yet, so nothing is shared.

    A program that chose another event loop policy (uvloop) gets the loop of its choice, made in the child.
    """
    global _prepared  # noqa: PLW0603 - made once, before the forks
    if _prepared is None and type(asyncio.get_event_loop_policy()) is asyncio.DefaultEventLoopPolicy:
        _prepared = _LateLoop()
        asyncio.set_event_loop(_prepared)


def run_to_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run the coroutine on this process's loop, cancel what it left running, and give its result back.

    The loop is not closed: the process ends next.
    """
    loop = _prepared
    if loop is None:
        return asyncio.run(coroutine)
    task = asyncio.Task(coroutine, loop=loop)
    try:
        _first_step(loop)
        if task.done() and not loop._ready:
            return task.result()
        return loop.run_until_complete(task)  # also when it is done: what it left for the loop's next round is due, as in asyncio.run
    finally:
        if loop.made_tasks or loop.opened or loop._asyncgens or loop._default_executor:
            finish(loop)


def _first_step(loop: Any) -> None:
    """Do what the loop would do first: run the only handle there is."""
    handle = loop._ready.popleft()
    sys.set_asyncgen_hooks(firstiter=loop._asyncgen_firstiter_hook, finalizer=loop._asyncgen_finalizer_hook)
    loop._thread_id = get_ident()
    _set_running_loop(loop)
    try:
        handle._run()
    finally:
        _set_running_loop(None)
        loop._thread_id = None
        sys.set_asyncgen_hooks(None, None)


def kept_loop() -> asyncio.AbstractEventLoop:
    """:return: the loop that this process runs all of its coroutines on, of the program's own kind"""
    if _prepared is not None:
        return _prepared
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def finish(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is left running on a loop, and end its generators and threads. The loop is not closed."""
    left = asyncio.all_tasks(loop)
    if left:
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
