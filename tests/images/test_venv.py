"""Environments for images without containers: what was asked for is in them, made once, alike tomorrow, and no password leaks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import pytest

from localflyte.errors import ImageBuildError
from localflyte.images import uv as uv_module
from localflyte.images.images import Images
from localflyte.images.uv import Uv
from localflyte.images.uv import find_uv
from localflyte.images.uv import index_variables
from localflyte.images.uv import masked
from localflyte.images.ways import Venv
from localflyte.settings import Settings
from localflyte.spec.image import Image
from localflyte.spec.image import PythonWheels
from localflyte.spec.image_layers import Layer
from tests.images.wheels import make_project
from tests.images.wheels import make_wheel

pytestmark = pytest.mark.skipif(find_uv() is None, reason="uv is not installed")

SettingsWith = Callable[..., Settings]
BASE = Image.from_debian_base(name="demo")


class Maker:
    """Makes environments of wheels that lie in a folder: nothing comes from a network."""

    def __init__(self, settings: Settings, tmp_path: Path) -> None:
        self.settings = settings
        self.wheels = tmp_path / "wheels"
        self.wheels.mkdir()
        self.only_here = f"--no-index --find-links {self.wheels}"
        self.said: list[str] = []
        self.images: list[Images] = []

    def pip(self, *packages: str) -> Image:
        return BASE.with_pip_packages(*packages, extra_args=self.only_here)

    def make(self, image: Image, **options: Any) -> Venv:
        async def main() -> Any:
            images = Images(self.settings)
            try:
                return await images.ready(image.terms(), self.said.append, **options)
            finally:
                images.close()

        way = anyio.run(main)
        assert isinstance(way, Venv)
        return way


@pytest.fixture
def maker(settings_with: SettingsWith, tmp_path: Path) -> Maker:
    return Maker(settings_with(image_policy="venv"), tmp_path)


def inside(way: Venv, text: str) -> str:
    return subprocess.run([way.python, "-I", "-c", text], capture_output=True, text=True, check=True).stdout.strip()


def test_the_packages_are_in_it_and_nothing_else(maker: Maker) -> None:
    make_wheel(maker.wheels, "upper", requires=("lower>=1",))
    make_wheel(maker.wheels, "lower", "1.0")
    make_wheel(maker.wheels, "lower", "2.0")
    way = maker.make(maker.pip("upper").with_env_vars({"A": "1"}))
    assert inside(way, "import upper, lower; print(upper.VERSION, lower.VERSION)") == "1.0 2.0"
    assert (
        inside(way, "import sys, importlib.util as u; print(sys.version_info[:2], u.find_spec('localflyte'))")
        == f"{sys.version_info[:2]} None"
    )
    assert (way.env, "approximated" in way.notice) == ({"A": "1"}, True)
    assert maker.said == ["resolving the packages of the image demo", "making an environment for the image demo"]


def test_made_once_and_resolved_once(maker: Maker) -> None:
    """Test that a newer version changes nothing until that is asked for."""
    make_wheel(maker.wheels, "lower", "1.0")
    first = maker.make(maker.pip("lower"))
    maker.said.clear()
    make_wheel(maker.wheels, "lower", "2.0")
    assert (maker.make(maker.pip("lower")), maker.said) == (first, [])
    fresh = maker.make(maker.pip("lower"), fresh=True)
    assert (inside(fresh, "import lower; print(lower.VERSION)"), fresh.key != first.key) == ("2.0", True)
    assert inside(first, "import lower; print(lower.VERSION)") == "1.0"
    assert maker.make(maker.pip("lower")) == fresh


def test_the_key_is_of_the_content(maker: Maker) -> None:
    make_wheel(maker.wheels, "lower")
    make_wheel(maker.wheels, "upper", requires=("lower",))
    keys = [
        maker.make(image).key
        for image in (maker.pip("upper"), maker.pip("upper", "lower"), maker.pip("upper").clone(name="other"), maker.pip("lower"))
    ]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_no_half_of_one_is_left(maker: Maker) -> None:
    make_wheel(maker.wheels, "lower").write_bytes(b"no wheel")
    with pytest.raises(ImageBuildError, match=r"The packages of the image demo could not be .*uv said:\n"):
        maker.make(maker.pip("lower"))
    with pytest.raises(ImageBuildError, match=r"could not be resolved[\s\S]*nowhere"):
        maker.make(maker.pip("nowhere"))
    assert [name for name in os.listdir(maker.settings.home / "envs") if name != "locks"] == []


def test_requirements_files_and_those_they_include(maker: Maker, tmp_path: Path) -> None:
    make_wheel(maker.wheels, "lower", "1.0")
    make_wheel(maker.wheels, "lower", "2.0")
    make_wheel(maker.wheels, "upper")
    (tmp_path / "r.txt").write_text("-r more.txt\n-r r.txt\nupper\n")
    image = BASE.with_requirements(tmp_path / "r.txt", extra_args=maker.only_here)
    for version in ("1.0", "2.0"):
        (tmp_path / "more.txt").write_text(f"lower=={version}\n")
        assert inside(maker.make(image), "import lower, upper; print(lower.VERSION)") == version


def test_where_a_requirements_file_finds_its_packages(maker: Maker, tmp_path: Path) -> None:
    make_wheel(maker.wheels, "lower")
    (tmp_path / "r.txt").write_text("--no-index  # at all\n--find-links wheels\nlower\n")
    assert inside(maker.make(BASE.with_requirements(tmp_path / "r.txt")), "import lower; print(1)") == "1"


def test_a_script(maker: Maker, tmp_path: Path) -> None:
    make_wheel(maker.wheels, "lower")
    local = make_wheel(tmp_path / "elsewhere", "local")
    header = f'# /// script\n# dependencies = ["lower", "local @ {local.as_uri()}"]\n'
    header += '# [tool.uv]\n# exclude-newer = "2030-01-01T00:00:00Z"\n# ///\n'
    (tmp_path / "s.py").write_text(f"#!/usr/bin/env python\n{header}print(1)\n")
    image = Image.from_uv_script(tmp_path / "s.py", name="s", extra_args=maker.only_here, pre=True)
    assert inside(maker.make(image), "import lower, local; print(local.VERSION)") == "1.0"


def test_wheels_of_a_folder(maker: Maker, tmp_path: Path) -> None:
    folder = tmp_path / "dist"
    make_wheel(folder, "my_pkg", "1.0")
    image = BASE.clone(addl_layer=PythonWheels(wheel_dir=folder, package_name="my-pkg", extra_args="--no-index"))
    assert inside(maker.make(image), "import my_pkg; print(my_pkg.VERSION)") == "1.0"
    make_wheel(folder, "my_pkg", "2.0")
    assert inside(maker.make(image), "import my_pkg; print(my_pkg.VERSION)") == "2.0"
    with pytest.raises(ImageBuildError, match=r"there is no wheel of other in .*dist; build it"):
        maker.make(BASE.clone(addl_layer=PythonWheels(wheel_dir=folder, package_name="other")))


def test_a_project(maker: Maker, tmp_path: Path) -> None:
    """Test that the lock file decides, wherever it is, and that nothing is written beside the project."""
    make_wheel(maker.wheels, "lower", "1.0")
    project = make_project(tmp_path / "own", "lower", uv=f'no-index = true\nfind-links = ["{maker.wheels}"]')
    lock = [str(find_uv()), "lock", "--quiet", "--offline"]
    subprocess.run(lock, cwd=project.parent, check=True, env={**os.environ, "UV_PYTHON": sys.executable})
    make_wheel(maker.wheels, "lower", "2.0")
    version = "import lower; print(lower.VERSION)"
    assert inside(maker.make(BASE.with_uv_project(project, extra_args="--no-install-project")), version) == "1.0"
    elsewhere = (project.parent / "uv.lock").rename(tmp_path / "my.lock")
    assert inside(maker.make(BASE.with_uv_project(project, elsewhere)), version) == "1.0"
    assert inside(maker.make(BASE.with_uv_project(project)), version) == "2.0"
    assert sorted(os.listdir(project.parent)) == ["backend.py", "own.py", "pyproject.toml"]
    project.write_text("[project]\n")
    with pytest.raises(ImageBuildError, match=r"uv cannot say what .*pyproject\.toml needs:\n"):
        maker.make(BASE.with_uv_project(project))


def test_a_project_itself(maker: Maker, tmp_path: Path) -> None:
    """Test that its code counts as well."""
    for value in ("1", "2"):
        project = make_project(tmp_path / "own", uv="no-index = true", text=f"VALUE = {value}\n")
        image = BASE.with_uv_project(project, project_install_mode="install_project")
        assert inside(maker.make(image), "import own; print(own.VALUE)") == value


def test_an_interpreter_that_is_gone(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(maker.wheels, "lower")
    maker.make(maker.pip("lower"))
    make_wheel(maker.wheels, "upper")
    real, gone = Uv.run, "/nowhere/python"

    async def run(self: Uv, *args: str, **options: Any) -> Any:
        return await real(self, *(gone if each == sys.executable and args[0] == "venv" else each for each in args), **options)

    monkeypatch.setattr(Uv, "run", run)
    with pytest.raises(ImageBuildError, match=r"uv could not make an environment with .*:\n"):
        maker.make(maker.pip("lower", "upper"))


def test_a_python_that_is_not_here(maker: Maker) -> None:
    with pytest.raises(ImageBuildError, match=r"asks for Python 3\.99, and there is none on this machine\. `uv python install 3\.99`"):
        maker.make(Image.from_debian_base(python_version=(3, 99), name="x").with_pip_packages("a"))


def test_another_python_that_is_here(maker: Maker) -> None:
    """Test the interpreters that this machine has beside the one that runs the test; some have none."""
    program = find_uv()
    listed = subprocess.run(
        [str(program), "python", "list", "--only-installed", "--output-format", "json"], capture_output=True, check=True
    )
    parts = [each["version_parts"] for each in json.loads(listed.stdout) if each["implementation"] == "cpython"]
    others = {(each["major"], each["minor"]) for each in parts} - {sys.version_info[:2]}
    others = {version for version in others if version >= (3, 9)}
    if not others:
        pytest.skip("there is no second Python")
    make_wheel(maker.wheels, "lower")
    image = Image.from_debian_base(python_version=max(others), name="x").with_pip_packages("lower", extra_args=maker.only_here)
    assert inside(maker.make(image), "import sys, lower; print(sys.version_info[:2])") == str(max(others))


@pytest.mark.parametrize("package", ["-r /etc/passwd", "a\n--index-url x", " --extra-index-url x"])
def test_a_package_is_no_option(maker: Maker, package: str) -> None:
    with pytest.raises(ImageBuildError, match="is no package; options belong into extra_args="):
        maker.make(BASE.with_pip_packages(package))


def test_no_password_is_said_or_kept(maker: Maker, canary: str) -> None:
    make_wheel(maker.wheels, "lower")
    secret = quote(canary, safe="")
    image = maker.pip("lower").with_pip_packages("lower", index_url=f"https://me:{secret}@127.0.0.1:1/simple")
    way = maker.make(image)
    assert inside(way, "import lower; print(1)") == "1"
    bad = BASE.with_pip_packages("nowhere", index_url=f"http://me:{secret}@127.0.0.1:1/simple", extra_args="--no-index")
    with pytest.raises(ImageBuildError) as caught:
        maker.make(bad)
    assert secret not in str(caught.value)
    assert not [path for path in maker.settings.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_what_an_environment_adds_to_a_variable(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(maker.wheels, "lower")
    monkeypatch.setenv("PYTHONPATH", "/before")
    image = maker.pip("lower").with_env_vars({"PYTHONPATH": "/a:$PYTHONPATH", "B": "1"}).with_env_vars({"B": "${B}2"})
    assert maker.make(image.with_workdir("/nowhere")).env == {"PYTHONPATH": "/a:/before", "B": "12"}
    assert maker.make(image.with_workdir("/nowhere")).workdir == ""
    assert maker.make(image.with_workdir("/usr")).workdir == "/usr"


# -- uv -----------------------------------------------------------------------------------------------------------


def pip_layer(**options: Any) -> Layer:
    return Layer.of("pip", **options)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([pip_layer()], {}),
        ([pip_layer(index_url="https://a")], {"UV_DEFAULT_INDEX": "https://a"}),
        ([pip_layer(index_url="https://a"), pip_layer()], {"UV_INDEX": "https://a", "UV_INDEX_STRATEGY": "unsafe-best-match"}),
        (
            [pip_layer(index_url="https://a", extra_index_urls=("https://b", "https://c")), pip_layer(index_url="https://a")],
            {"UV_DEFAULT_INDEX": "https://a", "UV_INDEX": "https://b https://c", "UV_INDEX_STRATEGY": "unsafe-best-match"},
        ),
    ],
)
def test_the_indexes_of_several_layers(layers: list[Layer], expected: dict[str, str]) -> None:
    assert index_variables(layers) == expected


def test_masked() -> None:
    text = "no https://me:p/w@host/simple and http://tok@h, but a @ git+https://host:80/me/a@v1"
    assert masked(text) == "no https://***@host/simple and http://***@h, but a @ git+https://host:80/me/a@v1"


def test_packages_are_kept_where_they_can_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "there" / "yet"))
    assert "UV_CACHE_DIR" not in Uv("uv", tmp_path, "/")._env
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc")
    assert Uv("uv", tmp_path, "/")._env["UV_CACHE_DIR"] == str(tmp_path / "uv")
    monkeypatch.setenv("UV_CACHE_DIR", "/anywhere")
    assert "UV_CACHE_DIR" not in Uv("uv", tmp_path, "/")._env


def test_uv_is_found_on_the_path_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert uv_module.find_uv() is None
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    assert uv_module.find_uv() == str(tmp_path / "uv")
