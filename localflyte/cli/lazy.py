"""Lazy: a group of commands that are imported when they are used, so that help and every other command load none of them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

__all__ = ("LazyGroup",)


class LazyGroup(click.Group):
    """A group whose commands are imported by name.

    :param lazy: for each command where it is, as ``module:name``, and its line of help
    :param unknown: what to say of a name that is none of them
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], unknown: Callable[[str], str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._lazy = lazy
        self._unknown = unknown

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self._lazy and not name.startswith("-"):
            raise click.UsageError(self._unknown(name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])
