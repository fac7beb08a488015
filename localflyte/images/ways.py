"""Ways: what an image comes to on this machine. A way is something that processes can be started in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from localflyte.images.engines import Engine

__all__ = ("Container", "Host", "Venv", "Way")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The interpreter that runs localflyte."""

    notice: str = ""
    """One line to say once, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Venv:
    """An environment of this machine that has the packages of the image. localflyte itself is not in it."""

    python: str
    """The path of its interpreter."""
    key: str
    """What it is made of, as a digest."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The variables that the image sets."""
    workdir: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """An image that the engine has by now."""

    engine: Engine
    image: str
    """Its id: whatever its name will mean later, this stays the same image."""
    name: str
    """What people know it by."""
    workdir: str = ""
    """The folder that it starts in; empty for the root."""
    user: str = ""
    """Who it runs as by itself; empty for root."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The variables that it sets by itself; the engine sets them as well."""
    notice: str = ""


Way = Host | Venv | Container
