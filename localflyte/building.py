"""flyte.build and flyte.build_images: images made ready before a run asks for them, as a run here makes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from localflyte.api.sync import dual
from localflyte.initialize import image_names

if TYPE_CHECKING:
    from localflyte.api.environment import Environment
    from localflyte.images.images import Images
    from localflyte.images.ways import Way
    from localflyte.spec.image import Image

__all__ = ("ImageBuild", "ImageCache", "build", "build_images", "place_of")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild:
    """An image that was made ready."""

    uri: str | None
    """What the container engine knows it by, or the place of the environment or the interpreter that stands for it."""
    remote_run: Any = None
    """The run that built it on a cluster: never one here."""
    build_run: Any = None
    """And the name of that run: none either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCache:
    """The images of environments."""

    image_lookup: dict[str, str]
    """For each environment by name what `ImageBuild.uri` says."""
    build_run_ids: dict[str, Any] = field(default_factory=dict)
    """For each environment by name what `ImageBuild.build_run` says, where that is more than nothing."""


@dual
async def build(image: Image, dry_run: bool = False, force: bool = False, wait: bool = True) -> ImageBuild:
    """Make an image ready: built, pulled, or turned into an environment of this machine, as the settings say.

    :param dry_run: only find out whether it can be
    :param force: do it again, whatever was kept
    :param wait: taken as flyte has it; it is always waited for
    :raises ImageBuildError: if it cannot be had here
    """
    images = _images()
    try:
        if dry_run:
            await images.check(image.terms(), image_names())
            return ImageBuild(uri=image.uri)
        return ImageBuild(uri=await _uri(images, image.terms(), force))
    finally:
        images.close()


@dual
async def build_images(*envs: Environment, copy_style: str = "loaded_modules", seed_cache: ImageCache | None = None) -> ImageCache:
    """Make the images ready of environments and of what they depend on.

    :param copy_style: taken as flyte has it; here code is never copied into an image
    :param seed_cache: environments that need not be asked for again
    :raises ImageBuildError: if one cannot be had here
    """
    from localflyte.images.recipe import wanted_terms
    from localflyte.spec.image import image_from_request

    known = seed_cache.image_lookup if seed_cache else {}
    images, ahead, found = _images(), list(envs), dict[str, str]()
    try:
        while ahead:
            environment = ahead.pop()
            if environment.name not in found:
                ahead += environment.depends_on
                terms = image_from_request(environment.image or "auto").terms()
                uri = known.get(environment.name)
                found[environment.name] = uri or await _uri(images, wanted_terms(terms, image_names()), False)
    finally:
        images.close()
    return ImageCache(image_lookup=found)


def _images() -> Images:
    from localflyte.images.images import Images
    from localflyte.settings import load_settings

    return Images(load_settings())


async def _uri(images: Images, terms: Mapping[str, Any] | None, force: bool) -> str:
    from localflyte.images.ways import Host
    from localflyte.logs import say_once
    from localflyte.logs import system_logger

    way = Host() if terms is None else await images.ready(terms, system_logger.info, image_names(), fresh=force)
    if way.notice:
        say_once(way.notice)
    return place_of(way)


def place_of(way: Way) -> str:
    """:return: where what an image came to is found"""
    import sys
    from pathlib import Path

    from localflyte.images.ways import Container
    from localflyte.images.ways import Venv

    if isinstance(way, Container):
        return way.name
    return Path(way.python).parents[1].as_uri() if isinstance(way, Venv) else Path(sys.prefix).as_uri()
