"""Recipe: a declared image, read back from the plain values that its plan carries, with a digest of all that it is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from localflyte.errors import ImageBuildError
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import adds
from localflyte.spec.image_layers import image_digest
from localflyte.spec.image_reference import check_reference
from localflyte.spec.image_reference import placeholders
from localflyte.spec.plan import SecretTerms

__all__ = ("Recipe", "read_recipe", "wanted_terms")

DEFAULT_NAME = "default"  # of --image URI, and of Image.from_ref_name()
FLYTE_BASE = "ghcr.io/flyteorg/flyte:py"  # flyte's own; localflyte stands in for what is in it

#: The layers that an environment of this machine can have.
OF_PACKAGES = frozenset(("pip", "requirements", "wheels", "uv_script", "uv_project", "env", "workdir"))
#: What the others need.
NEEDS = {
    "apt": "system packages (with_apt_packages)",
    "commands": "commands (with_commands)",
    "source_file": "a file copied to a place of the image (with_source_file)",
    "source_folder": "a folder copied to a place of the image (with_source_folder)",
}
#: What neither can be here, with what to do instead.
NOT_HERE = {
    "poetry_project": "Poetry reads its lock file alone: `poetry export -o requirements.txt`, and with_requirements(...)",
    "pixi_project": "pixi installs from conda: build a Dockerfile that runs it, and Image.from_dockerfile(...)",
    "pixi_script": "pixi installs from conda: build a Dockerfile that runs it, and Image.from_dockerfile(...)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An image as it was declared."""

    base: str
    """The reference of what it starts from; empty for a Dockerfile."""
    dockerfile: str = ""
    layers: tuple[Layer, ...] = ()
    python: tuple[int, int] = (sys.version_info[0], sys.version_info[1])
    platform: tuple[str, ...] = ()
    registry: str = ""
    name: str = ""

    @property
    def called(self) -> str:
        """What to call it before people."""
        return self.name if self.name and (self.layers or self.dockerfile) else self.base or self.dockerfile

    @property
    def is_flyte_base(self) -> bool:
        """Whether it starts from an image that is Python, and flyte at most."""
        python = f"{self.python[0]}.{self.python[1]}"
        return self.base.startswith(FLYTE_BASE) or (bool(self.name) and self.base == f"python:{python}-slim-bookworm")

    @property
    def is_built(self) -> bool:
        """Whether it has to be built; else it exists somewhere already."""
        return bool(self.dockerfile) or any(adds(layer) for layer in self.layers)

    @property
    def differs_in_python_only(self) -> bool:
        """Whether the interpreter that runs localflyte has all that it asks for but the version."""
        return self.is_flyte_base and not self.is_built

    @property
    def not_packages(self) -> tuple[str, ...]:
        """What of it an environment of this machine cannot have; nothing, if it is Python and packages."""
        reasons = []
        if self.dockerfile:
            reasons.append(f"it is built from the Dockerfile {self.dockerfile}")
        elif not self.is_flyte_base:
            reasons.append(f"it starts from {self.base}")
        reasons += [
            f"it needs {NEEDS.get(layer.kind, layer.kind)}" for layer in self.layers if adds(layer) and layer.kind not in OF_PACKAGES
        ]
        return tuple(dict.fromkeys(reasons))

    @property
    def not_here(self) -> str:
        """Why it can be had neither in a container nor in an environment, and what to do instead; or nothing."""
        return next((f"{layer.kind}: {NOT_HERE[layer.kind]}" for layer in self.layers if layer.kind in NOT_HERE), "")

    @property
    def blanks(self) -> list[str]:
        """What of its names is still to be filled in."""
        return [blank for name in (self.base, self.registry, self.name) for blank in placeholders(name)]

    @property
    def uri(self) -> str:
        """What it is called where it is pushed, without a tag."""
        return "/".join(filter(None, (self.registry, self.name)))

    def digest(self) -> str:
        """:return: SHA-256 over the base, the layers and the content of their files, which are read"""
        return image_digest(self.dockerfile or None, self.base, self.layers)

    def check_files(self) -> None:
        """Check that what it copies and reads is there.

        :raises ImageBuildError: if a file or a folder is missing
        """
        for path in self._paths():
            if not os.path.exists(path):
                raise ImageBuildError(f"the image {self.called} needs {path}, which does not exist")

    def _paths(self) -> Iterator[str]:
        if self.dockerfile:
            yield self.dockerfile
        for layer in self.layers:
            if adds(layer) or layer.kind == "dockerignore":  # without the latter, what it leaves out would be copied
                yield from layer.paths()


def wanted_terms(terms: Mapping[str, Any] | None, names: Mapping[str, str]) -> Mapping[str, Any] | None:
    """Tell which image a task is to have: where it declares none, the one that was given the name ``default``.

    :param terms: what `Image.terms` gave
    :return: ``None`` for the interpreter that runs localflyte
    """
    return {"ref": DEFAULT_NAME, "layers": ()} if terms is None and DEFAULT_NAME in names else terms


def read_recipe(terms: Mapping[str, Any], names: Mapping[str, str]) -> Recipe:
    """Read what `Image.terms` gave.

    :param names: the images that ``flyte.init(images=...)`` or ``--image NAME=URI`` gave names to
    :raises ImageBuildError: if it is known by a name that nothing was given, or starts from what cannot be an image
    """
    ref, base = terms.get("ref"), terms.get("base") or ""
    if ref:
        if ref not in names:
            known = f"the names are {', '.join(sorted(names))}" if names else "no names were given"
            raise ImageBuildError(
                f"Image.from_ref_name({ref!r}) names no image: {known}. Give it one with --image {ref}=URI, "
                f'flyte.init(images={{"{ref}": "URI"}}), or image_refs in the configuration file.'
            )
        base = names[ref]
    dockerfile = terms.get("dockerfile") or ""
    if not dockerfile:
        try:
            check_reference(base, f"the image {ref!r}" if ref else "an image", filled=False)
        except ValueError as error:
            raise ImageBuildError(str(error)) from None
    python = terms.get("python") or sys.version_info[:2]
    return Recipe(
        base="" if dockerfile else base,
        dockerfile=dockerfile,
        layers=tuple(map(_layer, terms["layers"])),
        python=(int(python[0]), int(python[1])),
        platform=tuple(terms.get("platform") or ()),
        registry=terms.get("registry") or "",
        name="" if ref else terms.get("name") or "",
    )


def _layer(plain: Mapping[str, Any]) -> Layer:
    return Layer(plain["kind"], tuple((name, _frozen(value)) for name, value in plain.items() if name != "kind"))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return SecretTerms(**value)
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
