"""flyte.extend: what plugins build on. Task templates are real here; what makes images and pods is a cluster's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Any
from typing import Protocol

from localflyte.api.plugins import TaskPluginRegistry
from localflyte.api.task import AsyncFunctionTaskTemplate
from localflyte.api.task import TaskTemplate
from localflyte.cluster import ClusterFunction
from localflyte.cluster import ClusterRecord
from localflyte.initialize import is_initialized
from localflyte.spec.image import Architecture

if TYPE_CHECKING:
    from types import ModuleType

    from localflyte.spec.image import Image

__all__ = (
    "PRIMARY_CONTAINER_DEFAULT_NAME",
    "Architecture",
    "AsyncFunctionTaskTemplate",
    "ImageBuildEngine",
    "ImageBuilder",
    "ImageChecker",
    "TaskPluginRegistry",
    "TaskTemplate",
    "download_code_bundle",
    "get_proto_extended_resources",
    "get_proto_resources",
    "is_initialized",
    "lazy_module",
    "pod_spec_from_resources",
)

PRIMARY_CONTAINER_DEFAULT_NAME = "primary"


class ImageChecker(Protocol):
    """What knows whether a registry has an image."""

    @classmethod
    async def image_exists(cls, repository: str, tag: str, arch: tuple[Architecture, ...] = ("linux/amd64",)) -> str | None:
        """:return: the image's address, or None"""
        ...


class ImageBuilder(Protocol):
    """What builds an image."""

    async def build_image(self, image: Image, dry_run: bool, wait: bool = True, force: bool = False) -> Any:
        """:return: the ImageBuild"""
        ...

    def get_checkers(self) -> Sequence[type[ImageChecker]] | None:
        """:return: who may know whether the image is there already"""
        ...


class ImageBuildEngine(ClusterRecord):
    """What finds the builder of an image."""

    instead = "Images are built by docker or podman here, or made into environments by uv: `localflyte build`."


def lazy_module(module_name: str) -> ModuleType:
    """Import a module when one of its attributes is first used; a module that is not there raises then.

    :param module_name: its full name
    """
    import importlib.util
    import sys
    from types import ModuleType

    if module_name in sys.modules:
        return sys.modules[module_name]

    class Missing(ModuleType):
        def __getattr__(self, name: str) -> Any:
            raise ImportError(f"Module {module_name} is not installed; it is needed for {name}", name=module_name)

    try:
        spec = importlib.util.find_spec(module_name)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.loader is None:
        return Missing(module_name)
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module


download_code_bundle = ClusterFunction("flyte.extend.download_code_bundle", "Workers read the code where it lies here.")
get_proto_extended_resources = ClusterFunction("flyte.extend.get_proto_extended_resources")
get_proto_resources = ClusterFunction("flyte.extend.get_proto_resources")
pod_spec_from_resources = ClusterFunction("flyte.extend.pod_spec_from_resources")
