"""Packages that an image does not bring, and modules that a code bundle leaves out, are found."""

# ruff: noqa: E501 - the programs below are data, and read best as they are

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from localflyte.api.task import TaskTemplate
from localflyte.portability.code import Texts
from localflyte.portability.declared import declared_by
from localflyte.portability.imports import _is_included
from localflyte.spec.image import Image
from localflyte.spec.image import PythonWheels

TASK = "@env.task\ndef task(x: int = 1) -> int: return "
WITH = "from localflyte.spec.image import Image\nenv = TaskEnvironment('with_image', image={})\n"
PACKAGES = {
    "imported by the module": ("import pytest\n" + TASK + "x", ["pytest"]),
    "imported by a module that it imports": ("import other\n" + TASK + "x", ["pytest"]),
    "imported by the package around a module": ("import package.inner\n" + TASK + "x", ["pytest"]),
    "imported in the body": ("@env.task\ndef task(x: int = 1) -> int:\n    import pytest\n    return x", ["pytest"]),
    "imported by a written name": ("import importlib\n" + TASK + "importlib.import_module('pytest')", ["pytest"]),
    "imported in a called task": ("@env.task\ndef child() -> int:\n    import pytest\n    return 1\n" + TASK + "child()", ["pytest"]),
    "under a name that is not that of the distribution": ("import _pytest, pytest\n" + TASK + "x", ["pytest"]),
    "done without": ("try:\n    import pytest\nexcept ImportError:\n    pytest = None\n" + TASK + "x", []),
    "done without, in a word": ("import contextlib\nwith contextlib.suppress(ImportError):\n    import pytest\n" + TASK + "x", []),
    "for a type checker": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pytest\n" + TASK + "x", []),
    "by the program alone": ("if __name__ == '__main__':\n    import pytest\n" + TASK + "x", []),
    "in a function that it does not call": ("def helper():\n    import pytest\n" + TASK + "x", []),
    "in a branch that was not taken": ("import sys\nif sys.version_info < (3, 0):\n    import hypothesis_of_old\n" + TASK + "x", []),
    "of the standard library": ("import json\n" + TASK + "x", []),
    "that flyte needs as well": ("import click, yaml, pydantic\n" + TASK + "x", []),
    "declared": (WITH.format("Image.from_debian_base().with_pip_packages('pytest>=8')") + "import pytest\n" + TASK + "x", []),
    "needed by what is declared": (WITH.format("Image.from_debian_base().with_pip_packages('pytest')") + "import pluggy\n" + TASK + "x", []),
    "in an image that says nothing": (WITH.format("'registry/image:tag'") + "import pytest\n" + TASK + "x", []),
    "declared for another environment": (WITH.format("Image.from_debian_base().with_pip_packages('pytest')") + "old = TaskEnvironment('old')\nimport pytest\n@old.task\ndef task(x: int = 1) -> int: return x", ["pytest"]),
}  # fmt: skip


@pytest.mark.parametrize(("main", "names"), PACKAGES.values(), ids=PACKAGES)
def test_what_the_image_does_not_bring_is_found(look, main: str, names: list[str]) -> None:
    found = look(main, kind="package", other="import pytest", package_IN___init__="import pytest", package_IN_inner="")
    assert [each.subject.partition(" ")[0] for each in found] == names


def test_it_says_which_environment_and_what_to_write(look) -> None:
    (found,) = look("import pytest\n" + TASK + "x", kind="package")
    assert found.where.endswith("main.py:3")
    assert "the image of environment 'env' does not bring it" in str(found)
    assert 'with_pip_packages("pytest")' in found.way_out


def test_a_package_that_no_index_has_is_not_asked_for(look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "put_there_by_hand.py").write_text("")
    monkeypatch.syspath_prepend(str(folder))
    try:
        assert look("import put_there_by_hand\n" + TASK + "x", kind="package") == []
    finally:
        sys.modules.pop("put_there_by_hand", None)


