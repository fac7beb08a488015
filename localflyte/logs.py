"""flyte.logger and flyte.system_logger: the loggers of tasks and of localflyte, made when one of them is first used.

They write to standard error, which in a task is captured with everything else that the attempt prints. Neither propagates,
and the loggers of other libraries stay as they are. What a task logs with `logger` is handed on to the program that waits for
the run as well, for its handlers.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import datetime

from localflyte.api.logged import Carrier
from localflyte.api.records import stamp
from localflyte.api.records import stamp_records

__all__ = ("configure", "environment", "logger", "say_once", "system_logger", "user_logger")

LEVEL, USER_LEVEL, FORMAT, RESET_ROOT = "LOG_LEVEL", "USER_LOG_LEVEL", "LOG_FORMAT", "FLYTE_RESET_ROOT_LOGGER"

_said: set[str] = set()


def configure(
    *, level: int | None = None, user_level: int | None = None, log_format: str | None = None, reset_root_logger: bool = False
) -> None:
    """Set what ``flyte.init`` was asked for; what is None stays as it is.

    :param level: the level of `system_logger`
    :param user_level: the level of `logger`
    :param log_format: ``"console"`` or ``"json"``
    :param reset_root_logger: let the root logger write in the same way and from the same level on, in place of its own handlers
    """
    global _said_format  # noqa: PLW0603 - of the process, as the loggers are
    if level is not None:
        system_logger.setLevel(level)
    if user_level is not None:
        logger.setLevel(user_level)
    if log_format is not None:
        _said_format = log_format
        for each in (logger, system_logger):
            for handler in each.handlers:
                if isinstance(handler, _StandardError):  # what a program has added writes as the program wants
                    handler.setFormatter(_formatter(log_format))
    if reset_root_logger:
        root = logging.getLogger()
        root.handlers[:] = [_handler(log_format or _format())]
        root.setLevel(system_logger.level)


def environment() -> dict[str, str]:
    """:return: the variables by which tasks log as this process does, where that is not what its own variables say already"""
    found = {}
    if system_logger.level != _level(LEVEL, logging.WARNING):
        found[LEVEL] = str(system_logger.level)
    if logger.level != _level(USER_LEVEL, logging.INFO):
        found[USER_LEVEL] = str(logger.level)
    if _format() != _format_from_environment():
        found[FORMAT] = _format()
    if any(isinstance(handler, _StandardError) for handler in logging.getLogger().handlers):
        found[RESET_ROOT] = "1"
    return found


def say_once(text: str) -> None:
    """Tell the person something that is true for the whole process, and not again."""
    if text not in _said:
        _said.add(text)
        system_logger.warning(text)


class _StandardError(logging.Handler):
    """Writes to what is standard error at that moment: a test or a worker may have replaced it since."""

    writes_to_terminal = True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as in logging itself: a log line must not end the program
            self.handleError(record)


def _add_context(record: logging.LogRecord) -> bool:
    stamp(record)  # again: a program may have set a record factory that does not ask ours
    return True


class _ConsoleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        run, action = getattr(record, "run_name", None), getattr(record, "action_name", None)
        place = f"[{run}][{action}] " if run else ""
        source = "[flyte] " if getattr(record, "is_flyte_internal", False) else ""
        return f"{place}{source}{record.levelname} {super().format(record)}"


class _JSONFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "timestamp": datetime.fromtimestamp(record.created).astimezone().isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "filename": record.filename,
            "lineno": record.lineno,
            "funcName": record.funcName,
            "run_name": getattr(record, "run_name", None),
            "action_name": getattr(record, "action_name", None),
            "is_flyte_internal": getattr(record, "is_flyte_internal", None) or None,
        }
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in line.items() if value is not None}, default=str)


def _formatter(log_format: str) -> logging.Formatter:
    return _JSONFormatter() if log_format == "json" else _ConsoleFormatter()


def _handler(log_format: str) -> logging.Handler:
    handler = _StandardError()
    handler.setFormatter(_formatter(log_format))
    handler.addFilter(_add_context)
    return handler


def _format() -> str:
    return _said_format or _format_from_environment()


def _format_from_environment() -> str:
    return "json" if os.environ.get(FORMAT, "").lower() == "json" else "console"


def _level(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip()
    if text.isdigit():
        return int(text)
    return logging.getLevelNamesMapping().get(text.upper(), default)


def _make(name: str, variable: str, default: int) -> logging.Logger:
    made = logging.getLogger(name)
    made.setLevel(_level(variable, default))
    made.propagate = False
    made.handlers[:] = [_handler(_format_from_environment())]
    return made


_said_format = ""
stamp_records()
system_logger = _make("flyte", LEVEL, logging.WARNING)
logger = _make("flyte.user", USER_LEVEL, logging.INFO)
logger.addHandler(Carrier())
user_logger = logger  # its name in flyte's own module, which programs look into
if os.environ.get(RESET_ROOT) == "1":
    configure(reset_root_logger=True)
