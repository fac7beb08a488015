"""Image: what a task's process needs to be there, recorded as a value; nothing is built here."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Literal
from typing import NoReturn

from localflyte.spec.image_layers import AnyPath
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import PythonWheels
from localflyte.spec.image_layers import absolute
from localflyte.spec.image_layers import adds
from localflyte.spec.image_layers import image_digest
from localflyte.spec.image_layers import mounts
from localflyte.spec.image_layers import pip_options
from localflyte.spec.image_reference import check_reference
from localflyte.spec.image_reference import check_registry
from localflyte.spec.image_reference import check_repository
from localflyte.spec.image_steps import ImageSteps
from localflyte.spec.secret import Secret
from localflyte.spec.secret import SecretRequest

__all__ = ("DIST_FOLDER", "Architecture", "Image", "PythonWheels", "image_from_request")

if TYPE_CHECKING:
    from localflyte.spec.image_layers import DIST_FOLDER

Architecture = Literal["linux/amd64", "linux/arm64"]

FLYTE_VERSION = "2.12.1"  # the release whose images a cluster would use for what is written here

_REGISTRY = "ghcr.io/flyteorg"
_BOTH: tuple[Architecture, ...] = ("linux/amd64", "linux/arm64")


@dataclass(frozen=True, slots=True, init=False)
class Image(ImageSteps):
    """An image: start with ``Image.from_...()`` and refine it with ``with_...()``, which give a new image each.

    :raises TypeError: if it is constructed directly
    """

    base_image: str | None
    dockerfile: str | None
    registry: str | None
    name: str | None
    platform: tuple[Architecture, ...]
    python_version: tuple[int, int]
    extendable: bool
    ref_name: str | None
    registry_secret: Secret | None
    layers: tuple[Layer, ...]
    modified: bool
    """Whether a registry has it already (False), or it would have to be built."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        raise TypeError("an Image is not constructed directly: use Image.from_debian_base(), from_base() or another from_...()")

    @classmethod
    def from_debian_base(
        cls,
        python_version: tuple[int, int] | None = None,
        flyte_version: str | None = None,
        install_flyte: bool = True,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        platform: Architecture | tuple[Architecture, ...] | None = None,
    ) -> Image:
        """Start from Flyte's own image.

        :param python_version: ``(3, 12)``; else the version that runs this
        :param flyte_version: the version of flyte in it
        :param install_flyte: whether flyte is in it at all
        :param registry: where to push what is built on it
        :param name: how to call what is built on it
        """
        version = _python_version(python_version)
        python = f"{version[0]}.{version[1]}"
        release = (flyte_version or FLYTE_VERSION).removeprefix("v").replace("+", "-")
        base = f"{_REGISTRY}/flyte:py{python}-v{release}" if install_flyte else f"python:{python}-slim-bookworm"
        image = _make(base_image=base, name="flyte", platform=_platforms(platform, _BOTH), python_version=version, extendable=True)
        if registry or name:
            return image.clone(registry=registry, registry_secret=registry_secret, name=name)
        return image

    @classmethod
    def from_base(cls, image_uri: str) -> Image:
        """Use an image that exists.

        :param image_uri: ``registry/name:tag``
        :raises ValueError: if that is not the name of an image
        """
        return _make(base_image=check_reference(image_uri, "Image.from_base", filled=False))

    @classmethod
    def from_ref_name(cls, name: str = "default") -> Image:
        """Use the image that the configuration, or ``--image NAME=URI``, gives this name."""
        return _make(name=name, ref_name=name)

    @classmethod
    def from_dockerfile(
        cls,
        file: AnyPath,
        registry: str,
        name: str,
        platform: Architecture | tuple[Architecture, ...] | None = None,
    ) -> Image:
        """Build a Dockerfile, in its own folder; no layers can be added to it."""
        return _make(dockerfile=absolute(file), registry=registry, name=name, platform=_platforms(platform, _BOTH[:1]), modified=True)

    @classmethod
    def from_uv_script(
        cls,
        script: AnyPath,
        *,
        name: str,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        python_version: tuple[int, int] | None = None,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        platform: Architecture | tuple[Architecture, ...] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """Install what the PEP 723 block of a script asks for."""
        options = pip_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        image = cls.from_debian_base(python_version, None, False, registry, registry_secret, name, platform)
        return image.clone(addl_layer=Layer.of("uv_script", script=absolute(script), **options))

    @classmethod
    def from_pixi_script(
        cls,
        script: AnyPath,
        *,
        name: str,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        environment: str = "default",
        extra_args: str | None = None,
        platform: Architecture | tuple[Architecture, ...] | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Image:
        """Install what the PEP 723 block of a script asks pixi for."""
        options = {"environment": environment, "extra_args": extra_args, "secret_mounts": mounts(secret_mounts)}
        image = cls.from_debian_base(None, None, False, registry, registry_secret, name, platform)
        return image.clone(addl_layer=Layer.of("pixi_script", script=absolute(script), **options))

    def clone(
        self,
        registry: str | None = None,
        registry_secret: str | Secret | None = None,
        name: str | None = None,
        base_image: str | None = None,
        python_version: tuple[int, int] | None = None,
        addl_layer: Layer | None = None,
        extendable: bool | None = None,
        platform: Architecture | tuple[Architecture, ...] | None = None,
    ) -> Image:
        """Copy the image with other properties; what is not given stays.

        :param addl_layer: a layer to add on top
        :param extendable: whether layers may be added to the copy
        :raises ValueError: if the layer cannot be added
        """
        name = name or self.name
        if addl_layer is not None:
            self._check_layer(addl_layer, name)
        changes: dict[str, Any] = {
            "registry": registry or self.registry,
            "registry_secret": (Secret(registry_secret) if isinstance(registry_secret, str) else registry_secret) or self.registry_secret,
            "name": name,
            "base_image": base_image or self.base_image,
            "python_version": self.python_version if python_version is None else _python_version(python_version),
            "layers": self.layers if addl_layer is None else (*self.layers, addl_layer),
            "extendable": self.extendable if extendable is None else extendable,
            "platform": _platforms(platform, self.platform),
        }
        return _make(dockerfile=self.dockerfile, ref_name=self.ref_name, modified=True, **changes)

    @property
    def uri(self) -> str:
        """What a registry would know it by.

        :raises ImageBuildError: if it has no name, or is known only by a reference
        """
        if not self.modified:
            return self.base_image or _no_uri(f"only a configuration knows from_ref_name({self.ref_name!r}); use from_base(uri)")
        if not self.name:
            return _no_uri("this image was changed and has no name; give it one with clone(name=...)")
        tagged = f"{self.name}:{self.digest[:32]}"
        return f"{self.registry}/{tagged}" if self.registry else tagged

    @property
    def digest(self) -> str:
        """SHA-256 over the base and the layers with the content of their files; reads them."""
        return image_digest(self.dockerfile, self.base_image or f"ref {self.ref_name}", self.layers)

    @property
    def is_default(self) -> bool:
        """Whether the interpreter that runs localflyte has all it asks for."""
        version = sys.version_info[:2]
        bases = (f"{_REGISTRY}/flyte:py{version[0]}.{version[1]}-", f"python:{version[0]}.{version[1]}-slim-bookworm")
        plain = self.base_image is not None and self.base_image.startswith(bases) and self.python_version == version
        return plain and not any(adds(layer) for layer in self.layers)

    def describe(self) -> dict[str, Any]:
        """:return: the image as plain values, with absolute paths; reads no file"""
        secret = self.registry_secret
        return {
            "base": self.base_image,
            "dockerfile": self.dockerfile,
            "ref": self.ref_name,
            "registry": self.registry,
            "registry_secret": secret.key if secret else None,
            "name": self.name,
            "platform": list(self.platform),
            "python": list(self.python_version),
            "layers": [layer.describe() for layer in self.layers],
        }

    def terms(self) -> dict[str, Any] | None:
        """:return: the description, or ``None`` where nothing has to be prepared"""
        return None if self.is_default else self.describe()

    def validate(self) -> None:
        """Check that what it copies and reads is there.

        :raises ImageBuildError: if a source that it copies is missing, or a folder is a file
        :raises FileNotFoundError: if another file or folder is missing
        :raises ValueError: if pixi would not find the manifest
        """
        for layer in self.layers:
            layer.check()
        for path in [*([self.dockerfile] if self.dockerfile else []), *(path for layer in self.layers for path in layer.paths())]:
            if not os.path.exists(path):
                raise FileNotFoundError(f"the image {self.name or self.base_image} needs {path}, which does not exist")

    def _check_layer(self, layer: Layer, name: str | None) -> None:
        if not isinstance(layer, Layer):
            raise TypeError(f"addl_layer must be a layer, like PythonWheels(...), got {layer!r}")
        if self.dockerfile:
            raise ValueError(f"no layer can be added to the image of a Dockerfile: write it into {self.dockerfile}")
        if not self.extendable:
            raise ValueError(f"no layer can be added to {self.base_image or self.name}: first make it clone(name=..., extendable=True)")
        if not name:
            raise ValueError("no layer can be added to an image without a name: first make it clone(name=...)")


def image_from_request(image: str | Image) -> Image:
    """Accept what a person may write for ``image=``: an image, the URI of one, or ``"auto"``."""
    if isinstance(image, Image):
        return image
    return Image.from_debian_base() if image == "auto" else Image.from_base(image)


_DEFAULTS: dict[str, Any] = {
    "base_image": None,
    "dockerfile": None,
    "registry": None,
    "name": None,
    "platform": _BOTH[:1],
    "python_version": sys.version_info[:2],
    "extendable": False,
    "ref_name": None,
    "registry_secret": None,
    "layers": (),
    "modified": False,
}


def __getattr__(name: str) -> Any:
    if name == "DIST_FOLDER":
        from localflyte.spec import image_layers

        return image_layers.DIST_FOLDER
    raise AttributeError(f"module {__name__} has no attribute {name}")


def _make(**fields: Any) -> Image:
    checks = (("registry", check_registry, "registry="), ("name", check_repository, "the name of an image"))
    for option, check, where in checks:
        if fields.get(option) is not None and fields.get("ref_name") is None:
            check(fields[option], where)
    if fields.get("base_image") is not None:
        check_reference(fields["base_image"], "base_image=", filled=False)
    image = object.__new__(Image)
    for name, value in (_DEFAULTS | fields).items():
        object.__setattr__(image, name, value)
    return image


def _python_version(version: tuple[int, int] | None) -> tuple[int, int]:
    if version is None:
        return sys.version_info[:2]
    parts: tuple[object, ...] = tuple(version)
    if len(parts) != 2 or not all(isinstance(part, int) for part in parts):
        raise ValueError(f"python_version must be a pair of numbers, like (3, 12), got {version!r}")
    return version[0], version[1]


def _platforms(
    platform: Architecture | tuple[Architecture, ...] | None,
    default: tuple[Architecture, ...],
) -> tuple[Architecture, ...]:
    if not platform:
        return default
    return (platform,) if isinstance(platform, str) else tuple(platform)


def _no_uri(reason: str) -> NoReturn:
    from localflyte.errors import ImageBuildError

    raise ImageBuildError(f"the image has no URI: {reason}")