def project(folder: Path, text: str, name: str = "pyproject.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_what_each_layer_brings(tmp_path: Path) -> None:
    base = Image.from_debian_base()
    text = '[project]\nname = "ours"\ndependencies = ["pluggy>=1"]\n[project.optional-dependencies]\nmore = ["iniconfig"]\n[dependency-groups]\ndev = ["packaging", {include-group = "x"}]\n'
    pyproject = project(tmp_path, text)
    project(tmp_path, '[[package]]\nname = "attrs"\n[[package]]\nname = "click"\n', "uv.lock")
    script = project(tmp_path, '# /// script\n# dependencies = ["pluggy"]\n# ///\nprint(1)\n', "script.py")
    poetry = project(
        tmp_path, '[tool.poetry]\nname = "theirs"\n[tool.poetry.dependencies]\npython = "^3.11"\npluggy = "^1"\n', "poetry.toml"
    )
    requirements = project(
        tmp_path, "# comment\n-i https://index\npluggy==1.5 \\\n  --hash=sha256:0  # why\n\niniconfig\n", "requirements.txt"
    )
    brings = {
        "pip": (base.with_pip_packages("PyTest[dev]>=8; python_version > '3'"), {"pytest", "pluggy"}),
        "requirements": (base.with_requirements(requirements), {"pluggy", "iniconfig"}),
        "uv": (base.with_uv_project(pyproject), {"pluggy"}),
        "uv, extras": (base.with_uv_project(pyproject, extra_args="--all-groups"), {"pluggy", "iniconfig", "packaging"}),
        "script": (Image.from_uv_script(script, name="x"), {"pluggy"}),
        "poetry": (base.with_poetry_project(poetry), {"pluggy"}),
        "wheels": (base.clone(name="x", addl_layer=PythonWheels(wheel_dir=tmp_path, package_name="pluggy")), {"pluggy"}),
        "commands": (base.with_commands(["echo hello"]).with_apt_packages("vim"), {"click"}),
    }
    for name, (image, names) in brings.items():
        declared = declared_by(image)
        assert declared is not None, name
        assert names <= declared, name
    assert "iniconfig" not in (declared_by(base.with_uv_project(pyproject)) or ())
    assert "attrs" not in (declared_by(base) or ())
    assert "ours" in (declared_by(base.with_uv_project(pyproject, project_install_mode="install_project")) or {"ours"})
    assert "click" not in (declared_by(Image.from_uv_script(script, name="x")) or ())


@pytest.mark.parametrize(
    "image",
    [
        "registry/image:tag",
        Image.from_base("registry/image:tag"),
        Image.from_ref_name("gpu"),
        Image.from_dockerfile(__file__, "registry", "name"),
        Image.from_base("python:3.12-slim-bookworm"),
        Image.from_debian_base().with_pip_packages("git+https://host/x.git"),
        Image.from_debian_base().with_pip_packages("surely-not-installed-here"),
        Image.from_debian_base().with_commands(["pip install x"]),
        Image.from_debian_base().with_requirements("nowhere.txt"),
        Image.from_debian_base().with_uv_project("nowhere.toml"),
        Image.from_debian_base().with_pixi_project("pixi.toml"),
    ],
    ids=str,
)
def test_what_cannot_be_told_is_not(image: object) -> None:
    assert declared_by(image) is None


def test_a_task_without_an_environment_includes_nothing() -> None:
    assert not _is_included(__file__, TaskTemplate(name="made.elsewhere"))


def test_what_is_no_python_has_no_tree(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def (")
    texts = Texts()
    assert (texts.tree(str(tmp_path / "broken.py")), texts.tree(str(tmp_path / "nowhere.py"))) == (None, None)
    assert texts.of_module("nowhere", str(tmp_path / "nowhere.py")) is None


def test_a_module_outside_of_the_root_folder_is_found(look) -> None:
    found = look("import inner\n" + TASK + "x", kind="module", path="root", root_IN_inner="import beside\n", beside="")
    assert {each.subject for each in found} == {"main", "beside"}
    assert any("is defined in main, which lies outside of the root folder" in str(each) for each in found)
    assert [each.where.rpartition("/")[2] for each in found if each.subject == "beside"] == ["inner.py:1"]


@pytest.mark.parametrize(
    ("style", "ruff", "names"), [("loaded_modules", None, ["late"]), ("loaded_modules", "ruff", []), ("all", None, []), ("none", None, [])]
)
def test_a_module_that_is_imported_while_the_task_runs_is_found(
    look, monkeypatch: pytest.MonkeyPatch, style: str, ruff: str | None, names: list[str]
) -> None:
    """A bundle of the loaded modules has what is loaded when it is made, and what ruff sees."""
    monkeypatch.setattr(shutil, "which", lambda name: ruff)
    found = look("@env.task\ndef task(x: int = 1) -> int:\n    import late\n    return x", kind="module", style=style, late="")
    assert [each.subject for each in found] == names


@pytest.mark.parametrize("pattern", ["late.py", "l*.py", ".", "nothing.py"])
def test_what_is_included_is_there(look, monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    main = f"env = TaskEnvironment('with_files', include=({pattern!r},))\n@env.task\ndef task(x: int = 1) -> int:\n    import late\n    return x"
    assert len(look(main, kind="module", late="")) == (pattern == "nothing.py")


@pytest.mark.parametrize("image", ["'registry/image:tag'", "Image.from_debian_base().with_source_folder('.')"])
def test_an_image_may_have_the_code(look, image: str) -> None:
    main = WITH.format(image) + "import inner\n" + TASK + "x"
    assert look(main, kind="module", path="root", root_IN_inner="import beside\n", beside="") == []
