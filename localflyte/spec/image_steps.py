"""ImageSteps: the ``with_...()`` methods of an image, each of which records one layer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import TYPE_CHECKING
from typing import Literal

from localflyte.spec.image_layers import DIST
from localflyte.spec.image_layers import AnyPath
from localflyte.spec.image_layers import Layer
from localflyte.spec.image_layers import PythonWheels
from localflyte.spec.image_layers import absolute
from localflyte.spec.image_layers import mounts
from localflyte.spec.image_layers import pip_options
from localflyte.spec.image_layers import words
from localflyte.spec.secret import SecretRequest

if TYPE_CHECKING:
    from typing import Self

__all__ = ("ImageSteps",)

InstallMode = Literal["dependencies_only", "install_project"]


class ImageSteps:
    """What can be added to an image; `clone` is the one thing an image has to bring."""

    __slots__ = ()

    if TYPE_CHECKING:

        def clone(self, *, addl_layer: Layer) -> Self: ...

    def with_pip_packages(
        self,
        *packages: str,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Self:
        """Install Python packages."""
        options = pip_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        return self.clone(addl_layer=Layer.of("pip", packages=words("with_pip_packages", packages), **options))

    def with_requirements(
        self,
        file: AnyPath,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
    ) -> Self:
        """Install what a requirements file lists.

        :raises ValueError: if it is not a .txt file
        """
        if not os.fspath(file).endswith(".txt"):
            raise ValueError(f"Requirements file {os.fspath(file)} must have a .txt extension")
        options = pip_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        return self.clone(addl_layer=Layer.of("requirements", file=absolute(file), **options))

    def with_uv_project(
        self,
        pyproject_file: AnyPath,
        uvlock: AnyPath | None = None,
        index_url: str | None = None,
        extra_index_urls: str | Sequence[str] | None = None,
        pre: bool = False,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> Self:
        """Install the dependencies of a uv project, or the project itself.

        :param uvlock: its lock file; else the one beside it, if there is one
        """
        pyproject, mode = absolute(pyproject_file), _install_mode(project_install_mode)
        options = pip_options(index_url, extra_index_urls, pre, extra_args, secret_mounts)
        lock = _lock(uvlock, pyproject, "uv.lock")
        return self.clone(addl_layer=Layer.of("uv_project", pyproject=pyproject, uvlock=lock, project_install_mode=mode, **options))

    def with_poetry_project(
        self,
        pyproject_file: AnyPath,
        poetry_lock: AnyPath | None = None,
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> Self:
        """Install the dependencies of a Poetry project, or the project itself."""
        pyproject = absolute(pyproject_file)
        layer = Layer.of(
            "poetry_project",
            pyproject=pyproject,
            poetry_lock=absolute(poetry_lock or os.path.join(os.path.dirname(pyproject), "poetry.lock")),
            extra_args=extra_args,
            project_install_mode=_install_mode(project_install_mode),
            secret_mounts=mounts(secret_mounts),
        )
        return self.clone(addl_layer=layer)

    def with_pixi_project(
        self,
        manifest_file: AnyPath,
        pixi_lock: AnyPath | None = None,
        environment: str = "default",
        extra_args: str | None = None,
        secret_mounts: SecretRequest | None = None,
        project_install_mode: InstallMode = "dependencies_only",
    ) -> Self:
        """Install a pixi project.

        :param manifest_file: its pixi.toml or pyproject.toml, or its folder
        """
        manifest = absolute(manifest_file)
        if os.path.isdir(manifest):
            own = os.path.join(manifest, "pixi.toml")
            manifest = own if os.path.exists(own) else os.path.join(manifest, "pyproject.toml")
        layer = Layer.of(
            "pixi_project",
            manifest=manifest,
            pixi_lock=_lock(pixi_lock, manifest, "pixi.lock"),
            environment=environment,
            extra_args=extra_args,
            project_install_mode=_install_mode(project_install_mode),
            secret_mounts=mounts(secret_mounts),
        )
        return self.clone(addl_layer=layer)

    def with_apt_packages(self, *packages: str, secret_mounts: SecretRequest | None = None) -> Self:
        """Install system packages."""
        names = words("with_apt_packages", packages)
        return self.clone(addl_layer=Layer.of("apt", packages=names, secret_mounts=mounts(secret_mounts)))

    def with_commands(self, commands: Sequence[str], secret_mounts: SecretRequest | None = None) -> Self:
        """Run shell commands while the image is built."""
        lines = words("with_commands", (commands,) if isinstance(commands, str) else commands)
        return self.clone(addl_layer=Layer.of("commands", commands=lines, secret_mounts=mounts(secret_mounts)))

    def with_env_vars(self, env_vars: Mapping[str, str]) -> Self:
        """Set environment variables."""
        pairs = tuple((str(name), str(value)) for name, value in env_vars.items())
        return self.clone(addl_layer=Layer.of("env", env_vars=pairs))

    def with_workdir(self, workdir: str) -> Self:
        """Set the folder that tasks start in."""
        return self.clone(addl_layer=Layer.of("workdir", workdir=workdir))

    def with_source_folder(self, src: AnyPath, dst: str = ".", copy_contents_only: bool = False) -> Self:
        """Copy a folder into the image.

        :param dst: where to
        :param copy_contents_only: copy what is in it, without the folder itself
        """
        if not copy_contents_only and dst == ".":
            dst = "./" + os.path.basename(os.fspath(src).rstrip("/"))
        return self.clone(addl_layer=Layer.of("source_folder", src=absolute(src), dst=dst))

    def with_source_file(self, src: AnyPath | Sequence[AnyPath], dst: str = ".") -> Self:
        """Copy a file, or several, into the image.

        :raises ValueError: if two files of the same name would go to the same place
        """
        files: list[AnyPath] = [src] if isinstance(src, str | os.PathLike) else list(src)
        names = [os.path.basename(os.fspath(file)) for file in files]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"with_source_file: several files called {', '.join(twice)} would overwrite each other at {dst!r}")
        image = self
        for file in files:
            image = image.clone(addl_layer=Layer.of("source_file", src=absolute(file), dst=dst))
        return image

    def with_code_bundle(self, copy_style: Literal["loaded_modules", "all"] = "loaded_modules", dst: str = ".") -> Self:
        """Put the project's own code into the image, for runs that do not ship it."""
        if copy_style not in ("loaded_modules", "all"):
            raise ValueError(f'with_code_bundle: copy_style must be "loaded_modules" or "all", got {copy_style!r}')
        return self.clone(addl_layer=Layer.of("code_bundle", copy_style=copy_style, dst=dst))

    def with_dockerignore(self, path: AnyPath) -> Self:
        """Leave out what a .dockerignore names."""
        return self.clone(addl_layer=Layer.of("dockerignore", path=absolute(path)))

    def with_local_v2(self) -> Self:
        """Install a locally built flyte; here localflyte stands in for it, so it adds nothing."""
        return self.clone(addl_layer=PythonWheels(wheel_dir=DIST, package_name="flyte"))

    def with_local_rs_controller(self) -> Self:
        """Install a locally built controller; here localflyte stands in for it, so it adds nothing."""
        return self.clone(addl_layer=PythonWheels(wheel_dir=os.path.join("rs_controller", DIST), package_name="flyte_controller_base"))

    def with_local_v2_plugins(self, plugins: str | Sequence[str] | None = None) -> Self:
        """Install locally built plugins of flyte.

        :raises ValueError: if a name does not begin with ``flyteplugins-``
        """
        image = self
        for plugin in (plugins,) if isinstance(plugins, str) else plugins or ():
            if not plugin.startswith("flyteplugins-"):
                raise ValueError(f"Plugin {plugin} must start with 'flyteplugins-'")
            image = image.clone(addl_layer=PythonWheels(wheel_dir=DIST, package_name=plugin.replace("-", "_")))
        return image


def _install_mode(mode: str) -> str:
    if mode not in ("dependencies_only", "install_project"):
        raise ValueError(f'project_install_mode must be "dependencies_only" or "install_project", got {mode!r}')
    return mode


def _lock(given: AnyPath | None, project_file: str, name: str) -> str | None:
    if given is not None:
        return absolute(given)
    beside = os.path.join(os.path.dirname(project_file), name)
    return beside if os.path.exists(beside) else None
