"""Portability: what passes on this machine and breaks in a pod, found before it is sent there."""

from __future__ import annotations

__all__ = ()
