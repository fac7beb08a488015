"""Images by an engine that is well, and by one that is not: each is had once, and each failure says what failed and what helps."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from typing import Any

import anyio
import pytest

from localflyte.errors import BaseRuntimeError
from localflyte.errors import ImageBuildError
from localflyte.errors import ImagePullBackOffError
from localflyte.errors import InvalidPackageError
from localflyte.images.images import Images
from localflyte.images.pull import qualified
from localflyte.images.ways import Container
from localflyte.images.ways import Host
from localflyte.images.ways import Way
from localflyte.settings import Settings
from localflyte.spec.image import Image

if TYPE_CHECKING:
    from tests.images.conftest import FakeDocker

SettingsWith = Callable[..., Settings]
BASE = "python:3.12-slim-bookworm"
DEMO = Image.from_debian_base(python_version=(3, 12), name="demo").with_pip_packages("a")


class Asked:
    """Images that are asked from a test that is not async."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.said: list[str] = []

    def run(self, work: Callable[[Images], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            return await work(Images(self.settings))

        return anyio.run(main)

    def ready(self, image: Image, **options: Any) -> Way:
        found: Way = self.run(lambda images: images.ready(image.terms(), self.said.append, **options))
        return found


@pytest.fixture
def asked(docker: FakeDocker, settings_with: SettingsWith) -> Asked:
    return Asked(settings_with())


def test_no_image_asks_nobody(docker: FakeDocker, asked: Asked) -> None:
    assert asked.run(lambda images: images.ready(None, asked.said.append)) == Host()
    assert asked.run(lambda images: images.check(None)).way == "host"
    assert docker.calls() == []


# -- pulling ------------------------------------------------------------------------------------------------------


def test_what_is_here_is_not_pulled(docker: FakeDocker, asked: Asked) -> None:
    docker.has("alpine:3")
    way = asked.ready(Image.from_base("alpine:3"))
    assert isinstance(way, Container)
    assert (way.name, way.image, way.env, way.notice) == ("alpine:3", f"sha256:{0:064x}", {"PATH": "/bin"}, "")
    assert (docker.calls("pull"), asked.said) == ([], [])


def test_what_is_not_here_is_pulled_once(docker: FakeDocker, asked: Asked) -> None:
    way = asked.ready(Image.from_base("alpine:3"))
    assert isinstance(way, Container)
    assert (way.env, way.workdir) == ({"A": "1=2"}, "/w")
    assert docker.calls("pull") == [["pull", "--quiet", "--", "alpine:3"]]
    assert asked.said == ["pulling the image alpine:3 with docker; that is done once"]
    asked.ready(Image.from_base("alpine:3"))
    assert len(docker.calls("pull")) == 1


def test_a_name_of_the_configuration(docker: FakeDocker, asked: Asked) -> None:
    way = asked.ready(Image.from_ref_name("mine"), names={"mine": "team/x:1"})
    assert isinstance(way, Container)
    assert way.name == "team/x:1"


def test_who_declares_no_image_has_the_one_called_default(docker: FakeDocker, asked: Asked) -> None:
    names = {"default": "team/x:1"}
    way = asked.run(lambda images: images.ready(None, asked.said.append, names))
    assert isinstance(way, Container)
    assert way.name == "team/x:1"
    assert asked.run(lambda images: images.check(None, names)).way == "container"
    assert asked.ready(Image.from_ref_name(), names=names) == way


@pytest.mark.parametrize(
    ("orders", "seconds", "message"),
    [
        (
            {"pull": {"err": "manifest unknown", "code": 1}},
            60,
            r"alpine:3 is not on this machine.*: manifest unknown\nTry `docker pull alpine:3`",
        ),
        ({"pull": {"hang": True}}, 1, "it took longer than image_pull_seconds = 1"),
        ({"pull": {"code": 137}}, 60, "its exit code was 137"),
        ({"image_inspect": {"code": 1}}, 60, "docker load -i FILE"),  # it says that it pulled, and has nothing
    ],
)
def test_row_61_what_cannot_be_pulled(
    docker: FakeDocker, settings_with: SettingsWith, orders: dict[str, Any], seconds: float, message: str
) -> None:
    docker.order(**orders)
    with pytest.raises(ImagePullBackOffError, match=message) as caught:
        Asked(settings_with(image_pull_seconds=seconds)).ready(Image.from_base("alpine:3"))
    assert caught.value.code == "ImagePullBackOff"


# -- building -----------------------------------------------------------------------------------------------------


def test_built_once_and_found_by_its_label(docker: FakeDocker, asked: Asked) -> None:
    docker.has(BASE)
    way = asked.ready(DEMO)
    assert isinstance(way, Container)
    (call,) = docker.calls("build")
    assert (call[:2], call[-2], way.name) == (["build", "--force-rm"], "--", call[call.index("--tag") + 1])
    assert way.name.startswith("localflyte/demo:")
    assert asked.said[0] == "building the image demo with docker"
    again = asked.ready(DEMO)
    assert (again, len(docker.calls("build"))) == (way, 1)


def test_built_in_a_private_folder_that_is_gone_afterwards(docker: FakeDocker, asked: Asked, tmp_path: Path) -> None:
    docker.has(BASE)
    (tmp_path / "r.txt").write_text("tomli")
    abandoned = tmp_path / "home" / "images" / ".context-999999999-x"
    abandoned.mkdir(parents=True)
    asked.ready(DEMO.with_requirements(tmp_path / "r.txt"))
    built = docker.built()
    assert (built["files"], built["mode"]) == (["1", "1/requirements.txt", "Dockerfile"], 0o700)
    assert built["text"].startswith(f"FROM {BASE}\n")
    assert list((tmp_path / "home" / "images").iterdir()) == []


def test_built_again_where_the_content_or_the_base_changed(docker: FakeDocker, asked: Asked, tmp_path: Path) -> None:
    docker.has(BASE)
    file = tmp_path / "r.txt"
    for number, text in enumerate(("tomli", "tomli>2", "tomli")):
        file.write_text(text)
        asked.ready(DEMO.with_requirements(file))
        assert len(docker.calls("build")) == min(number + 1, 2)
    docker.has("other:1", BASE)  # somebody has pulled a newer one
    asked.ready(DEMO.with_requirements(file))
    assert len(docker.calls("build")) == 3


def test_a_base_of_ones_own(docker: FakeDocker, settings_with: SettingsWith) -> None:
    asked = Asked(settings_with(base_image="mine/python:{python}", build_network="host"))
    asked.ready(DEMO)
    assert docker.calls("pull")[0][-1] == "mine/python:3.12"
    (call,) = docker.calls("build")
    assert call[call.index("--network") + 1] == "host"
    way = asked.ready(Image.from_debian_base(python_version=(3, 12)))
    assert isinstance(way, Container)
    assert way.name == "mine/python:3.12"  # nothing is on top of it: it is used as it is


def test_podman_is_asked_for_full_names_and_told_not_to_pull(docker: FakeDocker, settings_with: SettingsWith) -> None:
    docker.order(info={"out": "4.3.1"})
    Asked(settings_with(container_engine="podman")).ready(DEMO)
    assert docker.calls("pull")[0][-1] == "docker.io/library/python:3.12-slim-bookworm"
    assert "--pull=never" in docker.calls("build")[0]
    assert re.match(r"FROM sha256:[0-9a-f]{64}\n", docker.built()["text"])


def test_what_a_build_that_failed_has_left_is_not_the_image(docker: FakeDocker, asked: Asked) -> None:
    docker.has(BASE)
    docker.order(build={"code": 1, "err": "no space", "leaves": True})
    for _ in range(2):
        with pytest.raises(ImageBuildError, match="no space"):
            asked.ready(DEMO)
    assert len(docker.calls("build")) == 2


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("a", "docker.io/library/a"),
        ("a/b:1", "docker.io/a/b:1"),
        ("localhost/a", "localhost/a"),
        ("h:5/a", "h:5/a"),
        ("h.io/a", "h.io/a"),
        ("sha256:" + "0" * 64, "sha256:" + "0" * 64),
    ],
)
def test_the_registry_that_is_meant(name: str, full: str) -> None:
    assert qualified(name) == full


