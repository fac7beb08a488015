"""flyte.git: what git says about the current folder."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from localflyte.git import GitStatus
from localflyte.git import config_from_root


def git(*arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *arguments], check=True, capture_output=True, timeout=30)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit, which is the current folder."""
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text("x = 1\n")
    git("add", ".")
    git("commit", "-qm", "first")
    return tmp_path


def test_a_repository_tells_of_itself(repository: Path) -> None:
    status = GitStatus.from_current_repo()
    assert (status.is_valid, status.is_tree_clean, status.remote_url, status.repo_dir) == (True, True, "", repository)
    assert len(status.commit_sha) == 40
    (repository / "src" / "main.py").write_text("x = 2\n")
    assert not GitStatus.from_current_repo().is_tree_clean


def test_there_is_none_outside_of_one_or_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert GitStatus.from_current_repo() == GitStatus()
    assert config_from_root() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert GitStatus.from_current_repo() == GitStatus()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("git@github.com:user/repo.git", "https://github.com/user/repo"),
        ("https://github.com/user/repo.git", "https://github.com/user/repo"),
        ("https://me:secret@gitlab.com/group/user/repo", "https://gitlab.com/group/user/repo"),
        ("ssh://git@host.example/repo", "https://host.example/repo"),
        ("/srv/repo.git", "/srv/repo"),
        ("file:///srv/repo", "file:///srv/repo"),
        ("C:repo", "C:repo"),
    ],
)
def test_the_remote_is_an_address_without_who_asks(repository: Path, url: str, shown: str) -> None:
    git("remote", "add", "other", url)
    assert GitStatus.from_current_repo().remote_url == shown
    git("remote", "add", "origin", "git@github.com:user/origin")
    assert GitStatus.from_current_repo().remote_url == "https://github.com/user/origin"


def test_a_line_has_an_address(tmp_path: Path) -> None:
    status = GitStatus(is_valid=True, is_tree_clean=True, remote_url="https://github.com/user/repo", repo_dir=tmp_path, commit_sha="abc")
    file = tmp_path / "src" / "main.py"
    assert status.build_url(file, 42) == "https://github.com/user/repo/blob/abc/src/main.py#L42"
    assert replace(status, is_tree_clean=False).build_url(str(file), 42) == "https://github.com/user/repo/blob/abc/src/main.py"
    on_gitlab = replace(status, remote_url="https://gitlab.com/user/repo")
    assert on_gitlab.build_url(file, 1) == "https://gitlab.com/user/repo/-/blob/abc/src/main.py#L1"


@pytest.mark.parametrize(
    "changes",
    [{"is_valid": False}, {"remote_url": "https://bitbucket.org/u/r"}, {"remote_url": "https://github.com"}, {"remote_url": "nowhere"}],
)
def test_what_has_no_address_has_none(tmp_path: Path, changes: dict[str, object]) -> None:
    status = GitStatus(is_valid=True, remote_url="https://github.com/user/repo", repo_dir=tmp_path, commit_sha="abc")
    assert replace(status, **changes).build_url(tmp_path / "main.py", 1) == ""  # type: ignore[arg-type]
    assert status.build_url(tmp_path.parent / "main.py", 1) == ""


def test_the_configuration_at_the_root(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("yaml")
    assert config_from_root() is None
    (repository / ".flyte").mkdir()
    (repository / ".flyte" / "config.yaml").write_text("task:\n  project: mine\n")
    monkeypatch.chdir(repository / "src")
    config = config_from_root()
    assert config is not None
    assert config.task.project == "mine"
