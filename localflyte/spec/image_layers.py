"""Layer: one step on the way from a base image to a task's image, with what it needs to be repeated elsewhere.

kind              options (beside `secret_mounts`, which most have)
pip               packages, and how pip is to be called: index_url, extra_index_urls, pre, extra_args
requirements      file, and the same
wheels            wheel_dir, package_name, and the same
uv_script         script, and the same
uv_project        pyproject, uvlock, project_install_mode, and the same
poetry_project    pyproject, poetry_lock, extra_args, project_install_mode
pixi_project      manifest, pixi_lock, environment, extra_args, project_install_mode
pixi_script       script, environment, extra_args
apt               packages
commands          commands
env               env_vars, as pairs
workdir           workdir
source_file       src, dst
source_folder     src, dst
code_bundle       copy_style, dst
dockerignore      path
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeGuard

from localflyte.spec.digest import sha256
from localflyte.spec.ignore import Ignore
from localflyte.spec.ignore import kept_paths
from localflyte.spec.ignore import read_ignore
from localflyte.spec.plan import SecretTerms
from localflyte.spec.secret import Secret
from localflyte.spec.secret import SecretRequest
from localflyte.spec.secret import secrets_from_request

__all__ = (
    "DIST_FOLDER",
    "AnyPath",
    "Layer",
    "PythonWheels",
    "absolute",
    "adds",
    "content_digest",
    "ignore_of",
    "ignored_by",
    "image_digest",
    "mounts",
    "pip_options",
    "words",
)

if TYPE_CHECKING:
    from pathlib import Path

    DIST_FOLDER: Path
    """Where a build of flyte itself would leave its wheels; files that are built with them import it."""

AnyPath = str | os.PathLike[str]

DIST = "dist"

#: The options that name a file or a folder on this machine.
PATHS = frozenset(("file", "wheel_dir", "script", "pyproject", "uvlock", "poetry_lock", "manifest", "pixi_lock", "src", "path"))

Option = str | bool | tuple[Any, ...] | None


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of an image."""

    kind: str
    options: tuple[tuple[str, Option], ...]

    @classmethod
    def of(cls, kind: str, **options: Option) -> Layer:
        """Make a layer from its options by name."""
        return cls(kind, tuple(options.items()))

    def get(self, name: str) -> Any:
        """:return: the option of that name, or ``None``"""
        return dict(self.options).get(name)

    def describe(self) -> dict[str, Any]:
        """:return: the kind and the options as plain lists, dicts, text and booleans"""
        return {"kind": self.kind, **{name: _plain(value) for name, value in self.options}}

    def paths(self) -> list[str]:
        """:return: the files and folders it copies or reads; they need not exist before the image is built"""
        return [value for name, value in self.options if name in PATHS and isinstance(value, str)]

    def check(self) -> None:
        """Check the files that it names, as far as more is asked of them than that they are there.

        :raises ImageBuildError: if a source is missing, or a folder is a file
        :raises ValueError: if pixi would not find the manifest
        """
        source, manifest = self.get("src"), self.get("manifest")
        if source is not None:
            from localflyte.errors import ImageBuildError

            if not os.path.exists(source):
                raise ImageBuildError(f"with_{self.kind}: {source} does not exist")
            if self.kind == "source_file" and os.path.isdir(source):
                raise ImageBuildError(f"with_source_file: {source} is not a file; with_source_folder copies a folder")
            if self.kind == "source_folder" and not os.path.isdir(source):
                raise ImageBuildError(f"with_source_folder: {source} is not a folder; with_source_file copies a file")
        if manifest is not None and os.path.basename(manifest) not in ("pixi.toml", "pyproject.toml"):
            raise ValueError(f"pixi only finds manifests that are called pixi.toml or pyproject.toml, not {manifest}")

    def content(self, ignored: Sequence[str] = ()) -> str:
        """Tell what it is made of: the content of its files, not their place, without those that are left out.

        :param ignored: the .dockerignore files of its image
        :return: text that is the same on every machine
        """
        files = {name: self._digest(name, value, ignored) for name, value in self.options if name in PATHS and isinstance(value, str)}
        parts = [f"{name}={files.get(name) or repr(_plain(value))}" for name, value in self.options]
        if self.get("project_install_mode") == "install_project":
            parts.append(self._digest("project", os.path.dirname(self.get("pyproject") or self.get("manifest")), ignored))
        elif self.kind in ("uv_script", "pixi_script"):
            parts = [f"script={_script_digest(self.get('script'))}", *parts[1:]]
        return f"{self.kind}({', '.join(parts)})"

    def _digest(self, name: str, path: str, ignored: Sequence[str]) -> str:
        return content_digest(path, ignore_of(path, ignored) if name in ("src", "project") and os.path.isdir(path) else None)


