"""Dockerfile: the text that a recipe is built from, which means what was declared, whatever characters are in it.

Every builder takes it, the classic one too: no mounts, no heredocs, no syntax line. What runs is in the exec form, a JSON
list that no shell reads and in which nothing is expanded. Values elsewhere are in double quotes, with the dollar sign and
the backslash escaped, since Docker would expand the one and eat the other. What files a layer brings is copied from a folder of
its own, so that no name of a file stands in the text.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from localflyte.errors import ImageBuildError
from localflyte.images.recipe import Recipe
from localflyte.images.uv import has_password
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import adds
from localflyte.spec.plan import SecretTerms

__all__ = ("PLACE", "dockerfile_text", "pip_arguments", "refuse_passwords")

PLACE = "/opt/localflyte-build"  # in the image, for what is needed while it is built
HOME = "/home/flyte"  # where tasks of flyte's own images start
PYTHON = "python3"
APT = 'apt-get update && apt-get install -y --no-install-recommends -- "$@" && rm -rf /var/lib/apt/lists/*'

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?")


def dockerfile_text(recipe: Recipe, base: str, user: str = "") -> str:
    """Write the Dockerfile of an image with layers. What `Context` lays into the folder of a layer is called by its number.

    :param base: the reference, or the id, of what it starts from
    :param user: who the base runs as by itself, which is kept
    :raises ImageBuildError: if something cannot be said in a Dockerfile, or would leave a secret in the image
    """
    was_root = user in ("", "root", "0") or not _USER.fullmatch(user)
    lines = [f"FROM {base}", *([] if was_root else ["USER root"])]
    if recipe.is_flyte_base:
        lines.append(f"WORKDIR {quoted(HOME)}")
    for number, layer in enumerate(recipe.layers):
        if adds(layer):
            _refuse_secrets(layer, recipe)
            lines += _lines(layer, number, recipe)
    if not was_root:
        lines.append(f"USER {user}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """:return: a text as one word that Docker expands nothing in"""
    return '"' + re.sub(r'([\\"$])', r"\\\1", _one_line(text, "a path")) + '"'


def run(*arguments: str) -> str:
    """:return: the line that runs a program with these very arguments"""
    # ensure_ascii makes an escape of every character that some reader of lines might take for the end of one
    return f"RUN {json.dumps(arguments)}"


def pip_arguments(layer: Layer) -> list[str]:
    """:return: how pip is to be called, as its layer says
    :raises ImageBuildError: if what the layer says cannot be split into arguments
    """
    given: list[str] = []
    if index := layer.get("index_url"):
        given += ["--index-url", index]
    for extra in layer.get("extra_index_urls") or ():
        given += ["--extra-index-url", extra]
    if layer.get("pre"):
        given.append("--pre")
    return given + extra_arguments(layer)


def extra_arguments(layer: Layer) -> list[str]:
    """:return: the words of ``extra_args``"""
    try:
        return shlex.split(layer.get("extra_args") or "")
    except ValueError as error:
        raise ImageBuildError(f"extra_args={layer.get('extra_args')!r} cannot be split into arguments: {error}") from None


def _lines(layer: Layer, number: int, recipe: Recipe) -> Iterator[str]:
    folder = f"{PLACE}/{number}"
    match layer.kind:
        case "pip":
            yield _pip(layer, recipe, "--", *layer.get("packages"))
        case "requirements" | "uv_script" | "uv_project":
            yield f'COPY ["{number}/", "{folder}/"]'
            yield _pip(layer, recipe, "-r", f"{folder}/requirements.txt")
            if layer.get("project_install_mode") == "install_project":
                yield _pip(layer, recipe, "--no-deps", "--", f"{folder}/project")
        case "wheels":
            yield f'COPY ["{number}/", "{folder}/"]'
            yield _pip(layer, recipe, "--find-links", folder, "--", layer.get("package_name"))
            # The package itself is the one of the folder, even where an index has a newer one.
            only = ("--no-index", "--no-deps", "--force-reinstall", "--find-links", folder)
            yield run(*PIP, *only, "--", _one_line(layer.get("package_name"), "the name of a package"))
        case "apt":
            yield run("/bin/sh", "-c", APT, "apt", *(_one_line(name, "the name of a package") for name in layer.get("packages")))
        case "commands":
            yield from (run("/bin/sh", "-c", _no_nul(command)) for command in layer.get("commands"))
        case "env":
            yield from (_env(name, value) for name, value in layer.get("env_vars"))
        case "workdir":
            yield f"WORKDIR {quoted(layer.get('workdir'))}"
        case "source_file":
            yield _copy(f"{number}/{_file_name(layer.get('src'))}", layer.get("dst"))
        case "source_folder":
            yield _copy(f"{number}/", layer.get("dst"))
        case _:  # the decision has refused it before
            raise ImageBuildError(f"a layer of {layer.kind} cannot be built here")


PIP = (PYTHON, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore")


def _pip(layer: Layer, recipe: Recipe, *what: str) -> str:
    options = [] if layer.kind == "uv_project" else pip_arguments(layer)
    if layer.kind == "uv_project":
        options = pip_arguments(Layer("pip", tuple(pair for pair in layer.options if pair[0] != "extra_args")))
    arguments = [*options, *what]
    refuse_passwords(recipe, arguments)
    return run(*PIP, *(_one_line(argument, "an argument of pip") for argument in arguments))


def refuse_passwords(recipe: Recipe, texts: Iterable[str]) -> None:
    """Check that what goes into an image has no password in it.

    :raises ImageBuildError: if a URL has one
    """
    if any(map(has_password, texts)):
        raise ImageBuildError(
            f"The image {recipe.called} names an index with a password in its URL, and everybody who has the image could read it there. "
            "LOCALFLYTE_IMAGE_POLICY=venv makes an environment of the packages instead, which keeps it to itself; "
            "or build the image elsewhere, and name it with Image.from_base(uri)."
        )


def _env(name: str, value: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ImageBuildError(f"with_env_vars: {name!r} cannot be the name of a variable: letters, digits and underscores can")
    text = _one_line(value, f"with_env_vars({name}=...)", "env_vars= of the TaskEnvironment takes any text")
    # PATH="/opt/bin:$PATH" is how one adds to what is there; every other dollar sign stands for itself.
    parts = re.split(rf"(\$\{{{name}\}}|\${name}(?![A-Za-z0-9_]))", text)
    inner = "".join(f"${{{name}}}" if index % 2 else quoted(part)[1:-1] for index, part in enumerate(parts))
    return f'ENV {name}="{inner}"'


def _copy(source: str, target: str) -> str:
    escaped = re.sub(r"([\\$])", r"\\\1", _one_line(target, "the place of a copy"))
    return f"COPY {json.dumps([source.replace('$', chr(92) + '$'), escaped])}"


def _file_name(path: str) -> str:
    name: str = path.rpartition("/")[2]
    if re.search(r"[*?\[\]\\]", name) or not name.isprintable():
        raise ImageBuildError(
            f"with_source_file: the name {name!r} has a character that stands for others in a Dockerfile; rename the file"
        )
    return name


def _refuse_secrets(layer: Layer, recipe: Recipe) -> None:
    secrets: Sequence[SecretTerms] = layer.get("secret_mounts") or ()
    if secrets:
        names = ", ".join(each.key for each in secrets)
        raise ImageBuildError(
            f"The image {recipe.called} mounts secrets while it is built ({names}). That needs BuildKit, which is not asked for here, "
            "and a secret that is not mounted would stay in the image. Build it with a program of yours, as in "
            "`docker build --secret id=...`, and name it with Image.from_base(uri)."
        )


def _one_line(text: str, what: str, way_out: str = "leave it out") -> str:
    if any(char in text for char in "\n\r\0"):
        raise ImageBuildError(f"{what} has a newline or a NUL in it, which a Dockerfile cannot say ({text!r}); {way_out}")
    return text


def _no_nul(command: str) -> str:
    if "\0" in command:
        raise ImageBuildError(f"with_commands: no command can have a NUL in it ({command!r})")
    return command
