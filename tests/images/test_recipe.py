"""What a recipe is read back as: the same content gives the same digest as the image, and what it needs is told by its layers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from localflyte.errors import ImageBuildError
from localflyte.images.recipe import Recipe
from localflyte.images.recipe import read_recipe
from localflyte.spec.image import Image
from localflyte.spec.image import PythonWheels
from localflyte.spec.secret import Secret

BASE = Image.from_debian_base(name="demo")
OTHER = (3, 11) if sys.version_info[:2] != (3, 11) else (3, 12)


def recipe_of(image: Image) -> Recipe:
    return read_recipe(image.describe(), {"mine": "registry/x:1"})


@pytest.mark.parametrize(
    "image",
    [
        BASE.with_pip_packages("a", "b", extra_index_urls=["https://i"], secret_mounts=[Secret("T"), "/tmp/file"]).with_env_vars(
            {"A": "1"}
        ),
        BASE.with_source_folder("/nowhere").with_apt_packages("git").with_commands(["x"]).with_workdir("/w"),
        Image.from_dockerfile("/nowhere/Dockerfile", registry="r", name="n"),
        Image.from_uv_script("/nowhere/s.py", name="s"),
        Image.from_base("alpine:3"),
    ],
)
def test_the_digest_is_that_of_the_image(image: Image) -> None:
    assert recipe_of(image).digest() == image.digest


@pytest.mark.parametrize(
    ("image", "reasons"),
    [
        (BASE.with_pip_packages("a").with_requirements("/r.txt").with_env_vars({"A": "1"}), ()),
        (Image.from_uv_script("/s.py", name="s"), ()),
        (BASE.with_uv_project("/p/pyproject.toml").with_dockerignore("/x").with_code_bundle(), ()),
        (BASE.clone(addl_layer=PythonWheels(wheel_dir="/w", package_name="p")).with_workdir("/w"), ()),
        (Image.from_base("alpine:3"), ("it starts from alpine:3",)),
        (Image.from_dockerfile("/D", registry="r", name="n"), ("it is built from the Dockerfile /D",)),
        (BASE.with_apt_packages("git").with_apt_packages("vim"), ("it needs system packages (with_apt_packages)",)),
        (BASE.with_commands(["x"]), ("it needs commands (with_commands)",)),
        (BASE.with_source_file("/x"), ("it needs a file copied to a place of the image (with_source_file)",)),
        (BASE.with_source_folder("/x"), ("it needs a folder copied to a place of the image (with_source_folder)",)),
    ],
)
def test_only_packages(image: Image, reasons: tuple[str, ...]) -> None:
    assert recipe_of(image).not_packages == reasons


def test_what_differs_in_python_only() -> None:
    assert recipe_of(Image.from_debian_base(python_version=OTHER)).differs_in_python_only
    assert not recipe_of(BASE.with_pip_packages("a")).differs_in_python_only
    assert not recipe_of(Image.from_base("python:3.12-slim-bookworm")).differs_in_python_only  # asked for by this very name


def test_what_neither_can_do() -> None:
    assert "poetry export" in recipe_of(BASE.with_poetry_project("/p/pyproject.toml")).not_here
    assert "Image.from_dockerfile" in recipe_of(Image.from_pixi_script("/s.py", name="x")).not_here
    assert recipe_of(BASE).not_here == ""


def test_a_name_of_the_configuration() -> None:
    assert recipe_of(Image.from_ref_name("mine")).base == "registry/x:1"
    for names, known in (({}, "no names were given"), ({"b": "x", "a": "x"}, "the names are a, b")):
        with pytest.raises(ImageBuildError, match=rf"from_ref_name\('default'\) names no image: {known}.*--image default=URI"):
            read_recipe(Image.from_ref_name().describe(), names)


def test_a_base_that_is_no_name_is_refused_whoever_wrote_it() -> None:
    with pytest.raises(ImageBuildError, match="begins with a dash"):
        read_recipe({**BASE.describe(), "base": "--privileged"}, {})
    with pytest.raises(ImageBuildError, match="the image 'evil' needs the URI of an image"):
        read_recipe(Image.from_ref_name("evil").describe(), {"evil": "-v/:/host"})


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    for image in (
        BASE.with_requirements("/nowhere/r.txt"),
        BASE.with_dockerignore("/nowhere/r.txt"),
        Image.from_dockerfile("/nowhere/r.txt", registry="r", name="demo"),
    ):
        with pytest.raises(ImageBuildError, match=r"the image demo needs /nowhere/r\.txt, which does not exist"):
            recipe_of(image).check_files()
    (tmp_path / "r.txt").touch()
    recipe_of(BASE.with_requirements(tmp_path / "r.txt").with_local_v2()).check_files()  # what stands for flyte is not looked for


def test_what_it_is_called() -> None:
    called = [recipe_of(image).called for image in (BASE.with_pip_packages("a"), Image.from_base("alpine:3"), Image.from_ref_name("mine"))]
    assert called == ["demo", "alpine:3", "registry/x:1"]
    assert recipe_of(BASE.clone(registry="r")).uri == "r/demo"
