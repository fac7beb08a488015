"""Debugger: what ``breakpoint()`` does in a task: it hands the person's terminal over to pdb, and has the clocks stand still."""

from __future__ import annotations

import os
import sys
from typing import Any

__all__ = ("hook", "use")

_terminal = ""


def use(terminal: str) -> None:
    """Say where the person is.

    :param terminal: the device of the terminal
    """
    global _terminal  # noqa: PLW0603 - one process serves one task at a time, or several of one run
    _terminal = terminal


def hook(*args: Any, **kwargs: Any) -> Any:
    """Stop where ``breakpoint()`` was called.

    :raises RuntimeError: if there is no terminal, where pdb would wait for ever or end the task without a word
    """
    from localflyte.api.port import current_port

    port = current_port()
    if os.environ.get("PYTHONBREAKPOINT") or port is None:
        return sys.__breakpointhook__(*args, **kwargs)  # noqa: T100 - as the person asked
    frame = sys._getframe(1)
    where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    if not _terminal:
        raise RuntimeError(
            f"breakpoint() at {where}: there is no terminal to debug on. Start the run from one, with neither input nor error output "
            f"redirected, or set env_vars={{'PYTHONBREAKPOINT': '0'}} to pass over breakpoints."
        )
    port.tell("paused", {"where": where})  # first of all: what comes next takes a while, which is not the task's
    try:
        from localflyte.worker.terminal import stop_at

        stop_at(frame, where, _terminal, port)
    except BaseException:
        port.tell("resumed", {})
        raise
    return None
