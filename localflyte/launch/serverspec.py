"""ServerSpec: what makes two fork servers different."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from localflyte.launch.census import mark
from localflyte.launch.containers import Commands
from localflyte.launch.containers import start_relay
from localflyte.launch.start import PROGRAM
from localflyte.launch.start import Started
from localflyte.launch.start import start_interpreter
from localflyte.launch.start import take_early

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
    program: str = PROGRAM
    keeps_path: bool = False
    """Whether the interpreter's own module search path comes after `sys_path`."""
    commands: Commands | None = None
    """How its container is started and ended; ``None`` where it is a process of this machine."""

    def start(self) -> Started:
        """Start it. It is told who it is afterwards.

        :raises OSError: if that cannot be done
        """
        if self.commands is not None:
            return start_relay(self.commands)
        return take_early(self.python, self.start_env) or start_interpreter(self.python, self.start_env, self.program)

    def setup(self) -> dict[str, Any]:
        """:return: what the new interpreter is told first"""
        names = ("cwd", "sys_path", "argv", "alias", "umask", "terminal", "mounts", "keeps_path")
        is_contained = self.commands is not None
        sees = None if self.commands is None else self.commands.sees
        # As bytes, since the value of a variable need not be text in any encoding. In a container nothing bears our mark: what it
        # names is found by number, and the numbers of processes there are not ours.
        env = {os.fsencode(name): os.fsencode(value) for name, value in {**self.env, **({} if is_contained else mark())}.items()}
        return {**{name: getattr(self, name) for name in names}, "keeps_env": is_contained, "env": env, "sees": sees}
