"""Logged: hands what a task logs with ``flyte.logger`` on, record by record, to the program that waits for its run.

The text of the record is part of the task's output as well, so this is for handlers: a test's ``caplog``, a file, a collector.
"""

from __future__ import annotations

import logging
from typing import Any

from localflyte.api.port import current_port
from localflyte.api.port import is_inline

__all__ = ("Carrier",)

# The engine cuts at the same lengths, and what has one of them may have been cut in the middle of a secret.
MOST_TEXT = 16_384  # characters of a message, or of a traceback
MOST_EXTRAS = 20
MOST_EXTRA = 256  # characters of one
INT64 = 1 << 63  # what a wire can carry

#: what every record has; what is beyond was given by the program, as ``extra=``
_STANDARD = frozenset((
    *vars(logging.LogRecord("", 0, "", 0, "", (), None)),
    "action_name", "asctime", "is_flyte_internal", "message", "run_name", "taskName",
))  # fmt: skip


class Carrier(logging.Handler):
    """A handler that says nothing itself. Where no task runs it does nothing."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand a record on, unless there is no way for it."""
        port = current_port()
        if port is None:
            return
        try:
            port.tell_soon("record", lambda: _row(record))
        except Exception:  # noqa: BLE001 - as in logging itself: a log line must not end the program
            self.handleError(record)


def _row(record: logging.LogRecord) -> dict[str, Any]:
    heard = _heard_by(record.name)
    row: dict[str, Any] = {
        "logger": record.name,
        "level": record.levelno,
        "text": record.getMessage()[:MOST_TEXT],
        "at": record.created,
        "path": record.pathname,
        "line": record.lineno,
        "function": record.funcName or "",
        "thread": record.threadName or "",
        # A file that a handler of this process has written it to is not written twice.
        "files": [name for logger in heard for each in logger.handlers if (name := getattr(each, "baseFilename", ""))],
        "extra": _extras(record),
    }
    if record.exc_info or record.exc_text:
        row["error"] = (record.exc_text or logging.Formatter().formatException(record.exc_info or (None, None, None)))[:MOST_TEXT]
    if is_inline():  # the program's own handlers have had it already
        row["heard"] = [logger.name for logger in heard]
    return row


def _heard_by(name: str) -> list[logging.Logger]:
    """:return: the loggers whose handlers are given a record of the logger of that name"""
    logger: logging.Logger | None = logging.getLogger(name)
    loggers = []
    while logger is not None:
        loggers.append(logger)
        logger = logger.parent if logger.propagate else None
    return loggers


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    given = {key: value for key, value in vars(record).items() if key not in _STANDARD and isinstance(key, str)}
    return {key: _plain(value) for key, value in list(given.items())[:MOST_EXTRAS]}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and -INT64 <= value < INT64):
        return value
    return str(value)[:MOST_EXTRA]
