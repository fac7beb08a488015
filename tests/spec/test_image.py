"""Images: immutable values that record their layers, describe themselves plainly, and read files only for their digest."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localflyte.errors import ImageBuildError
from localflyte.spec import image as image_module
from localflyte.spec.image import Image
from localflyte.spec.image import image_from_request
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import PythonWheels
from localflyte.spec.image_layers import content_digest
from localflyte.spec.secret import Secret

NOW = f"{sys.version_info[0]}.{sys.version_info[1]}"
DEBIAN = Image.from_debian_base()


def last(image: Image) -> dict[str, Any]:
    """The description of the layer that was added last."""
    layer = image.describe()["layers"][-1]
    assert isinstance(layer, dict)
    return layer


def test_direct_construction_is_refused() -> None:
    with pytest.raises(TypeError, match="from_debian_base"):
        Image()


@pytest.mark.parametrize(
    ("image", "uri"),
    [
        (DEBIAN, f"ghcr.io/flyteorg/flyte:py{NOW}-v2.12.1"),
        (Image.from_debian_base((3, 12)), "ghcr.io/flyteorg/flyte:py3.12-v2.12.1"),
        (Image.from_debian_base(flyte_version="2.0.0"), f"ghcr.io/flyteorg/flyte:py{NOW}-v2.0.0"),
        (Image.from_debian_base(flyte_version="v2.0.0"), f"ghcr.io/flyteorg/flyte:py{NOW}-v2.0.0"),
        (Image.from_debian_base((3, 13), install_flyte=False), "python:3.13-slim-bookworm"),
        (Image.from_base("alpine:3.18"), "alpine:3.18"),
    ],
)
def test_uri_of_an_image_that_exists(image: Image, uri: str) -> None:
    assert image.uri == uri


def test_uri_of_an_image_that_has_to_be_built() -> None:
    image = Image.from_debian_base(registry="reg", name="mine").with_pip_packages("numpy")
    assert image.uri == f"reg/mine:{image.digest[:32]}"
    assert DEBIAN.with_pip_packages("numpy").uri.startswith("flyte:")


@pytest.mark.parametrize(
    ("image", "message"),
    [(Image.from_ref_name("ml"), "from_ref_name"), (Image.from_base("a").clone(registry="r"), "clone.name=")],
)
def test_no_uri(image: Image, message: str) -> None:
    with pytest.raises(ImageBuildError, match=message):
        _ = image.uri


@pytest.mark.parametrize(
    ("image", "default"),
    [
        (DEBIAN, True),
        (Image.from_debian_base(sys.version_info[:2]), True),
        (Image.from_debian_base(name="mine", registry="reg"), True),
        (Image.from_debian_base(flyte_version="2.0.0"), True),
        (Image.from_debian_base(install_flyte=False), True),
        (DEBIAN.with_local_v2().with_local_rs_controller(), True),
        (DEBIAN.with_pip_packages(), True),
        (DEBIAN.with_dockerignore("x"), True),
        (Image.from_debian_base((3, 9)), False),
        (Image.from_base("python:3.12"), False),
        (Image.from_ref_name(), False),
        (DEBIAN.with_pip_packages("numpy"), False),
        (DEBIAN.with_env_vars({"A": "b"}), False),
        (DEBIAN.with_local_v2_plugins("flyteplugins-x"), False),
        (Image.from_dockerfile("Dockerfile", "r", "n"), False),
        (Image.from_uv_script("x.py", name="n"), False),
    ],
)
def test_default(image: Image, default: bool) -> None:
    """Test that nothing has to be prepared where the interpreter that runs localflyte has all that is asked for."""
    assert image.is_default is default
    assert (image.terms() is None) is default


def test_methods_give_new_images() -> None:
    image = DEBIAN.with_apt_packages("git")
    assert DEBIAN.layers == ()
    assert len(image.layers) == 1
    with pytest.raises(AttributeError):
        image.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("image", "layer"),
    [
        (
            DEBIAN.with_pip_packages("a", "b", index_url="u", extra_index_urls="v", pre=True, extra_args="-x", secret_mounts="S"),
            {
                "kind": "pip", "packages": ["a", "b"], "index_url": "u", "extra_index_urls": ["v"], "pre": True, "extra_args": "-x",
                "secret_mounts": [{"key": "S", "group": "", "mount": "", "env_var": "S"}],
            },
        ),
        (
            DEBIAN.with_requirements("/a/r.txt", index_url="u", extra_index_urls=["v", "w"], pre=True, extra_args="-x"),
            {
                "kind": "requirements", "file": "/a/r.txt", "index_url": "u", "extra_index_urls": ["v", "w"], "pre": True,
                "extra_args": "-x", "secret_mounts": [],
            },
        ),
        (DEBIAN.with_apt_packages("git", "vim"), {"kind": "apt", "packages": ["git", "vim"], "secret_mounts": []}),
        (DEBIAN.with_commands(["a", "b"]), {"kind": "commands", "commands": ["a", "b"], "secret_mounts": []}),
        (DEBIAN.with_commands("a"), {"kind": "commands", "commands": ["a"], "secret_mounts": []}),
        (DEBIAN.with_env_vars({"A": "1"}), {"kind": "env", "env_vars": [["A", "1"]]}),
        (DEBIAN.with_workdir("/x"), {"kind": "workdir", "workdir": "/x"}),
        (DEBIAN.with_source_folder("/a/src"), {"kind": "source_folder", "src": "/a/src", "dst": "./src"}),
        (DEBIAN.with_source_folder(Path("/a/src"), copy_contents_only=True), {"kind": "source_folder", "src": "/a/src", "dst": "."}),
        (DEBIAN.with_source_folder("/a/src", "/d"), {"kind": "source_folder", "src": "/a/src", "dst": "/d"}),
        (DEBIAN.with_source_file("/a/f"), {"kind": "source_file", "src": "/a/f", "dst": "."}),
        (DEBIAN.with_code_bundle("all"), {"kind": "code_bundle", "copy_style": "all", "dst": "."}),
        (DEBIAN.with_code_bundle(), {"kind": "code_bundle", "copy_style": "loaded_modules", "dst": "."}),
        (DEBIAN.with_code_bundle(dst="/app"), {"kind": "code_bundle", "copy_style": "loaded_modules", "dst": "/app"}),
        (DEBIAN.with_dockerignore("/a/.dockerignore"), {"kind": "dockerignore", "path": "/a/.dockerignore"}),
    ],
)  # fmt: skip
def test_layer(image: Image, layer: dict[str, Any]) -> None:
    assert last(image) == layer


def test_description_is_plain() -> None:
    """Test that a description crosses a wire: text, numbers, booleans, lists and dicts."""
    image = Image.from_debian_base(registry="r", registry_secret="token").with_requirements("a.txt").with_apt_packages("git")
    described = image.describe()
    assert json.loads(json.dumps(described)) == described
    assert (described["base"], described["registry_secret"]) == (image.base_image, "token")
    assert described["python"] == list(sys.version_info[:2])


def test_paths_are_absolute_from_the_folder_they_were_written_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = DEBIAN.with_requirements("req.txt")
    monkeypatch.chdir("/")
    assert last(image)["file"] == str(tmp_path / "req.txt")


def test_projects_find_their_lock_files(tmp_path: Path) -> None:
    (tmp_path / "pixi.toml").touch()
    assert last(DEBIAN.with_uv_project(tmp_path / "pyproject.toml"))["uvlock"] is None
    assert last(DEBIAN.with_poetry_project(tmp_path / "pyproject.toml"))["poetry_lock"] == str(tmp_path / "poetry.lock")
    (tmp_path / "uv.lock").touch()
    assert last(DEBIAN.with_uv_project(tmp_path / "pyproject.toml"))["uvlock"] == str(tmp_path / "uv.lock")
    assert last(DEBIAN.with_uv_project("a/pyproject.toml", tmp_path / "other"))["uvlock"] == str(tmp_path / "other")
    pixi = last(DEBIAN.with_pixi_project(tmp_path))
    assert (pixi["manifest"], pixi["pixi_lock"]) == (str(tmp_path / "pixi.toml"), None)
    assert last(DEBIAN.with_pixi_project(tmp_path / "a" / "pixi.toml"))["environment"] == "default"


def test_a_pixi_project_is_found_in_its_folder(tmp_path: Path) -> None:
    """Test that pixi.toml is preferred to pyproject.toml, as pixi does, and that its lock file is found."""
    (tmp_path / "pyproject.toml").touch()
    assert last(DEBIAN.with_pixi_project(tmp_path))["manifest"] == str(tmp_path / "pyproject.toml")
    (tmp_path / "pixi.toml").touch()
    (tmp_path / "pixi.lock").touch()
    found = last(DEBIAN.with_pixi_project(tmp_path))
    assert (found["manifest"], found["pixi_lock"]) == (str(tmp_path / "pixi.toml"), str(tmp_path / "pixi.lock"))


@pytest.mark.parametrize("lock", ["uv.lock", "pixi.lock"])
def test_digest_of_a_project_is_of_its_lock_file_too(tmp_path: Path, lock: str) -> None:
    for name in ("pyproject.toml", "pixi.toml"):
        (tmp_path / name).write_text("[project]")

    def digest(**options: Any) -> str:
        if lock == "uv.lock":
            return DEBIAN.with_uv_project(tmp_path / "pyproject.toml").digest
        return DEBIAN.with_pixi_project(tmp_path, **options).digest

    seen = [digest()]
    for text in ("one", "two"):
        (tmp_path / lock).write_text(text)
        seen.append(digest())
    if lock == "pixi.lock":
        seen.append(digest(environment="prod"))
    assert len(set(seen)) == len(seen)


def test_digest_of_a_file_that_is_copied(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("first")
    before = DEBIAN.with_source_file(tmp_path / "f").uri
    (tmp_path / "f").write_text("second")
    assert DEBIAN.with_source_file(tmp_path / "f").uri != before


def test_digest_of_a_dockerignore(tmp_path: Path) -> None:
    """Test that its content counts, and that it need not be there where an image is only declared, as in a container."""
    ignore = tmp_path / ".dockerignore"
    seen = [DEBIAN.with_dockerignore(ignore).digest]
    for text in ("*.log", "*.log", "*.pyc"):
        ignore.write_text(text)
        seen.append(DEBIAN.with_dockerignore(ignore).digest)
    assert seen[1] == seen[2]
    assert len(set(seen)) == 3


def test_a_clone_has_a_place_of_its_own() -> None:
    clone = DEBIAN.clone(registry="ghcr.io/team", name="mine")
    assert clone.uri.startswith("ghcr.io/team/mine:")
    derived = Image.from_base("r.com/i:v1").clone(registry="other", name="mine", extendable=True).with_apt_packages("vim")
    assert derived.uri.startswith("other/mine:")
    assert len(derived.layers) == 1


def test_scripts() -> None:
    uv = Image.from_uv_script("/a/x.py", name="n", registry="r", pre=True)
    assert (uv.name, uv.registry, last(uv)["script"], last(uv)["pre"]) == ("n", "r", "/a/x.py", True)
    pixi = Image.from_pixi_script(Path("/a/x.py"), name="n", environment="e")
    assert (last(pixi)["kind"], last(pixi)["environment"]) == ("pixi_script", "e")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Image.from_base("alpine").with_pip_packages("x"), ValueError, "extendable=True"),
        (lambda: Image.from_base("alpine").clone(extendable=True).with_pip_packages("x"), ValueError, "without a name"),
        (lambda: Image.from_ref_name().with_pip_packages("x"), ValueError, "extendable=True"),
        (lambda: Image.from_dockerfile("D", "r", "n").with_pip_packages("x"), ValueError, "Dockerfile"),
        (lambda: Image.from_dockerfile("D", "r", "n").clone(extendable=True).with_workdir("x"), ValueError, "Dockerfile"),
        (lambda: Image.from_base(""), ValueError, "URI"),
        (lambda: Image.from_base(None), ValueError, "URI"),  # type: ignore[arg-type]
        (lambda: Image.from_debian_base("3.12"), ValueError, "pair of numbers"),  # type: ignore[arg-type]
        (lambda: Image.from_debian_base((3, 12, 1)), ValueError, "pair of numbers"),  # type: ignore[arg-type]
        (lambda: DEBIAN.with_requirements("a.yml"), ValueError, ".txt"),
        (lambda: DEBIAN.with_pip_packages(["a"]), TypeError, "separate arguments"),  # type: ignore[arg-type]
        (lambda: DEBIAN.with_apt_packages(["a"]), TypeError, "separate arguments"),  # type: ignore[arg-type]
        (lambda: DEBIAN.with_source_file(["a/x", "b/x"]), ValueError, "overwrite each other"),
        (lambda: DEBIAN.with_local_v2_plugins("x"), ValueError, "flyteplugins-"),
        (lambda: DEBIAN.with_code_bundle("some"), ValueError, "copy_style"),  # type: ignore[arg-type]
        (lambda: DEBIAN.with_uv_project("p", project_install_mode="x"), ValueError, "project_install_mode"),  # type: ignore[arg-type]
        (lambda: DEBIAN.clone(addl_layer="x"), TypeError, "addl_layer"),  # type: ignore[arg-type]
    ],
)
def test_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_what_can_be_added_to_and_for_which_machines_it_is(tmp_path: Path) -> None:
    """Test that a clone stays what it was of until it is told otherwise."""
    script = Image.from_uv_script(tmp_path / "x.py", name="n", python_version=(3, 12))
    dockerfile = Image.from_dockerfile(str(tmp_path / "Dockerfile"), registry="r", name="n")
    assert [image.extendable for image in (DEBIAN, script, dockerfile, Image.from_base("alpine:3"))] == [True, True, False, False]
    closed = DEBIAN.clone(name="n", extendable=False)
    assert [DEBIAN.clone(name="n").extendable, closed.extendable, closed.clone(extendable=True).extendable] == [True, False, True]
    both: tuple[Any, ...] = ("linux/amd64", "linux/arm64")
    assert (DEBIAN.platform, dockerfile.platform) == (both, both[:1])
    assert Image.from_dockerfile(tmp_path / "Dockerfile", "r", "n", platform=both).platform == both
    assert (script.base_image, dockerfile.uri.rpartition(":")[0]) == ("python:3.12-slim-bookworm", "r/n")


def test_clone_keeps_what_is_not_given() -> None:
    image = DEBIAN.with_apt_packages("git").clone(name="n", registry="r", platform="linux/arm64")
    again = image.clone(python_version=(3, 12), base_image="b", extendable=False, registry_secret=Secret("s"))
    assert (again.name, again.registry, again.platform, again.layers) == ("n", "r", ("linux/arm64",), image.layers)
    assert (again.python_version, again.base_image, again.extendable, again.registry_secret) == ((3, 12), "b", False, Secret("s"))
    assert Image.from_base("a").clone(name="n", extendable=True).with_workdir("/x").name == "n"


def test_source_files_are_a_layer_each() -> None:
    image = DEBIAN.with_source_file([Path("/a/x"), Path("/b/y")], "/d")
    assert [layer["src"] for layer in image.describe()["layers"]] == ["/a/x", "/b/y"]


def test_is_a_value() -> None:
    image = DEBIAN.with_pip_packages("a", secret_mounts=["S", Secret("T")])
    assert image == DEBIAN.with_pip_packages("a", secret_mounts=["S", Secret("T")])
    assert pickle.loads(pickle.dumps(image)) == image
    assert len({image, image.clone()}) == len({image, pickle.loads(pickle.dumps(image.clone()))})
    assert image != DEBIAN


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    """Test that the place of a file makes no difference, and what is in it does."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "r.txt").write_text("numpy")
    one, two = (DEBIAN.with_requirements(tmp_path / name / "r.txt").digest for name in ("a", "b"))
    assert one == two
    (tmp_path / "b" / "r.txt").write_text("pandas")
    assert DEBIAN.with_requirements(tmp_path / "b" / "r.txt").digest != one


