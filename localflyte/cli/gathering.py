"""Gathering: the environments that a person means by a file or a folder: its own, or all that loading it makes."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import click

from localflyte.api.environment import Environment
from localflyte.api.registry import environments
from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import say
from localflyte.cli.loading import check_file
from localflyte.cli.loading import files_of
from localflyte.cli.loading import import_file
from localflyte.cli.loading import load_program

__all__ = ("gather", "gathering_options")

_OPTIONS = (
    click.option("--all", "everything", is_flag=True, help="Also the environments of the modules that FILE imports; FILE may be a folder."),
    click.option("-r", "--recursive", is_flag=True, help="As --all, with the folders below."),
    click.option("-i", "--ignore-load-errors", "tolerant", is_flag=True, help="With --all, go on without files that cannot be loaded."),
    click.option(
        "--copy-style",
        type=click.Choice(["loaded_modules", "all", "none"]),
        default="loaded_modules",
        help="What the code bundle of a cluster would hold.",
    ),
)


def gathering_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how far to look."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def gather(file: str, *, everything: bool, recursive: bool, tolerant: bool, **options: Any) -> list[Environment]:
    """Load what is named, and collect its environments.

    :param everything: take a folder too, and every environment that is made while it is loaded
    :param recursive: as `everything`, with the folders below
    :param tolerant: leave out, with a word, what cannot be loaded
    :param options: of `load_program`
    :raises click.UsageError: if there is no such file
    :raises click.exceptions.Exit: if one cannot be loaded, after that was said
    """
    if not everything and not recursive:
        return _environments_in(load_program(check_file(file), **options))
    known, paths, failed = len(environments()), files_of(file, recursive=recursive), []
    for path in paths:
        try:
            load_program(path, load=import_file, **options)
        except click.exceptions.Exit:
            failed.append(path)
    if failed and not tolerant:
        say(_unloaded(failed, paths))
        raise click.exceptions.Exit(ExitCode.FAILED)
    return environments()[known:]


def _environments_in(program: ModuleType) -> list[Environment]:
    return [value for value in vars(program).values() if isinstance(value, Environment)]


def _unloaded(failed: Sequence[str], paths: Sequence[str]) -> str:
    names = ", ".join(os.path.relpath(path) for path in failed)
    return f"{len(failed)} of {len(paths)} files could not be loaded: {names}; --ignore-load-errors goes on without them"
