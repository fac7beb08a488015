"""flyte.build and flyte.build_images: made as a run would make them, and what they give back says where that is."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from programs import queued

import localflyte as flyte
from localflyte.building import ImageCache
from localflyte.building import place_of
from localflyte.errors import ImageBuildError
from localflyte.images.engines import Engine
from localflyte.images.uv import find_uv
from localflyte.images.ways import Container
from tests.images.wheels import make_wheel

PACKAGES = flyte.Image.from_debian_base(name="demo").with_pip_packages("lower")


@pytest.fixture
def no_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CONTAINER_ENGINE", "none")
    monkeypatch.delenv("LOCALFLYTE_IMAGE_POLICY", raising=False)


def test_an_image_that_needs_nothing(no_engine: None) -> None:
    built = flyte.build(flyte.Image.from_debian_base())
    assert built == flyte.ImageBuild(uri=Path(sys.prefix).as_uri())
    assert (built.remote_run, built.build_run) == (None, None)


def test_a_dry_run_makes_nothing(no_engine: None, home: Path) -> None:
    assert flyte.build(PACKAGES, dry_run=True).uri == PACKAGES.uri
    assert not home.exists()


def test_what_cannot_be_had(no_engine: None) -> None:
    for options in ({}, {"dry_run": True}):
        with pytest.raises(ImageBuildError, match="there is no container engine"):
            asyncio.run(flyte.build.aio(flyte.Image.from_base("alpine:3"), **options))


def test_an_environment_without_an_image_has_the_one_called_default(no_engine: None) -> None:
    flyte.init(images={"default": "ghcr.io/team/x:1"})
    try:
        with pytest.raises(ImageBuildError, match=r"The image ghcr\.io/team/x:1 cannot be had here: there is no container engine"):
            flyte.build_images(flyte.TaskEnvironment("plain"))
        with pytest.raises(ImageBuildError, match=r"The image ghcr\.io/team/x:1 cannot be had here"):
            flyte.run(queued.nothing)
        assert flyte.build(flyte.Image.from_debian_base()).uri == Path(sys.prefix).as_uri()
    finally:
        flyte.init()
    assert flyte.run(queued.nothing).outputs() == (0,)


@pytest.mark.skipif(find_uv() is None, reason="uv is not installed")
def test_the_images_of_environments(no_engine: None, home: Path, tmp_path: Path) -> None:
    make_wheel(tmp_path, "lower")
    image = flyte.Image.from_debian_base(name="demo").with_pip_packages("lower", extra_args=f"--no-index --find-links {tmp_path}")
    below = flyte.TaskEnvironment("below", image=image)
    above = flyte.TaskEnvironment("above", depends_on=[below])
    twice = flyte.TaskEnvironment("twice", depends_on=[below, above])
    found = flyte.build_images(twice, above).image_lookup
    assert set(found) == {"below", "above", "twice"}
    assert found["below"].startswith((home / "envs").as_uri())
    assert found["above"] == found["twice"] == Path(sys.prefix).as_uri()
    assert flyte.build(image).uri == found["below"]
    assert flyte.build(image, force=True).uri == found["below"]


def test_what_is_known_is_not_asked_for_again(no_engine: None) -> None:
    """The image of what was seeded could not be had here."""
    seeded = flyte.TaskEnvironment("seeded", image="alpine:3")
    above = flyte.TaskEnvironment("above", depends_on=[seeded])
    known = ImageCache(image_lookup={"seeded": "kept/by:1", "stranger": "x"})
    found = flyte.build_images(above, copy_style="none", seed_cache=known)
    assert found.image_lookup == {"above": Path(sys.prefix).as_uri(), "seeded": "kept/by:1"}
    assert found.build_run_ids == {}


def test_where_an_image_of_an_engine_is_found() -> None:
    engine = Engine(name="docker", program="docker", version="1")
    assert place_of(Container(engine=engine, image="sha256:1", name="team/x:1")) == "team/x:1"
