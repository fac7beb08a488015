"""flyte.config: where Flyte keeps its configuration file, and the few of its values that mean something on one machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

from localflyte.errors import InitializationError

__all__ = ("Config", "ImageConfig", "LocalConfig", "PlatformConfig", "TaskConfig", "auto", "get_config_file", "set_if_exists")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformConfig:
    """The section ``admin``: a cluster's address; read, and not used here."""

    endpoint: str | None = None
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig:
    """The section ``task``: whose work this is."""

    org: str | None = None
    project: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """The section ``image``."""

    builder: str | None = None
    image_refs: dict[str, str] = field(default_factory=dict)
    registry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """The section ``local``; localflyte keeps a history of every run, whatever it says."""

    persistence: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration, as ``flyte.init_from_config`` takes it."""

    platform: PlatformConfig = field(default_factory=PlatformConfig)
    task: TaskConfig = field(default_factory=TaskConfig)
    image: ImageConfig = field(default_factory=ImageConfig)
    local: LocalConfig = field(default_factory=LocalConfig)
    source: Path | None = None
    """The file it was read from."""

    @classmethod
    def auto(cls, config_file: str | os.PathLike[str] | None = None) -> Config:
        """Read a configuration; see `auto`."""
        return auto(config_file)

    def with_params(
        self, platform: PlatformConfig | None = None, task: TaskConfig | None = None, image: ImageConfig | None = None
    ) -> Config:
        """:return: the same, with the sections that are given in the place of its own"""
        return replace(self, platform=platform or self.platform, task=task or self.task, image=image or self.image)


def auto(config_file: str | os.PathLike[str] | None = None) -> Config:
    """Read a configuration file, and the ``FLYTE_<SECTION>_<KEY>`` variables, which win.

    :param config_file: the file; by default the first one that exists in Flyte's places, and none is fine
    :raises InitializationError: if the file is not there or is no Flyte configuration
    """
    source = get_config_file(config_file)
    sections = _read(source, explicit=config_file is not None) if source is not None else {}

    def value(section: str, key: str) -> Any:
        return os.environ.get(f"FLYTE_{section}_{key}".upper()) or in_file(section, key)

    def in_file(section: str, key: str) -> Any:
        given = sections.get(section)
        return given.get(key) if isinstance(given, dict) else None

    refs = in_file("image", "image_refs")

    return Config(
        platform=PlatformConfig(endpoint=value("admin", "endpoint"), insecure=bool(value("admin", "insecure"))),
        task=TaskConfig(org=value("task", "org"), project=value("task", "project"), domain=value("task", "domain")),
        image=ImageConfig(
            builder=value("image", "builder"),
            image_refs=refs if isinstance(refs, dict) else {},
            registry=value("image", "registry"),
        ),
        local=LocalConfig(persistence=bool(value("local", "persistence"))),
        source=source,
    )


def get_config_file(c: str | os.PathLike[str] | None = None) -> Path | None:
    """Find the configuration file.

    :param c: a path that was given by hand
    :return: that path, or the first of Flyte's places where a file is
    :raises InitializationError: if a path was given and nothing is there
    """
    if c is not None:
        path = Path(c).expanduser()
        if not path.is_file():
            raise InitializationError(
                "ConfigFileNotFoundError",
                "user",
                f"There is no configuration file {path.absolute()}. Correct the path, or leave it out: localflyte needs no configuration.",
            )
        return path
    return next((place for place in _places() if place.is_file()), None)


def set_if_exists(d: dict[str, Any], k: str, val: Any) -> dict[str, Any]:
    """Put a value into a dictionary unless it is empty, and return the dictionary."""
    if val:
        d[k] = val
    return d


def _places() -> list[Path]:
    here = Path.cwd()
    root = next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), None)
    places = [here / "config.yaml", here / ".flyte" / "config.yaml"]
    if root is not None:
        places.append(root / ".flyte" / "config.yaml")
    places += [Path(os.environ[name]) for name in ("UCTL_CONFIG", "FLYTECTL_CONFIG") if os.environ.get(name)]
    home = Path(os.path.expanduser("~"))
    return [*places, home / ".union" / "config.yaml", home / ".flyte" / "config.yaml"]


def _read(source: Path, *, explicit: bool) -> dict[str, Any]:
    """Read the sections of a file. One that was only found may belong to some other program, so its faults are none of ours."""
    try:
        import yaml
    except ImportError:
        from localflyte.logs import say_once

        say_once(f"{source} is not read, since PyYAML is not installed: its project and domain are not known here. pip install pyyaml")
        return {}
    try:
        sections = yaml.safe_load(source.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        if explicit:
            raise InitializationError("ConfigFileError", "user", f"{source} cannot be read as YAML: {error}") from None
        return {}
    if isinstance(sections, dict):
        return sections
    if explicit and sections is not None:
        raise InitializationError("ConfigFileError", "user", f"{source} is no Flyte configuration: its top level must have named sections")
    return {}
