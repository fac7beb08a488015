"""What names and places an action: the small frozen values that a task reads from ``flyte.ctx()``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from dataclasses import replace

__all__ = ("ActionID", "CheckpointPaths", "GroupData", "PathRewrite", "RawDataPath")


@dataclass(frozen=True, kw_only=True)
class ActionID:
    """The name of one action in the tree of a run."""

    name: str
    run_name: str | None = None
    project: str | None = None
    domain: str | None = None
    org: str | None = None

    def __post_init__(self) -> None:
        if self.run_name is None:
            object.__setattr__(self, "run_name", self.name)

    def __repr__(self) -> str:
        said = (f"{part}={getattr(self, part)!r}" for part in ("run_name", "project", "domain", "org") if getattr(self, part) is not None)
        return f"ActionID({', '.join((repr(self.name), *said))})"  # as flyte prints it: programs print it

    @classmethod
    def create_random(cls) -> ActionID:
        """:return: an action with a name of its own, in a run of the same name"""
        return cls(name=os.urandom(10).hex())

    def new_sub_action(self, name: str | None = None) -> ActionID:
        """:return: an action of the same run, with a random name when none is given"""
        return replace(self, name=name or os.urandom(10).hex())

    def unique_id_str(self, salt: str | None = None) -> str:
        """:return: one text that names this action, ``project-domain-run-action``"""
        text = f"{self.project}-{self.domain}-{self.run_name}-{self.name}"
        return text if salt is None else f"{text}-{salt}"


@dataclass(frozen=True)
class GroupData:
    """The group in which calls are made (``flyte.group``)."""

    name: str


@dataclass(frozen=True)
class PathRewrite:
    """Read what lies under one prefix from another.

    :raises ValueError: if a prefix is empty, or both are the same
    """

    old_prefix: str
    new_prefix: str

    def __post_init__(self) -> None:
        if not self.old_prefix or not self.new_prefix:
            raise ValueError("Both old_prefix and new_prefix must be non-empty strings.")
        if self.old_prefix == self.new_prefix:
            raise ValueError("old_prefix and new_prefix must be different.")

    @classmethod
    def from_str(cls, pattern: str) -> PathRewrite:
        """Read ``old_prefix->new_prefix``.

        :raises ValueError: if the pattern has another form
        """
        parts = pattern.split("->")
        if len(parts) != 2:
            raise ValueError(f"Invalid path rewrite pattern: {pattern}. Expected format 'old_prefix->new_prefix'.")
        return cls(parts[0], parts[1])

    def __repr__(self) -> str:
        return f"{self.old_prefix}->{self.new_prefix}"


@dataclass(frozen=True, kw_only=True)
class RawDataPath:
    """The folder or URL below which a run keeps the files of its values."""

    path: str
    path_rewrite: PathRewrite | None = None

    @classmethod
    def from_local_folder(cls, local_folder: str | os.PathLike[str] | None = None) -> RawDataPath:
        """Use a local folder, which is created when it is not there; without one, a new temporary folder."""
        if local_folder is None:
            from tempfile import mkdtemp

            return cls(path=mkdtemp(prefix="localflyte-"))
        if not isinstance(local_folder, str | os.PathLike):
            raise ValueError(f"Invalid local path {local_folder!r}: give a str or a Path")
        if not isinstance(local_folder, str):
            os.makedirs(local_folder, exist_ok=True)
        return cls(path=os.fspath(local_folder))

    def get_random_remote_path(self, file_name: str | None = None) -> str:
        """:return: a path that nothing else uses; of a file of that name when one is given"""
        place = os.path.join(self.path, os.urandom(16).hex())
        if "://" in place:
            return f"{place}/{file_name}" if file_name else place
        os.makedirs(place if file_name else self.path, exist_ok=True)
        return os.path.abspath(os.path.join(place, file_name) if file_name else place)


@dataclass(frozen=True)
class CheckpointPaths:
    """Where an attempt writes its checkpoint, and where the attempt before it left one."""

    prev_checkpoint_path: str | None
    checkpoint_path: str | None
