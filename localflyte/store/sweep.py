"""Sweep: what was used longest ago goes, once the store is over its limits."""

from __future__ import annotations

from localflyte.store.layout import Layout

__all__ = ("is_due", "sweep")


def is_due(layout: Layout) -> bool:
    return False


def sweep(layout: Layout, *, max_bytes: int | None = None, max_age: float | None = None) -> None:
    raise NotImplementedError
