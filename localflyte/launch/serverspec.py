"""ServerSpec: what makes two fork servers different."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from localflyte.launch.census import mark

__all__ = ("ServerSpec",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """Everything a task could see before its first line runs."""

    python: str
    cwd: str
    env: Mapping[str, str] = field(repr=False)
    """The whole environment of its tasks, secrets included. Sent once the interpreter is up, and never shown."""
    start_env: Mapping[str, str]
    """The part of it that the interpreter is started with."""
    sys_path: tuple[str, ...]
    argv: tuple[str, ...]
    alias: bool
    umask: int
    terminal: str = ""
    """The device of the terminal that ``breakpoint()`` hands over."""
    preload: bool = True
    """False where forking after the user's imports is unsafe: then each child imports for itself, as a fresh interpreter would."""
    mounts: Mapping[str, str] = field(default_factory=dict)
    """Folders of ours that tasks see under other paths: theirs to ours."""

    def setup(self) -> dict[str, Any]:
        """:return: what the new interpreter is told first"""
        names = ("cwd", "sys_path", "argv", "alias", "umask", "terminal", "mounts")
        # As bytes, since the value of a variable need not be text in any encoding.
        env = {os.fsencode(name): os.fsencode(value) for name, value in {**self.env, **mark()}.items()}
        return {**{name: getattr(self, name) for name in names}, "env": env}
