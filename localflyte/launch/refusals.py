"""Refusals: why a fork server has no child to give; who asked goes to another one."""

from __future__ import annotations

__all__ = ("ServerBusyError", "ServerEndedError")


class ServerEndedError(Exception):
    """Raised to who waits for a child of a server that ended: another server has to be asked."""


class ServerBusyError(Exception):
    """Raised to who waits for a server that has been importing something else for long."""
