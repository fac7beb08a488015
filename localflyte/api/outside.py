"""Outside: which files of this process others can see: all of them, unless it is in a container."""

from __future__ import annotations

import os
from collections.abc import Sequence

__all__ = ("is_seen_outside", "see_outside")

_seen: tuple[str, ...] | None = None


def see_outside(folders: Sequence[str]) -> None:
    """Take note that this process is in a container, and that only what is in these folders of its is there for others."""
    global _seen  # noqa: PLW0603 - one container a process
    _seen = tuple(os.path.join(folder, "") for folder in folders)


def is_seen_outside(path: str) -> bool:
    """:return: whether others see what is at an absolute path of this process"""
    return _seen is None or path.startswith(_seen)
