"""Decide: what an image becomes on this machine, before anything is made: a container, an environment, the host, or an error."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Literal
from typing import NoReturn

from localflyte.errors import ImageBuildError
from localflyte.images.engines import Engine
from localflyte.images.engines import Search
from localflyte.images.recipe import Recipe
from localflyte.images.uv import INSTALL_UV
from localflyte.images.uv import find_uv
from localflyte.settings import Settings

__all__ = ("Decision", "decide")

INSTALL = "Install docker or podman, and check it with `localflyte doctor`"
ON_HOST = "LOCALFLYTE_IMAGE_POLICY=host runs every task in this interpreter instead"


@dataclass(frozen=True, slots=True)
class Decision:
    """What an image will become."""

    way: Literal["host", "venv", "container"]
    engine: Engine | None = None
    notice: str = ""


def decide(recipe: Recipe, search: Search, settings: Settings) -> Decision:
    """Choose the way, by the policy and what there is.

    :raises ImageBuildError: if there is none; the message says why, and what to do
    """
    policy = settings.image_policy
    if policy == "host":
        return Decision("host", notice="image_policy is host: images are not honoured, and every task runs in this interpreter")
    if blanks := dict.fromkeys(recipe.blanks):
        _refuse(recipe, f"{' and '.join(blanks)} is to be filled in.", f"Do that; or {ON_HOST}.")
    if recipe.not_here:
        _refuse(recipe, f"{recipe.not_here}.", f"Or {ON_HOST}.")
    if policy in ("auto", "container") and search.engine is not None:
        return Decision("container", search.engine)
    if policy == "container":
        _refuse(recipe, f"image_policy is container, and there is no container engine: {'; '.join(search.reasons)}.", f"{INSTALL}.")
    if policy == "auto" and recipe.differs_in_python_only:
        return _other_python(recipe, search, settings)
    why_none = "image_policy is venv" if policy == "venv" else f"there is no container engine ({'; '.join(search.reasons)})"
    if recipe.not_packages:
        _refuse(recipe, f"{why_none}, and {' and '.join(recipe.not_packages)}.", f"{INSTALL}; or {ON_HOST}.")
    if find_uv() is None:
        _refuse(recipe, f"{why_none}, and there is no uv to make an environment with.", f"{INSTALL}; or `{INSTALL_UV}`; or {ON_HOST}.")
    return Decision("venv", notice=f"{why_none}: the image {recipe.called} is approximated by an environment of its Python packages")


def _other_python(recipe: Recipe, search: Search, settings: Settings) -> Decision:
    asked, here = (f"{version[0]}.{version[1]}" for version in (recipe.python, sys.version_info))
    if asked == here:
        return Decision("host")
    if settings.strict:
        _refuse(recipe, f"it asks for Python {asked}, this is {here}, and strict is set.", f"{INSTALL}; or run with Python {asked}.")
    why = f"there is no container engine ({'; '.join(search.reasons)})"
    return Decision("host", notice=f"{why}: tasks of an image with Python {asked} run with this one, {here}")


def _refuse(recipe: Recipe, why: str, way_out: str) -> NoReturn:
    raise ImageBuildError(f"The image {recipe.called} cannot be had here: {why} {way_out}")
