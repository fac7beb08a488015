"""Port: how a call made inside a task reaches the engine. The worker sets it; outside a task there is none."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from typing import Protocol

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed

__all__ = ("Port", "current_port", "enter_worker", "in_worker", "is_inline", "set_port", "use_port_here")


class Port(Protocol):
    """Both `call` forms raise the error classes of `localflyte.errors` when the call did not succeed."""

    def call(self, invocation: Invocation) -> Sequence[Packed]:
        """Run a nested call and block this thread until its outputs are there."""

    async def acall(self, invocation: Invocation) -> Sequence[Packed]:
        """Run a nested call; cancelling the await ends the child's process."""

    async def arun(self, invocation: Invocation, options: Mapping[str, Any]) -> tuple[Sequence[Packed], Mapping[str, Any]]:
        """Start an independent run (``flyte.run`` inside a task) and wait for its end.

        :return: its outputs, and its ``name`` and ``folder``
        """

    async def aask(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask the engine for what only it can tell, such as what a person has answered; cancelling the await takes it back."""

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a one-way note to the engine: a trace, a report."""

    def tell_soon(self, kind: str, data: Callable[[], Mapping[str, Any]]) -> None:
        """Send a one-way note that nobody waits for, as a log record is, and that may be lost.

        :param data: makes what it says; not called where it is lost
        """


_port: Port | None = None
_in_worker = False
#: where tasks run in threads of the caller's process: the port of the running code
_here: ContextVar[Port | None] | None = None


def set_port(port: Port | None) -> None:
    """Install the port of this process."""
    global _port  # noqa: PLW0603 - one process serves one task; this is its only door
    _port = port


def use_port_here(port: Port) -> None:
    """Install a port for the running code alone, and for what it starts with a copy of its context."""
    global _here  # noqa: PLW0603 - made when first needed: elsewhere a call need not look
    if _here is None:
        _here = ContextVar("localflyte_port", default=None)
    _here.set(port)


def enter_worker() -> None:
    """Say that this process, and every fork of it, is a worker: it may not start runs of its own."""
    global _in_worker  # noqa: PLW0603 - a process becomes a worker once, and stays one
    _in_worker = True


def in_worker() -> bool:
    """:return: whether this process is a worker, also while it only imports the user's modules"""
    return _in_worker or is_inline()


def is_inline() -> bool:
    """:return: whether the running code is a task in a thread of the caller's own process"""
    return _here is not None and _here.get() is not None


def current_port() -> Port | None:
    """:return: the port, or ``None`` where no task is running"""
    return _port if _here is None else _here.get() or _port