def test_again_by_order(docker: FakeDocker, asked: Asked) -> None:
    docker.has(BASE)
    asked.ready(DEMO)
    asked.ready(DEMO, fresh=True)
    assert ["--no-cache" in call for call in docker.calls("build")] == [False, True]


def test_a_dockerfile_is_left_to_the_builder(docker: FakeDocker, asked: Asked, tmp_path: Path) -> None:
    """Test that what lies beside it counts, whatever we know of it."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    image = Image.from_dockerfile(tmp_path / "Dockerfile", registry="r", name="n")
    for _ in range(2):
        way = asked.ready(image)
    assert isinstance(way, Container)
    assert way.name.startswith("localflyte/n:")
    assert [call[-1] for call in docker.calls("build")] == [str(tmp_path), str(tmp_path)]


CLASSIC = 'Step 1/2 : FROM x\\n ---> 123\\nStep 2/2 : RUN ["pip", "install", "a b"]\\n ---> Running in 12\\nno such package: a b'
BUILDKIT = '#5 [1/2] FROM x\\n#6 [2/2] RUN ["pip", "install", "a b"]\\n#6 0.1 no such package: a b'


@pytest.mark.parametrize(
    "out", [CLASSIC, BUILDKIT, CLASSIC.replace("Step", "STEP").replace(" :", ":")], ids=["docker", "buildkit", "podman"]
)
def test_a_failure_names_the_step_and_what_it_said(docker: FakeDocker, asked: Asked, out: str) -> None:
    docker.has(BASE)
    docker.order(build={"out": out.replace("\\n", "\n"), "code": 1})
    with pytest.raises(ImageBuildError) as caught:
        asked.ready(DEMO)
    assert "demo could not be built at step 2 of 2, RUN pip install 'a b': docker ended with 1. It said:\n" in str(caught.value)
    assert "no such package: a b" in str(caught.value)
    assert "Running in" not in str(caught.value)
    assert "image: step 1 of 2, FROM x" in asked.said


@pytest.mark.parametrize(
    ("order", "seconds", "error", "message"),
    [
        ({"hang": True}, 1, ImageBuildError, "could not be built: it took longer than image_build_seconds = 1"),
        ({"err": "Cannot connect to the Docker daemon", "code": 1}, 60, ImageBuildError, "Cannot connect to the Docker daemon"),
        ({"out": "Step 1/1 : RUN {not json", "code": 137}, 60, ImageBuildError, r"at step 1 of 1, RUN \{not json: docker ended with 137"),
        ({"err": "Temporary failure in name resolution", "code": 1}, 60, ImageBuildError, "LOCALFLYTE_BUILD_NETWORK=host"),
        ({"err": "E: Unable to locate package gti", "code": 100}, 60, InvalidPackageError, "There is no system package 'gti'"),
        ({"err": "https://me:pw@index/simple said no", "code": 1}, 60, ImageBuildError, r"https://\*\*\*@index/simple said no"),
    ],
)
def test_row_61_an_engine_that_is_not_well(
    docker: FakeDocker, settings_with: SettingsWith, order: dict[str, Any], seconds: float, error: type[Exception], message: str
) -> None:
    docker.has(BASE)
    docker.order(build=order)
    with pytest.raises(error, match=message):
        Asked(settings_with(image_build_seconds=seconds)).ready(DEMO)


def test_one_that_says_it_built_and_has_nothing(docker: FakeDocker, asked: Asked) -> None:
    docker.has(BASE)
    docker.order(image_inspect={"code": 1})
    with pytest.raises(BaseRuntimeError, match="is not on this machine"):
        asked.ready(DEMO)


def test_a_file_that_cannot_be_read(docker: FakeDocker, asked: Asked, tmp_path: Path) -> None:
    docker.has(BASE)
    (tmp_path / "r.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ImageBuildError, match="a file of the image demo cannot be read"):
        asked.ready(DEMO.with_requirements(tmp_path / "r.txt"))
    with pytest.raises(ImageBuildError, match="needs .*missing.txt, which does not exist"):
        asked.ready(DEMO.with_requirements(tmp_path / "missing.txt"))


# -- many at once -------------------------------------------------------------------------------------------------


def test_however_many_ask_it_is_built_once(docker: FakeDocker, asked: Asked) -> None:
    docker.has(BASE)
    ways: list[Way] = []

    async def work(images: Images) -> None:
        async def one() -> None:
            ways.append(await images.ready(DEMO.terms(), asked.said.append))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(one)

    asked.run(work)
    assert (len(ways), len(set(map(id, ways))), len(docker.calls("build")), len(docker.calls("version"))) == (20, 1, 1, 1)


def test_a_failure_is_remembered(docker: FakeDocker, asked: Asked) -> None:
    docker.order(pull={"err": "no", "code": 1})

    async def work(images: Images) -> list[str]:
        said = []
        for _ in range(3):
            with pytest.raises(ImagePullBackOffError) as caught:
                await images.ready(Image.from_base("alpine:3").terms(), asked.said.append)
            said.append(str(caught.value))
        return said

    assert len(set(asked.run(work))) == 1
    assert len(docker.calls("pull")) == 1


def test_what_a_person_has_seen_to_is_tried_again(docker: FakeDocker, asked: Asked) -> None:
    docker.order(version={"err": "no daemon", "code": 1}, info={"code": 1})

    async def work(images: Images) -> Way:
        with pytest.raises(ImageBuildError, match="no daemon"):
            await images.ready(Image.from_base("alpine:3").terms(), asked.said.append)
        docker.order()
        images.forget_failures()
        way = await images.ready(Image.from_base("alpine:3").terms(), asked.said.append)
        images.forget_failures()
        assert await images.ready(Image.from_base("alpine:3").terms(), asked.said.append) is way
        return way

    assert isinstance(asked.run(work), Container)


def test_who_waits_goes_on_where_who_made_it_was_cancelled(docker: FakeDocker, asked: Asked) -> None:
    docker.has(BASE)
    docker.order(build={"out": "Step 1/1 : FROM x", "hang": True})

    async def work(images: Images) -> Way:
        found: list[Way] = []
        begun = anyio.Event()

        async def first(scope: anyio.CancelScope) -> None:
            with scope:
                await images.ready(DEMO.terms(), lambda line: begun.set() if line.startswith("image: step") else None)

        async def second() -> None:
            found.append(await images.ready(DEMO.terms(), asked.said.append))

        async with anyio.create_task_group() as tasks:
            scope = anyio.CancelScope()
            tasks.start_soon(first, scope)
            await begun.wait()
            tasks.start_soon(second)
            await anyio.lowlevel.checkpoint()
            docker.order()
            scope.cancel()
        return found[0]

    assert isinstance(asked.run(work), Container)
    assert len(docker.calls("build")) == 2
    assert list((asked.settings.home / "images").iterdir()) == []


def test_check_makes_nothing(docker: FakeDocker, asked: Asked) -> None:
    decision = asked.run(lambda images: images.check(DEMO.terms()))
    assert decision.way == "container"
    assert {call[0] for call in docker.calls()} == {"version", "info"}
    host = Asked(replace(asked.settings, image_policy="host"))
    assert isinstance(host.ready(DEMO), Host)


def test_no_engine_is_asked_where_none_would_be_used(docker: FakeDocker, asked: Asked) -> None:
    host = Asked(replace(asked.settings, image_policy="host"))
    host.ready(DEMO)
    assert docker.calls() == []
