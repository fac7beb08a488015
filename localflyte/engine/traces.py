"""Traces: what the traced calls of an action gave, so that its next attempt need not make them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ("MOST_BYTES", "Traces")

MOST_BYTES = 10 * 1024 * 1024  # of one action, as on a cluster; what is beyond is made again


class Traces:
    """Of the actions of one run that are under way."""

    def __init__(self) -> None:
        self._outputs: dict[str, dict[str, Any]] = {}
        self._bytes: dict[str, int] = {}

    def keep(self, action: str, note: Mapping[str, Any]) -> None:
        """Keep what a traced call gave, if it has succeeded.

        :param action: the action that made it
        :param note: what the worker tells of it: its outputs stay as they came
        """
        outputs = note.get("outputs")
        if note.get("error") is not None or not isinstance(outputs, list) or not outputs:
            return
        size = self._bytes.get(action, 0) + sum(_size(each) for each in outputs)
        if size <= MOST_BYTES:
            self._bytes[action] = size
            self._outputs.setdefault(action, {})[str(note.get("action"))] = outputs

    def of(self, action: str) -> Mapping[str, Any]:
        """:return: the outputs of each traced call, by the name of its own action"""
        return self._outputs.get(action, {})

    def forget(self, action: str) -> None:
        """Drop what is kept of an action that has ended."""
        if self._outputs.pop(action, None) is not None:
            del self._bytes[action]


def _size(output: Any) -> int:
    return sum(len(part) for part in output if isinstance(part, bytes)) if isinstance(output, (list, tuple)) else 0
