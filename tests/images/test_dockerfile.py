"""The text of a Dockerfile means what was declared, whatever is in it; what it cannot say is refused, and no secret gets into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localflyte.errors import ImageBuildError
from localflyte.images.dockerfile import dockerfile_text
from localflyte.images.recipe import read_recipe
from localflyte.spec.image import Image
from localflyte.spec.image import PythonWheels
from localflyte.spec.secret import Secret
from tests.images.dockerfile_reader import read

BASE = Image.from_debian_base(python_version=(3, 12), name="demo")
PIP = ["python3", "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
HOSTILE = [
    "$(touch /tmp/x)",
    "`id`",
    "$HOME ${PATH} $$",
    "a\\",
    "\\\\",
    "\"quoted\" 'single'",
    "  spaces  ",
    "# no comment",
    "--option",
    "é ✓ \u2028 \u0085",
    "a,b:c=d;e|f&g>h<i",
    "\ttab",
]
LINE = st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


def meaning(image: Image, user: str = "") -> list[tuple[str, Any]]:
    return read(text_of(image, user), {"PATH": "/usr/bin", "HOME": "/root"})


def text_of(image: Image, user: str = "") -> str:
    terms = image.terms()
    assert terms is not None
    return dockerfile_text(read_recipe(terms, {}), "base:1", user)


def last(image: Image) -> Any:
    return meaning(image)[-1]


@pytest.mark.parametrize("value", HOSTILE)
def test_row_59_hostile_values_come_back_as_they_are(value: str) -> None:
    image = BASE.with_env_vars({"V": value}).with_workdir(f"/w{value}").with_source_folder("/src", f"/d{value}")
    image = image.with_commands([value]).with_pip_packages(value).with_apt_packages(value)
    env, workdir, copy, command, pip, apt = meaning(image)[2:]
    assert (env, workdir, copy) == (("ENV", ("V", value)), ("WORKDIR", f"/w{value}"), ("COPY", ["2/", f"/d{value}"]))
    assert command == ("RUN", ["/bin/sh", "-c", value])
    assert pip == ("RUN", [*PIP, "--", value])
    assert apt[1][3:] == ["apt", value]


@given(value=LINE)
def test_row_59_any_text_comes_back(value: str) -> None:
    assert last(BASE.with_env_vars({"V": value})) == ("ENV", ("V", value))
    assert last(BASE.with_pip_packages(value)) == ("RUN", [*PIP, "--", value])


def test_nothing_needs_a_newer_builder() -> None:
    image = BASE.with_requirements("/r.txt").with_apt_packages("git").with_commands(["a\nb"]).with_source_file("/a", "/b")
    assert not [line for line in text_of(image).splitlines() if "--mount" in line or "<<" in line or line.startswith("#")]
    assert [line.partition(" ")[0] for line in text_of(image).splitlines()] == ["FROM", "WORKDIR", "COPY", "RUN", "RUN", "RUN", "COPY"]


def test_what_a_variable_was_can_be_added_to() -> None:
    """Test the one dollar sign that means something, as on a cluster: the variable itself."""
    added = BASE.with_env_vars({"PATH": "/a:$PATH:$HOME", "HOME": "${HOME}/x$HOMES"})
    assert meaning(added)[2:] == [("ENV", ("PATH", "/a:/usr/bin:$HOME")), ("ENV", ("HOME", "/root/x$HOMES"))]


def test_how_packages_are_asked_for() -> None:
    options: dict[str, Any] = {"index_url": "https://i/s", "extra_index_urls": ["https://e"], "pre": True, "extra_args": "--no-deps '-x y'"}
    given = ["--index-url", "https://i/s", "--extra-index-url", "https://e", "--pre", "--no-deps", "-x y"]
    assert last(BASE.with_pip_packages("a>=1", "b", **options))[1] == [*PIP, *given, "--", "a>=1", "b"]
    assert last(BASE.with_requirements("/r.txt", **options))[1][-2:] == ["-r", "/opt/localflyte-build/0/requirements.txt"]
    script = meaning(Image.from_uv_script("/s.py", name="x"))
    assert script[2:] == [("COPY", ["0/", "/opt/localflyte-build/0/"]), ("RUN", [*PIP, "-r", "/opt/localflyte-build/0/requirements.txt"])]


def test_a_project() -> None:
    image = BASE.with_uv_project("/p/pyproject.toml", extra_args="--extra x", index_url="https://i", project_install_mode="install_project")
    _, install, project = meaning(image)[2:]
    assert install[1] == [*PIP, "--index-url", "https://i", "-r", "/opt/localflyte-build/0/requirements.txt"]  # extra_args are uv's
    assert project[1][-3:] == ["--no-deps", "--", "/opt/localflyte-build/0/project"]


def test_the_wheel_of_the_folder_wins() -> None:
    first, second = meaning(BASE.clone(addl_layer=PythonWheels(wheel_dir="/w", package_name="my-pkg")))[3:]
    assert first[1] == [*PIP, "--find-links", "/opt/localflyte-build/0", "--", "my-pkg"]
    assert [word for word in ("--no-index", "--no-deps", "--force-reinstall") if word not in second[1]] == []


def test_what_stands_for_flyte_adds_nothing() -> None:
    image = BASE.with_local_v2().with_code_bundle().with_dockerignore("/x").with_pip_packages().with_workdir("/w")
    assert [word for word, _ in meaning(image)] == ["FROM", "WORKDIR", "WORKDIR"]


def test_where_flyte_starts_and_other_bases_do_not() -> None:
    other = Image.from_base("alpine:3").clone(name="x", extendable=True).with_env_vars({"A": "1"})
    assert meaning(other) == [("FROM", "base:1"), ("ENV", ("A", "1"))]


@pytest.mark.parametrize(
    ("user", "lines"),
    [("", []), ("root", []), ("app", ["app"]), ("1000:1000", ["1000:1000"]), ("a\nRUN x", []), ("a b", [])],
)
def test_the_user_of_the_base_is_kept(user: str, lines: list[str]) -> None:
    """Test that packages are installed by root, and that tasks run as who the base says."""
    users = [rest for word, rest in meaning(BASE.with_apt_packages("git"), user) if word == "USER"]
    assert users == (["root", *lines] if lines else [])


def test_a_file_keeps_its_name() -> None:
    assert last(BASE.with_source_file("/a/x $1.txt", "/etc")) == ("COPY", ["0/x $1.txt", "/etc"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BASE.with_env_vars({"A": "1\nRUN evil"}), r"with_env_vars\(A=...\) has a newline.*env_vars= of the TaskEnvironment"),
        (lambda: BASE.with_env_vars({"A B": "1"}), "'A B' cannot be the name of a variable"),
        (lambda: BASE.with_env_vars({"A=1\nRUN x": "1"}), "cannot be the name of a variable"),
        (lambda: BASE.with_pip_packages("a\nb"), "an argument of pip has a newline"),
        (lambda: BASE.with_apt_packages("a\0"), "the name of a package has a newline or a NUL"),
        (lambda: BASE.with_workdir("/a\rb"), "a path has a newline"),
        (lambda: BASE.with_source_folder("/a", "/b\nc"), "the place of a copy has a newline"),
        (lambda: BASE.with_source_file("/a/x*.txt"), "stands for others"),
        (lambda: BASE.with_source_file("/a/x\ny"), "stands for others"),
        (lambda: BASE.with_commands(["a\0"]), "NUL"),
        (lambda: BASE.with_pip_packages("a", extra_args="'x"), "cannot be split into arguments: No closing quotation"),
        (lambda: BASE.with_poetry_project("/p.toml"), "poetry_project cannot be built here"),
    ],
)
def test_refused(make: Callable[[], Image], message: str) -> None:
    with pytest.raises(ImageBuildError, match=message):
        text_of(make())


def test_no_secret_gets_into_a_layer(canary: str) -> None:
    escaped = quote(canary, safe="")
    for image in (
        BASE.with_pip_packages("a", index_url=f"https://me:{canary}@i/simple"),
        BASE.with_pip_packages("a", extra_args=f"--extra-index-url https://{escaped}@i/simple"),
        BASE.with_pip_packages(f"a @ https://{escaped}@i/a.whl"),
    ):
        with pytest.raises(ImageBuildError, match="LOCALFLYTE_IMAGE_POLICY=venv") as caught:
            text_of(image)
        assert canary not in str(caught.value)


def test_what_only_looks_like_a_password() -> None:
    package = "a @ git+https://host:8443/me/a@v1.0"
    assert last(BASE.with_pip_packages(package))[1][-1] == package


def test_a_mounted_secret_is_refused_with_the_way_out() -> None:
    with pytest.raises(ImageBuildError, match=r"mounts secrets .*\(TOKEN, /tmp/x\).*Image\.from_base"):
        text_of(BASE.with_pip_packages("a", secret_mounts=[Secret("TOKEN"), "/tmp/x"]))
