"""Records: the sink that hands what tasks log with ``flyte.logger`` to the handlers of this program, as records of its own.

The text is shown already, as output of the task, so a handler that writes to this program's own streams is passed over; and so is one that
writes to a file which the task's own handler has written it to. Handlers of the root logger are given it, though ``flyte.logger`` does not
propagate: a test's ``caplog`` is one.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from localflyte.spec.event import Event

__all__ = ("RecordSink",)

#: what a program's ``extra=`` may not replace
_OURS = frozenset((
    *vars(logging.LogRecord("", 0, "", 0, "", (), None)),
    "action_name", "asctime", "attempt", "is_flyte_internal", "message", "run_name", "task_name",
))  # fmt: skip


class RecordSink:
    """Records carry ``run_name``, ``action_name``, ``task_name`` and ``attempt`` of the task that logged them."""

    #: what it has to be told of
    KINDS = frozenset(("record",))

    def __call__(self, event: Event) -> None:
        record = _record(event)
        files = frozenset(event.data["files"])
        for handler in _handlers(event.data["logger"], event.data["heard"]):
            if record.levelno >= handler.level and not _is_shown(handler, files):
                handler.handle(record)


def _record(event: Event) -> logging.LogRecord:
    data: Mapping[str, Any] = event.data
    path, line, text = data["path"], data["line"], data["text"]
    record = logging.getLogger(data["logger"]).makeRecord(data["logger"], data["level"], path, line, text, (), None, data["function"])
    record.created = data["logged"]
    record.msecs = int(record.created % 1 * 1000) + 0.0
    record.threadName = data["thread"]
    record.exc_text = data["error"] or None
    record.__dict__.update({key: value for key, value in data["extra"].items() if key not in _OURS})
    record.__dict__.update(
        run_name=event.run, action_name=event.action, task_name=data["task"], attempt=data["attempt"], is_flyte_internal=False
    )
    return record


def _handlers(name: str, heard: list[str]) -> Iterator[logging.Handler]:
    """Yield the handlers of a logger and of all above it, whether it propagates or not, each once, but none that has had the record."""
    loggers = [logging.getLogger(name)]
    while (above := loggers[-1].parent) is not None:
        loggers.append(above)
    had = [handler for logger in loggers if logger.name in heard for handler in logger.handlers]
    for handler in [handler for logger in loggers for handler in logger.handlers]:
        if not any(handler is other for other in had):
            had.append(handler)
            yield handler


def _is_shown(handler: logging.Handler, files: frozenset[str]) -> bool:
    """:return: whether what a handler would write is there already"""
    if getattr(handler, "baseFilename", None) in files:
        return True
    stream = getattr(handler, "stream", None) or getattr(getattr(handler, "console", None), "file", None)
    own = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return getattr(handler, "writes_to_terminal", False) or (stream is not None and any(stream is each for each in own))
