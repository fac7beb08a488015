"""Records: what tasks of a run log with ``flyte.logger``, as events; checked, since a task may say anything, and never without end."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

__all__ = ("MOST_RECORDS", "Records")

MOST_RECORDS = 100_000  # of one run; fewer than what may wait for a sink, so that no logging holds up a run
MOST_TEXT = 16_384  # characters
MOST_EXTRA = 256
MOST_NAMES = 20
LATEST = 1 << 37  # seconds; of what is later, nobody can be told the date
LOGGER = "flyte.user"

_TEXTS = ("text", "path", "function", "thread", "error")


class Records:
    """:param run: the name of the run
    :param emit: tells the sinks of the run of an event
    :param notice: says something to the person
    :param beginning: takes what may be the beginning of a secret from the end of a text that was cut off
    """

    def __init__(self, run: str, emit: Callable[..., None], notice: Callable[[str], None], beginning: Callable[[str], str]) -> None:
        self._run = run
        self._emit = emit
        self._notice = notice
        self._beginning = beginning
        self._told = 0

    def take(self, task: str, action: str, attempt: int, data: Mapping[str, Any]) -> None:
        """Tell the sinks of a record that an attempt sent, or the person of those that it left out."""
        lost = data.get("lost")
        if isinstance(lost, int):
            self._say(f"{lost:,} log records of {task} ({action}) are in its log only: they were too many, or came too fast")
            return
        row = self._row(data)
        if row is None:
            return
        self._told += 1
        if self._told > MOST_RECORDS:
            self._say(f"log records of this run beyond {MOST_RECORDS:,} are in the logs of its tasks only")
            return
        self._emit("record", action, attempt=attempt, task=task, **row)

    def _say(self, what: str) -> None:
        self._notice(f"{what}. `localflyte logs {self._run}` shows them")

    def _row(self, data: Mapping[str, Any]) -> dict[str, Any] | None:
        """:return: the record with what a record must have, ``None`` if it is none"""
        logger, level, at = data.get("logger"), data.get("level"), data.get("at")
        if not isinstance(logger, str) or not f"{logger}.".startswith(f"{LOGGER}.") or not isinstance(level, int):
            return None
        if not isinstance(at, float) or not 0 <= at < LATEST:
            return None
        line = data.get("line")
        row: dict[str, Any] = {key: self._text(data.get(key)) for key in _TEXTS}
        return {
            **row,
            "logger": self._text(logger, MOST_EXTRA),
            "level": level,
            "logged": at,
            "line": line if isinstance(line, int) else 0,
            "files": self._names(data.get("files")),
            "heard": self._names(data.get("heard")),
            "extra": self._extra(data.get("extra")),
        }

    def _text(self, value: Any, most: int = MOST_TEXT) -> str:
        if not isinstance(value, str):
            return ""
        return value if len(value) < most else self._beginning(value[:most])

    def _names(self, value: Any) -> list[str]:
        return [self._text(name) for name in value[:MOST_NAMES]] if isinstance(value, list) else []

    def _extra(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            return {}
        kept = [(key, item) for key, item in value.items() if isinstance(key, str) and isinstance(item, str | int | float | None)]
        return {
            self._text(key, MOST_EXTRA): self._text(item, MOST_EXTRA) if isinstance(item, str) else item for key, item in kept[:MOST_NAMES]
        }
