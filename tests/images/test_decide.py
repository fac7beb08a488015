"""What an image becomes: never silently this interpreter, and every refusal says what would help."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from localflyte.errors import ImageBuildError
from localflyte.images import decide as module
from localflyte.images.decide import Decision
from localflyte.images.decide import decide
from localflyte.images.engines import Engine
from localflyte.images.engines import Search
from localflyte.images.recipe import read_recipe
from localflyte.settings import Settings
from localflyte.spec.image import Image

SettingsWith = Callable[..., Settings]
ENGINE = Engine(name="docker", program="/docker", version="1")
NONE = Search(None, ("no docker", "no podman"))
PACKAGES = Image.from_debian_base(name="demo").with_pip_packages("a")
SYSTEM = PACKAGES.with_apt_packages("git")
NAMED = Image.from_base("alpine:3")
BLANK = Image.from_base("<your-registry>/a:1").clone(registry="<your-registry>", name="<you>/b")
OTHER = (3, 11) if sys.version_info[:2] != (3, 11) else (3, 12)
PYTHON = Image.from_debian_base(python_version=OTHER)


def way(image: Image, settings: Settings, search: Search = NONE) -> Decision:
    return decide(read_recipe(image.describe(), {}), search, settings)


@pytest.mark.parametrize(
    ("policy", "engine", "image", "expected"),
    [
        ("auto", True, PACKAGES, "container"),
        ("auto", True, PYTHON, "container"),
        ("auto", True, NAMED, "container"),
        ("auto", False, PACKAGES, "venv"),
        ("auto", False, PYTHON, "host"),
        ("container", True, PACKAGES, "container"),
        ("venv", True, PACKAGES, "venv"),
        ("venv", True, PYTHON, "venv"),
        ("host", True, NAMED, "host"),
        ("host", False, SYSTEM, "host"),
        ("host", True, BLANK, "host"),
    ],
)
def test_way(settings_with: SettingsWith, policy: str, engine: bool, image: Image, expected: str) -> None:
    decision = way(image, settings_with(image_policy=policy), Search(ENGINE) if engine else NONE)
    assert (decision.way, decision.engine) == (expected, ENGINE if expected == "container" else None)
    assert (decision.notice == "") == (expected == "container")


@pytest.mark.parametrize(
    ("options", "engine", "image", "message"),
    [
        (
            {},
            False,
            NAMED,
            r"alpine:3 cannot be had here: there is no container engine \(no docker; no podman\), and it starts from alpine:3",
        ),
        ({}, False, SYSTEM, r"it needs system packages \(with_apt_packages\)\. Install docker or podman.*LOCALFLYTE_IMAGE_POLICY=host"),
        ({}, True, PACKAGES.with_poetry_project("/p/x.toml"), "poetry export.*LOCALFLYTE_IMAGE_POLICY=host"),
        (
            {"image_policy": "container"},
            False,
            PACKAGES,
            "image_policy is container, and there is no container engine: no docker; no podman",
        ),
        ({"image_policy": "venv"}, True, SYSTEM, "image_policy is venv, and it needs system packages"),
        ({}, True, BLANK, r"<your-registry> and <you> is to be filled in\. Do that; or LOCALFLYTE_IMAGE_POLICY=host"),
        ({"strict": True}, False, PYTHON, rf"it asks for Python 3\.{OTHER[1]}, this is .*and strict is set.* run with Python 3"),
    ],
)
def test_refused(settings_with: SettingsWith, options: dict[str, Any], engine: bool, image: Image, message: str) -> None:
    with pytest.raises(ImageBuildError, match=message):
        way(image, settings_with(**options), Search(ENGINE) if engine else NONE)


def test_without_uv(settings_with: SettingsWith, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_uv", lambda: None)
    with pytest.raises(ImageBuildError, match=r"there is no uv .*pip install 'localflyte\[images\]'.*LOCALFLYTE_IMAGE_POLICY=host"):
        way(PACKAGES, settings_with())


def test_notices_say_what_is_done_instead(settings_with: SettingsWith) -> None:
    assert way(PYTHON, settings_with()).notice.startswith(
        "there is no container engine (no docker; no podman): tasks of an image with Python"
    )
    assert "approximated by an environment" in way(PACKAGES, settings_with()).notice
    assert "not honoured" in way(NAMED, settings_with(image_policy="host")).notice


def test_an_image_of_this_python_alone_needs_no_word(settings_with: SettingsWith) -> None:
    assert way(Image.from_debian_base(), settings_with()) == Decision("host")
