"""flyte.git: the configuration that lies at the root of a git repository."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from localflyte.config import Config
from localflyte.config import auto

__all__ = ("GitStatus", "config_from_root")


def config_from_root(path: str | Path = ".flyte/config.yaml") -> Config | None:
    """Read the configuration of the repository that the current folder belongs to.

    :param path: the file, seen from the root of the repository
    :return: None outside of a repository, and where it has no such file
    """
    root = _git("rev-parse", "--show-toplevel")
    file = Path(root, path) if root else None
    return auto(file) if file is not None and file.is_file() else None


@dataclass(frozen=True, slots=True, kw_only=True)
class GitStatus:
    """What git says about the current folder."""

    is_valid: bool = False
    is_tree_clean: bool = False
    remote_url: str = ""
    repo_dir: Path = Path()
    commit_sha: str = ""

    @classmethod
    def from_current_repo(cls) -> GitStatus:
        """Ask git; outside of a repository, and without git, ``is_valid`` is False."""
        root, commit = _git("rev-parse", "--show-toplevel"), _git("rev-parse", "HEAD")
        if not root or not commit:
            return cls()
        return cls(
            is_valid=True,
            is_tree_clean=not _git("status", "--porcelain"),
            remote_url=_git("remote", "get-url", "origin"),
            repo_dir=Path(root),
            commit_sha=commit,
        )


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