def test_digest_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "src" / "pkg").mkdir(parents=True)
    module = tmp_path / "src" / "pkg" / "m.py"
    module.write_text("1")
    before = content_digest(str(tmp_path / "src"))
    (tmp_path / "src" / "__pycache__").mkdir()
    (tmp_path / "src" / "__pycache__" / "m.pyc").write_text("x")
    assert content_digest(str(tmp_path / "src")) == before
    module.rename(module.with_name("n.py"))
    assert content_digest(str(tmp_path / "src")) != before


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("installed", [True, False])
def test_digest_leaves_out_what_a_dockerignore_leaves_out(tmp_path: Path, named: bool, installed: bool) -> None:
    """Test that what is not copied makes no other image: named for the image, or in the folder itself."""
    source = tmp_path / "src"
    (source / "data").mkdir(parents=True)
    (source / "pyproject.toml").write_text("[project]")
    ignore = (tmp_path if named else source) / ".dockerignore"
    ignore.write_text("data\n**/*.log\n")
    image = DEBIAN.with_uv_project(source / "pyproject.toml", project_install_mode="install_project")
    image = (image if installed else DEBIAN.with_source_folder(source)).with_dockerignore(ignore)
    before = image.digest
    for name in ("data/big.bin", "data/a.log", "b.log", "m.pyc"):
        (source / name).write_text(name)
        assert image.digest == before, name
    (source / "m.py").write_text("1")
    assert image.digest != before


