"""Documentation: what a task says about itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ("MAX_DESCRIPTION", "Documentation", "extract_docstring", "truncate_description")

MAX_DESCRIPTION = 255  # characters; what Flyte keeps of the description of an environment or a trigger
_CUT = "...(tr.)"


@dataclass(frozen=True, slots=True)
class Documentation:
    """The description of a task, in place of its docstring."""

    description: str


def extract_docstring(func: Callable[..., Any] | None) -> Documentation:
    """Make the documentation of a task from its function's docstring; empty where there is none."""
    from inspect import getdoc

    return Documentation((getdoc(func) if func is not None else None) or "")


def truncate_description(description: str, limit: int = MAX_DESCRIPTION) -> str:
    """Cut a description to what Flyte keeps of it, and mark the cut."""
    return description if len(description) <= limit else description[: limit - len(_CUT)] + _CUT
