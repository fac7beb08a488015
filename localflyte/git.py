"""flyte.git: the configuration that lies at the root of a git repository."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from localflyte.config import Config
from localflyte.config import auto

__all__ = ("GitStatus", "config_from_root")


_BLOBS = {"github.com": "blob", "gitlab.com": "-/blob"}


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
    """Where it is pushed to, as an address of https without a user or a password."""
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
            remote_url=_https(_git("remote", "get-url", "--push", "origin") or _first_remote()),
            repo_dir=Path(root),
            commit_sha=commit,
        )

    def build_url(self, path: str | Path, line_number: int) -> str:
        """Make the address of a line on GitHub or GitLab.

        :return: without the line where files differ from the commit; empty outside of the repository, and for other hosts
        """
        host, _, place = self.remote_url.removeprefix("https://").partition("/")
        file = Path(path).resolve()
        if not self.is_valid or host not in _BLOBS or not place or not file.is_relative_to(self.repo_dir.resolve()):
            return ""
        line = f"#L{line_number}" if self.is_tree_clean else ""
        return f"https://{host}/{place}/{_BLOBS[host]}/{self.commit_sha}/{file.relative_to(self.repo_dir.resolve()).as_posix()}{line}"


def _first_remote() -> str:
    names = _git("remote").splitlines()
    return _git("remote", "get-url", "--push", names[0]) if names else ""


def _https(url: str) -> str:
    """:return: an address of https for one of https or ssh, without who asks; any other text as it is"""
    address = url.removesuffix(".git")
    if "://" in address:
        scheme, _, rest = address.partition("://")
        if scheme not in ("https", "ssh"):
            return address
    else:
        host, colon, place = address.partition(":")  # user@host:place
        if not colon or "@" not in host:
            return address
        rest = f"{host}/{place}"
    host, _, place = rest.partition("/")
    return f"https://{host.rpartition('@')[2]}/{place}"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