def test_digest_of_a_folder_with_whatever_may_lie_in_one(tmp_path: Path) -> None:
    """Test that a pipe is not waited for, and that a name may be no UTF-8."""
    (tmp_path / os.fsdecode(b"\xff")).write_text("a")
    (tmp_path / "away").symlink_to("/nowhere")
    before = content_digest(str(tmp_path))
    os.mkfifo(tmp_path / "pipe")
    assert content_digest(str(tmp_path)) == before
    (tmp_path / "away").unlink()
    assert content_digest(str(tmp_path)) != before


def test_digest_of_a_project_that_is_installed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project]")
    images = [
        DEBIAN.with_uv_project(tmp_path / "pyproject.toml", project_install_mode=mode) for mode in ("dependencies_only", "install_project")
    ]
    before = [image.digest for image in images]
    (tmp_path / "code.py").write_text("1")
    after = [image.digest for image in images]
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_digest_of_a_script_is_of_its_header(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    header = '# /// script\n# dependencies = ["httpx"]\n# ///\n'
    script.write_text(header + "print(1)\n")
    image = Image.from_uv_script(script, name="n")
    before = image.digest
    script.write_text(header + "print(2)\n")
    assert image.digest == before
    script.write_text(header.replace("httpx", "numpy") + "print(2)\n")
    assert image.digest != before
    script.write_text("no header")
    assert image.digest != before


def test_digest_of_what_is_missing() -> None:
    assert DEBIAN.with_requirements("/nowhere/a.txt").digest == DEBIAN.with_requirements("/elsewhere/a.txt").digest
    assert Image.from_dockerfile("/nowhere/D", "r", "n").digest != DEBIAN.digest


def test_validate(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    DEBIAN.with_requirements(tmp_path / "a.txt").with_workdir("/x").validate()
    with pytest.raises(FileNotFoundError, match=r"flyte needs /nowhere/a\.txt"):
        DEBIAN.with_requirements("/nowhere/a.txt").validate()
    with pytest.raises(FileNotFoundError, match="/nowhere/D"):
        Image.from_dockerfile("/nowhere/D", "r", "n").validate()


def test_validate_of_sources(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    DEBIAN.with_source_file(str(tmp_path / "file")).with_source_folder(str(tmp_path / "folder")).validate()
    for image, message in (
        (DEBIAN.with_source_file(tmp_path / "gone"), "with_source_file: .*/gone does not exist"),
        (DEBIAN.with_source_folder(tmp_path / "gone"), "with_source_folder: .*/gone does not exist"),
        (DEBIAN.with_source_file(tmp_path / "folder"), "folder is not a file"),
        (DEBIAN.with_source_folder(tmp_path / "file"), "file is not a folder"),
    ):
        with pytest.raises(ImageBuildError, match=message):
            image.validate()


def test_validate_of_projects(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "pixi.toml", "other.toml"):
        (tmp_path / name).touch()
    DEBIAN.with_pixi_project(tmp_path).with_uv_project(tmp_path / "pyproject.toml").validate()
    with pytest.raises(ValueError, match=r"pixi\.toml or pyproject\.toml, not .*other\.toml"):
        DEBIAN.with_pixi_project(tmp_path / "other.toml").validate()
    for image in (
        DEBIAN.with_pixi_project(tmp_path / "gone" / "pixi.toml"),
        DEBIAN.with_pixi_project(tmp_path, tmp_path / "gone.lock"),
        DEBIAN.with_uv_project(tmp_path / "pyproject.toml", tmp_path / "gone.lock"),
        DEBIAN.with_poetry_project(tmp_path / "pyproject.toml"),
    ):
        with pytest.raises(FileNotFoundError, match="which does not exist"):
            image.validate()


def test_request() -> None:
    image = DEBIAN.with_workdir("/x")
    assert image_from_request(image) is image
    assert image_from_request("auto") == DEBIAN
    assert image_from_request("alpine:3").uri == "alpine:3"


def test_wheels() -> None:
    """Test the names that files import from where flyte keeps them."""
    wheels = image_module.PythonWheels(wheel_dir=image_module.DIST_FOLDER, package_name="pkg", pre=True)
    assert isinstance(image_module.DIST_FOLDER, Path)
    layer = last(DEBIAN.clone(addl_layer=wheels))
    assert (layer["kind"], layer["package_name"], layer["wheel_dir"]) == ("wheels", "pkg", str(Path("dist").absolute()))
    with pytest.raises(AttributeError, match="nope"):
        _ = image_module.nope


def test_a_build_secret_may_be_a_file() -> None:
    mounted = last(DEBIAN.with_apt_packages("vim", secret_mounts=["/tmp/secret1", "token"]))["secret_mounts"]
    assert [(secret["key"], secret["env_var"]) for secret in mounted] == [("/tmp/secret1", ""), ("token", "TOKEN")]


def test_layer_options() -> None:
    layer = PythonWheels(wheel_dir="/w", package_name="p")
    assert (layer.get("package_name"), layer.get("nothing"), layer.paths()) == ("p", None, ["/w"])
    assert Layer.of("x", a=(("k", "v"),)).describe() == {"kind": "x", "a": [["k", "v"]]}
