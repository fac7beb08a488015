"""Invocation: one call of one task, fully decided; the only thing the engine is ever asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from localflyte.spec.packed import Packed
from localflyte.spec.plan import Plan

__all__ = ("Invocation",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    plan: Plan
    inputs: Mapping[str, Packed]
    """In the order of the interface, defaults filled in."""
    group: str = ""
    custom_context: Mapping[str, str] = field(default_factory=dict)