def PythonWheels(  # noqa: N802 - Flyte's name
    *,
    wheel_dir: AnyPath,
    package_name: str,
    index_url: str | None = None,
    extra_index_urls: str | Sequence[str] | None = None,
    pre: bool = False,
    extra_args: str | None = None,
    secret_mounts: SecretRequest | None = None,
) -> Layer:
    """Install a package from a folder of wheels.

    :param wheel_dir: the folder
    :param package_name: the package
    """
    options = pip_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
    return Layer.of("wheels", wheel_dir=absolute(wheel_dir), package_name=package_name, **options)


def pip_options(
    index_url: str | None,
    extra_index_urls: str | Sequence[str] | None,
    pre: bool,
    extra_args: str | None,
    secret_mounts: SecretRequest | None,
) -> dict[str, Option]:
    """Freeze the options that every installer of Python packages shares."""
    urls = (extra_index_urls,) if isinstance(extra_index_urls, str) else tuple(extra_index_urls or ())
    return {
        "index_url": index_url,
        "extra_index_urls": urls,
        "pre": pre,
        "extra_args": extra_args,
        "secret_mounts": mounts(secret_mounts),
    }


def mounts(secrets: SecretRequest | Sequence[Any] | None) -> tuple[SecretTerms, ...]:
    """Freeze the secrets that a build may see."""
    several = [secrets] if isinstance(secrets, str | Secret) else secrets or ()
    # A builder takes a file for a secret as well, which could not be the name of a variable.
    return tuple(SecretTerms(key=item) if _is_path(item) else secrets_from_request([item])[0].terms() for item in several)


def words(method: str, items: Iterable[object]) -> tuple[str, ...]:
    """Freeze the names given to a method.

    :raises TypeError: if one of them is not text
    """
    several = tuple(items)
    for item in several:
        if not isinstance(item, str):
            raise TypeError(f"{method} takes its items as separate arguments, like 'vim', 'git', not as ['vim', 'git']; got {item!r}")
    return tuple(str(item) for item in several)


def adds(layer: Layer) -> bool:
    """Whether a layer brings something: not flyte itself, which localflyte stands in for, nor the code, which every task has here."""
    if layer.kind == "wheels":
        return layer.get("package_name") not in ("flyte", "flyte_controller_base")
    return not (layer.kind in ("dockerignore", "code_bundle") or (layer.kind in ("pip", "apt") and not layer.get("packages")))


def image_digest(dockerfile: str | None, base: str, layers: Sequence[Layer]) -> str:
    """:return: SHA-256 over the base, or the Dockerfile, and the layers with the content of their files, which are read"""
    first = content_digest(dockerfile) if dockerfile else base
    ignored = ignored_by(layers)
    return sha256("\n".join((first, *(layer.content(ignored) for layer in layers))).encode("utf-8", "surrogateescape"))


def ignored_by(layers: Iterable[Layer]) -> list[str]:
    """:return: the .dockerignore files that the layers name"""
    return [path for layer in layers if layer.kind == "dockerignore" for path in layer.paths()]


def ignore_of(folder: str, ignored: Sequence[str]) -> Ignore:
    """Read what is left out of a folder that is copied: by its own .dockerignore, and by those of its image.

    :param ignored: the latter
    """
    return read_ignore([*ignored, os.path.join(folder, ".dockerignore")])


def absolute(path: AnyPath) -> str:
    """Fix a path while the folder it was written for is still the current one."""
    return os.path.abspath(os.fspath(path))


def content_digest(path: str, ignore: Ignore | None = None) -> str:
    """Digest a file, or all files of a folder with their names; a path that does not exist stands for itself.

    :param ignore: what is left out of a folder; what tools make is left out at any rate
    """
    if os.path.isdir(path):
        return sha256("\n".join(_listing(path, ignore or Ignore())).encode("utf-8", "surrogateescape"))
    try:
        with open(path, "rb") as file:
            return sha256(file.read())
    except OSError:
        return f"missing {os.path.basename(path)}"


def __getattr__(name: str) -> Any:
    if name == "DIST_FOLDER":
        from pathlib import Path

        return Path(absolute(DIST))
    raise AttributeError(f"module {__name__} has no attribute {name}")


def _is_path(item: object) -> TypeGuard[str]:
    return isinstance(item, str) and "/" in item


def _listing(folder: str, ignore: Ignore) -> list[str]:
    whole = {path: os.path.join(folder, path) for path in kept_paths(folder, ignore)}
    # A link that leads nowhere counts; a pipe, of which no end could be read, does not, as it is not copied.
    return [f"{path} {content_digest(place)}" for path, place in whole.items() if os.path.isfile(place) or not os.path.exists(place)]


def _script_digest(path: str) -> str:
    """Digest the PEP 723 block alone: the rest of a script is code, and code is no part of its image."""
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
        start = lines.index("# /// script")
        return sha256("\n".join(lines[start : lines.index("# ///", start)]).encode())
    except (OSError, ValueError):
        return content_digest(path)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, SecretTerms):
        return {"key": value.key, "group": value.group, "mount": value.mount, "env_var": value.env_var}
    return value
