"""Build: ``localflyte build``, which makes the images ready that the environments of a file need."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any

import click

from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import say
from localflyte.cli.gathering import gather
from localflyte.cli.gathering import gathering_options
from localflyte.observe.text import duration
from localflyte.spec.plan import Plan

if TYPE_CHECKING:
    from localflyte.images.images import Images
    from localflyte.images.ways import Way

__all__ = ("build",)


@dataclass(slots=True)
class Wanted:
    """An image, and the environments that want it."""

    terms: Mapping[str, Any] | None
    environments: list[str]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--push-dry-run", is_flag=True, help="Build, and print what would be pushed where; nothing is pushed.")
@click.option("--force", is_flag=True, help="Build again what was kept.")
@click.option("--image", "images", multiple=True, metavar="NAME=URI", help="What Image.from_ref_name(NAME) is; repeatable.")
@click.option("--root-dir", metavar="DIR", help="Root of the project, put on sys.path; the current folder by default.")
@gathering_options
@click.argument("file", metavar="FILE")
@click.argument("names", metavar="[ENVIRONMENT]...", nargs=-1)
def build(
    push_dry_run: bool,
    force: bool,
    images: tuple[str, ...],
    root_dir: str | None,
    copy_style: str,
    file: str,
    names: tuple[str, ...],
    **scope: bool,
) -> int:
    """Make the images ready that the environments of FILE, and what they depend on, need: one line for each says what it came to.

    Without a container engine an image of Python packages becomes an environment of this machine, as it does in a run.
    """
    from localflyte.api.sync import run_blocking
    from localflyte.cli.deployment import plan_deployment

    roots = gather(file, root_dir=root_dir, images=images, **scope)
    try:
        deployment = plan_deployment(roots, names, root=os.path.abspath(root_dir or os.getcwd()), copy_style=copy_style)
    except LookupError as error:
        raise click.UsageError(f"{file}: {error.args[0]}") from None
    wanted = _wanted((environment.name, environment.plans) for environment in deployment.environments)
    if not wanted:
        say(f"{file} has no task, so it needs no image")
        return ExitCode.SUCCEEDED
    return run_blocking(_build(wanted, push=push_dry_run, force=force))


def _wanted(environments: Iterable[tuple[str, Iterable[Plan]]]) -> list[Wanted]:
    found: list[Wanted] = []
    for name, plans in environments:
        for plan in plans:
            same = next((each for each in found if each.terms == plan.image), None)
            if same is None:
                found.append(Wanted(plan.image, [name]))
            elif name not in same.environments:
                same.environments.append(name)
    return found


async def _build(wanted: list[Wanted], *, push: bool, force: bool) -> int:
    from localflyte.errors import BaseRuntimeError
    from localflyte.images.images import Images
    from localflyte.settings import load_settings

    images, failed = Images(load_settings()), False
    try:
        for each in wanted:
            try:
                await _one(images, each, push=push, force=force)
            except BaseRuntimeError as error:
                failed = True
                say(f"{', '.join(each.environments)}: {error}")
    finally:
        images.close()
    return ExitCode.FAILED if failed else ExitCode.SUCCEEDED


async def _one(images: Images, wanted: Wanted, *, push: bool, force: bool) -> None:
    from localflyte.initialize import image_names

    made: list[str] = []

    def tell(line: str) -> None:
        made.append(line)
        say(line)

    began = time.monotonic()
    way = await images.ready(wanted.terms, tell, image_names(), fresh=force)
    how = f"made in {duration(time.monotonic() - began)}" if made else "nothing to do"
    click.echo(f"{', '.join(wanted.environments)}: {_what(way)} ({how})")
    if way.notice:
        say(way.notice)
    if push:
        click.echo(f"  {_push(wanted.terms, image_names())}")


def _what(way: Way) -> str:
    from localflyte.images.ways import Container
    from localflyte.images.ways import Venv

    if isinstance(way, Container):
        return f"the {way.engine.name} image {way.name}"
    return f"the environment of {way.python}" if isinstance(way, Venv) else "this interpreter"


def _push(terms: Mapping[str, Any] | None, names: Mapping[str, str]) -> str:
    from localflyte.images.recipe import read_recipe

    recipe = read_recipe(terms, names) if terms is not None else None
    if recipe is None or not recipe.is_built:
        return "nothing would be pushed: it is not built"
    if not recipe.registry:
        return "nothing could be pushed: it has no registry= to go to"
    return f"would be pushed to {recipe.uri}:{recipe.digest()[:32]}, for {', '.join(recipe.platform)}"
