"""Images by a real engine: what was declared is in them, and they are had once. There is no registry, so the base is the tests' own."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from localflyte.errors import ImageBuildError
from localflyte.errors import ImagePullBackOffError
from localflyte.images.build import LABEL
from localflyte.images.engines import Engine
from localflyte.images.images import Images
from localflyte.images.uv import find_uv
from localflyte.images.ways import Container
from localflyte.settings import Settings
from localflyte.spec.image import Image
from localflyte.spec.image import PythonWheels
from tests.images.wheels import make_project
from tests.images.wheels import make_wheel

END_WITHIN = 5.0  # seconds that an engine may take to have removed what has ended

pytestmark = pytest.mark.container

BASE = Image.from_debian_base(name="tested")
NO_INDEX = "--no-index --find-links /opt/wheels"


class Built:
    """Images that are made in a test, and removed after it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.said: list[str] = []
        self.ways: list[Container] = []

    def ready(self, image: Image, **options: Any) -> Container:
        async def main() -> Any:
            return await Images(self.settings).ready(image.terms(), self.said.append, **options)

        way = anyio.run(main)
        assert isinstance(way, Container)
        self.ways.append(way)
        return way

    def run(self, way: Container, text: str) -> str:
        command = [way.engine.program, "run", "--rm", "--network=none", "--", way.image, "python3", "-c", text]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    def clear(self) -> None:
        for way in self.ways:
            if way.name.startswith("localflyte/tested:"):
                subprocess.run([way.engine.program, "rmi", "--force", "--", way.image], capture_output=True, check=False)


@pytest.fixture
def built(engine_name: str, settings_with: Callable[..., Settings]) -> Iterator[Built]:
    base = os.environ["LOCALFLYTE_TEST_IMAGE"]
    built = Built(settings_with(container_engine=engine_name, base_image=base, build_network="none"))
    yield built
    built.clear()


def test_a_name_that_is_here(built: Built) -> None:
    way = built.ready(Image.from_base(os.environ["LOCALFLYTE_TEST_IMAGE"]))
    assert built.said == []
    assert (way.engine.cpus or 0) >= 1
    assert built.run(way, "print(1)") == "1"


def test_hostile_values_mean_themselves(built: Built, tmp_path: Path) -> None:
    """Test with the real builder what the reader of the other tests says of the text."""
    values = {"A": "$(id) `id` $HOME ${PATH} \\ \" ' # \\", "B": "é ✓", "PATH": "/opt/first:$PATH", "C": "--privileged"}
    name = "a $b.txt"
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "[x]*?.txt").write_text("in a folder")
    (tmp_path / name).write_text("a file")
    image = BASE.with_env_vars(values).with_workdir("/w $HOME 'q'").with_source_folder(tmp_path / "src", "/d $x/y")
    image = image.with_source_file(tmp_path / name, "/etc").with_commands(["echo 'one $A' > '/out $A'\necho two >> '/out $A'", "true # \\"])
    way = built.ready(image)
    text = "import os; print(repr([os.environ[name] for name in 'ABC'] + [os.getcwd()] + sorted(os.listdir('/d $x/y'))))"
    assert built.run(way, text) == repr([values["A"], values["B"], values["C"], "/w $HOME 'q'", "[x]*?.txt"])
    assert built.run(way, "import os; print(os.environ['PATH'].split(':')[:2])") == "['/opt/first', '/usr/local/bin']"
    assert built.run(way, f"print(open('/etc/{name}').read() + open('/out $A').read())") == "a fileone $A\ntwo"
    assert way.workdir == "/w $HOME 'q'"


def test_packages_of_a_folder_without_a_network(built: Built, tmp_path: Path) -> None:
    make_wheel(tmp_path / "wheels", "lower", "1.0")
    make_wheel(tmp_path / "wheels", "upper", requires=("lower",))
    (tmp_path / "r.txt").write_text("lower\n")
    image = BASE.clone(addl_layer=PythonWheels(wheel_dir=tmp_path / "wheels", package_name="upper", extra_args="--no-index"))
    image = image.with_source_folder(tmp_path / "wheels", "/opt/wheels").with_requirements(tmp_path / "r.txt", extra_args=NO_INDEX)
    image = image.with_pip_packages("lower>=1", "upper", extra_args=NO_INDEX)
    way = built.ready(image)
    assert built.run(way, "import upper, lower; print(upper.VERSION, lower.VERSION)") == "1.0 1.0"


@pytest.mark.skipif(find_uv() is None, reason="uv is not installed")
def test_a_project_itself(built: Built, tmp_path: Path) -> None:
    project = make_project(tmp_path / "own", uv="no-index = true", text="VALUE = 7\n")
    way = built.ready(BASE.with_uv_project(project, project_install_mode="install_project"))
    assert built.run(way, "import own; print(own.VALUE)") == "7"


def test_built_once(built: Built) -> None:
    first = built.ready(BASE.with_env_vars({"A": "1"}))
    assert [line for line in built.said if line.startswith("built the image tested in")]
    built.said.clear()
    assert (built.ready(BASE.with_env_vars({"A": "1"})), built.said) == (first, [])
    assert built.ready(BASE.with_env_vars({"A": "2"})).image != first.image
    assert built.ready(BASE.with_env_vars({"A": "1"}), fresh=True).name == first.name


def test_a_failure_shows_what_the_step_said_and_leaves_nothing(built: Built, tmp_path: Path) -> None:
    before = everything(built)
    image = BASE.with_commands(["echo first", "echo this is why >&2; exit 7"])
    for _ in range(2):  # what the first has left of its steps is not the image
        with pytest.raises(ImageBuildError) as caught:
            built.ready(image)
    assert "at step " in str(caught.value)
    assert f"exit 7': {built.settings.container_engine} ended with " in str(caught.value)
    assert "this is why\n" in str(caught.value).partition("It said:")[2]
    give_up = time.monotonic() + END_WITHIN
    while not set(everything(built)) <= set(before):  # a failure is told before its step is removed
        assert time.monotonic() < give_up
    assert list((built.settings.home / "images").iterdir()) == []


def everything(built: Built) -> list[str]:
    """The containers that were made for steps of builds: those that run are of others."""
    engine = next((way.engine for way in built.ways), Engine(name="", program=built.settings.container_engine, version=""))
    listed = [engine.program, "ps", "--all", "--quiet", "--filter", "status=exited", "--filter", "status=created"]
    return sorted(subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split())


def test_a_dockerfile_in_its_folder(built: Built, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {os.environ['LOCALFLYTE_TEST_IMAGE']}\nCOPY here.txt /here.txt\n")
    image = Image.from_dockerfile(tmp_path / "Dockerfile", registry="registry", name="tested")
    for text in ("one", "two"):
        (tmp_path / "here.txt").write_text(text)
        assert built.run(built.ready(image), "print(open('/here.txt').read())") == text


def test_what_is_nowhere(built: Built) -> None:
    with pytest.raises(ImagePullBackOffError, match=r"localhost:1/nowhere:1 is not on this machine, and (docker|podman) could not pull it"):
        built.ready(Image.from_base("localhost:1/nowhere:1"))


def test_an_image_can_be_found_by_its_label(built: Built) -> None:
    """Test what the documentation says about removing them."""
    way = built.ready(BASE.with_env_vars({"A": "1"}))
    listed = subprocess.run(
        [way.engine.program, "images", "--quiet", "--no-trunc", "--filter", f"label={LABEL}"], capture_output=True, text=True, check=True
    )
    assert way.image.removeprefix("sha256:") in listed.stdout.replace("sha256:", "").split()
