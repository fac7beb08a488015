"""Declared: the distributions that an image brings, as far as its layers say so."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

from localflyte.spec.image import Image
from localflyte.spec.image import image_from_request
from localflyte.spec.image_layers import Layer

__all__ = ("declared_by", "normal")

#: What flyte 2.12.1 depends on: the image that a task has when nothing is declared holds it.
FLYTE = (
    "aiofiles", "aiolimiter", "async-lru", "asyncssh", "click", "cloudpickle", "connectrpc", "docstring-parser", "flyte", "flyteidl2",
    "fsspec", "httpx", "keyring", "mashumaro", "msgpack", "obstore", "packaging", "protobuf", "pydantic", "pyopenssl", "pyyaml", "rich",
    "rich-click", "sentry-sdk", "toml", "typing-extensions", "pip", "setuptools",
)  # fmt: skip

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*(?:[<>=!~;@(,]|$)")
_INSTALLS = re.compile(r"\b(pip|uv|conda|mamba|poetry|pixi|install|pdm)\b")
#: Layers that bring no distribution.
_NOTHING = frozenset(("apt", "env", "workdir", "source_file", "source_folder", "code_bundle", "dockerignore"))


class _Locked(str):
    """A name in a lock file, which has all that is needed as well."""

    __slots__ = ()


class _UntoldError(Exception):
    """Raised where it cannot be told what a layer brings."""


def declared_by(image: Any) -> frozenset[str] | None:
    """Tell what an image brings.

    :param image: as it was declared: ``"auto"``, a URI or an `Image`
    :return: the normal names of the distributions, with what these need; ``None`` where that cannot be told
    """
    made = image_from_request("auto" if image is None else image)
    try:
        names = _base(made)
        for layer in made.layers:
            names += _of_layer(layer)
        return frozenset(_with_needs(names))
    except (_UntoldError, OSError, ValueError, KeyError, TypeError, AttributeError):  # a file that cannot be read says nothing
        return None


def normal(name: str) -> str:
    """:return: the name of a distribution as an index writes it"""
    return re.sub(r"[-_.]+", "-", name).lower()


def _base(image: Image) -> list[str]:
    base = image.base_image or ""
    if image.dockerfile or image.ref_name or not base:
        raise _UntoldError
    if re.fullmatch(r"ghcr\.io/flyteorg/flyte:py[\d.]+-v[\w.-]+", base):
        return list(FLYTE)
    if re.fullmatch(r"python:3\.\d+-slim-bookworm", base) and image.layers:  # of from_debian_base(install_flyte=False), and of a script
        return ["pip", "setuptools"]
    raise _UntoldError


def _of_layer(layer: Layer) -> list[str]:
    if layer.kind in _NOTHING:
        return []
    reader = _READERS.get(layer.kind)
    if reader is None:
        raise _UntoldError
    return list(reader(layer))


def _requirements(lines: Iterable[str]) -> Iterator[str]:
    """:return: the requirements, of which each begins with a name"""
    for line in lines:
        text = line.partition(" #")[0].strip()
        if not text or text.startswith(("#", "--hash", "--index-url", "--extra-index-url", "-i ", "--find-links", "-c ", "--constraint")):
            continue
        if _NAME.match(text) is None:  # another file, a folder or an address: what is in it does not stand here
            raise _UntoldError
        yield text


def _pip(layer: Layer) -> Iterator[str]:
    return _requirements(layer.get("packages") or ())


def _requirements_file(layer: Layer) -> Iterator[str]:
    with open(layer.get("file"), encoding="utf-8") as file:
        yield from _requirements(file.read().replace("\\\n", " ").splitlines())


def _wheels(layer: Layer) -> Iterator[str]:
    yield str(layer.get("package_name"))


def _commands(layer: Layer) -> Iterator[str]:
    if any(_INSTALLS.search(str(each)) for each in layer.get("commands") or ()):
        raise _UntoldError
    return iter(())


def _script(layer: Layer) -> Iterator[str]:
    with open(layer.get("script"), encoding="utf-8") as file:
        lines = file.read().splitlines()
    start = lines.index("# /// script")
    block = [line[2:] for line in lines[start + 1 : lines.index("# ///", start)]]
    return _requirements(tomllib.loads("\n".join(block)).get("dependencies", ()))


def _project(layer: Layer) -> Iterator[str]:
    path = layer.get("pyproject")
    with open(path, "rb") as file:
        content = tomllib.load(file)
    project, poetry = content.get("project", {}), content.get("tool", {}).get("poetry", {})
    yield from _requirements(project.get("dependencies", ()))
    yield from (name for name in poetry.get("dependencies", {}) if name != "python")
    if layer.get("extra_args"):  # it may choose extras and groups
        groups = [*project.get("optional-dependencies", {}).values(), *content.get("dependency-groups", {}).values()]
        yield from _requirements(each for group in groups for each in group if isinstance(each, str))
    if layer.get("project_install_mode") == "install_project":
        yield str(project.get("name") or poetry.get("name"))
    lock = layer.get("uvlock") or layer.get("poetry_lock") or ""
    if os.path.isfile(lock):
        with open(lock, "rb") as file:
            yield from (_Locked(each["name"]) for each in tomllib.load(file).get("package", ()))


_READERS: dict[str, Callable[[Layer], Iterator[str]]] = {
    "pip": _pip,
    "requirements": _requirements_file,
    "wheels": _wheels,
    "commands": _commands,
    "uv_script": _script,
    "uv_project": _project,
    "poetry_project": _project,
}


def _with_needs(requirements: list[str]) -> set[str]:
    """:return: the distributions, and those that they need, as what is installed here says

    :raises _UntoldError: if one is not installed here, and may need whatever it likes
    """
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import requires

    found: set[str] = set()
    complete = {*FLYTE, *(normal(each) for each in requirements if isinstance(each, _Locked))}
    ahead = [(each, True) for each in requirements]
    while ahead:
        text, asked = ahead.pop()
        match = _NAME.match(text)
        name = normal(match[1]) if match else normal(text)
        known = f"{name}{'[]' if match and match[2] else ''}"
        if known in found:
            continue
        found |= {known, name}
        try:
            needs = requires(name) or []
        except PackageNotFoundError:
            if asked and name not in complete:
                raise _UntoldError from None
            continue
        extras = match is not None and bool(match[2])
        ahead += [(each, False) for each in needs if extras or "extra ==" not in each.replace("'", '"')]
    return found
