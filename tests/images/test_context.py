"""What lies in the folder that an image is built from: what the layers bring, and no more."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from localflyte.errors import ImageBuildError
from localflyte.images.context import context_folder
from localflyte.images.context import fill_context
from localflyte.images.context import remove_abandoned
from localflyte.images.recipe import read_recipe
from localflyte.images.uv import find_uv
from localflyte.spec.image import Image
from localflyte.spec.image import PythonWheels
from tests.images.wheels import make_project

BASE = Image.from_debian_base(name="demo")


def filled(image: Image, home: Path) -> dict[str, str]:
    """:return: the files of the context, and what is in them"""
    with context_folder(home) as folder:
        anyio.run(fill_context, folder, read_recipe(image.describe(), {}), home)
        return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_each_layer_has_its_folder(tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    for name in ("r.txt", "src/deep/a.py", "src/b.csv", "w-1-py3-none-any.whl", "not-a-wheel"):
        (tmp_path / name).write_text(name)
    (tmp_path / "ignore").write_text("**/*.csv\n")
    script = '# /// script\n# dependencies = [\n#   "one",\n#\n#   "two>1",\n# ]\n# ///\nprint(1)\n'
    (tmp_path / "s.py").write_text(script)
    image = Image.from_uv_script(tmp_path / "s.py", name="demo").with_requirements(tmp_path / "r.txt").with_env_vars({"A": "1"})
    image = (
        image.with_source_folder(tmp_path / "src", "/x").with_source_file(tmp_path / "src" / "b.csv").with_dockerignore(tmp_path / "ignore")
    )
    image = image.clone(addl_layer=PythonWheels(wheel_dir=tmp_path, package_name="w")).with_local_v2()
    assert filled(image, tmp_path / "home") == {
        "0/requirements.txt": "one\ntwo>1\n",
        "1/requirements.txt": "r.txt",
        "3/deep/a.py": "src/deep/a.py",
        "4/b.csv": "src/b.csv",
        "6/w-1-py3-none-any.whl": "w-1-py3-none-any.whl",
    }


@pytest.mark.skipif(find_uv() is None, reason="uv is not installed")
def test_a_project_is_listed_and_copied(tmp_path: Path) -> None:
    indexes = 'index-url = "https://a"\nindex = [{ url = "https://b", default = true }, { url = "https://c" }]\n'
    more = f'extra-index-url = ["https://d"]\nfind-links = ["{tmp_path}"]\nno-index = true'
    project = make_project(tmp_path / "own", uv=indexes + more)
    image = BASE.with_uv_project(project, pre=True, project_install_mode="install_project")
    files = filled(image, tmp_path)
    assert list(files) == ["0/project/backend.py", "0/project/own.py", "0/project/pyproject.toml", "0/requirements.txt"]
    assert files["0/requirements.txt"].splitlines() == [
        "--no-index",
        "--index-url https://a",
        "--index-url https://b",
        "--extra-index-url https://c",
        "--extra-index-url https://d",
        f"--find-links {tmp_path}",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("print(1)\n", "has no block that begins with `# /// script`"),
        ("# /// script\n# dependencies = [\n# ///\n", "is not valid TOML"),
        ('# /// script\n# dependencies = ["a @ file:///x"]\n# ///\n', "depends on a @ file:///x, which is not in the image"),
        (None, "cannot be read"),
    ],
)
def test_a_script_that_says_nothing(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "s.py").write_text(text)
    with pytest.raises(ImageBuildError, match=message):
        filled(Image.from_uv_script(tmp_path / "s.py", name="demo"), tmp_path)


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImageBuildError, match="there is no wheel in .*, which w is to come from"):
        filled(BASE.clone(addl_layer=PythonWheels(wheel_dir=tmp_path, package_name="w")), tmp_path)
    with pytest.raises(ImageBuildError, match="file is not a folder; with_source_file copies a file"):
        filled(BASE.with_source_folder(tmp_path / "file"), tmp_path)


def test_a_project_without_uv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.images.projects.find_uv", lambda: None)
    with pytest.raises(ImageBuildError, match=r"needs uv to read the project: pip install 'localflyte\[images\]'"):
        filled(BASE.with_uv_project(tmp_path / "pyproject.toml"), tmp_path)


@pytest.mark.skipif(find_uv() is None, reason="uv is not installed")
def test_a_project_that_uv_refuses(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]\nversion = '1'\n")
    with pytest.raises(ImageBuildError, match=r"uv cannot say what .*pyproject\.toml needs:[\s\S]*name"):
        filled(BASE.with_uv_project(tmp_path / "pyproject.toml"), tmp_path)


def test_a_password_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("--index-url https://me:secret@host/simple\na\n")
    with pytest.raises(ImageBuildError, match="names an index with a password in its URL") as caught:
        filled(BASE.with_requirements(tmp_path / "r.txt"), tmp_path)
    assert "secret" not in str(caught.value)


def test_pipes_and_sockets_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    os.mkfifo(tmp_path / "src" / "pipe")
    (tmp_path / "src" / "a").write_text("a")
    assert filled(BASE.with_source_folder(tmp_path / "src", "/x"), tmp_path) == {"0/a": "a"}


def test_only_what_the_dead_left_is_removed(tmp_path: Path) -> None:
    folders = [tmp_path / "images" / f".context-{owner}-x" for owner in ("999999999", str(os.getpid()), "1", "nobody")]
    for folder in folders:
        folder.mkdir(parents=True)
    remove_abandoned(tmp_path)
    assert [folder.exists() for folder in folders] == [False, True, True, True]
