"""Location: what a path means, and where new content of a task belongs."""

from __future__ import annotations

import os
from typing import Any

__all__ = (
    "base_name",
    "is_remote",
    "is_short_lived",
    "join",
    "local_path",
    "named_location",
    "new_location",
    "remote_filesystem",
    "stable_path",
)

_FILE_SCHEME = "file://"


def is_remote(path: str | os.PathLike[str]) -> bool:
    """:return: whether the path is a URL of another place than this machine's files"""
    scheme, found, _ = os.fspath(path).partition("://")
    return bool(found) and scheme.isalnum() and scheme != "file"


def local_path(path: str | os.PathLike[str]) -> str:
    """Take the ``file://`` off a path.

    :raises ValueError: if the path is remote
    """
    text = os.fspath(path)
    if is_remote(text):
        raise ValueError(f"{text} is not on this machine")
    if not text.startswith(_FILE_SCHEME):
        return text
    text = text.removeprefix(_FILE_SCHEME)
    if "%" in text:
        from urllib.parse import unquote

        return unquote(text)
    return text


def stable_path(path: str) -> str:
    """:return: a path that means the same in every process: an absolute one, or a URL as it is"""
    return path if is_remote(path) else os.path.abspath(local_path(path))


def base_name(path: str) -> str:
    """:return: the last part of a path or URL"""
    return os.path.basename(path.rstrip("/"))


def join(*parts: str) -> str:
    """Join the parts of a path or URL."""
    return os.path.join(*parts)


def new_location(name: str | None = None) -> str:
    """Choose a place for new content, made of random characters and the name; the folder around it exists then."""
    root = _raw_data_folder()
    folder = join(root, os.urandom(8).hex())
    if is_remote(root):
        return join(folder, name) if name else folder
    parent = folder if name else root
    os.makedirs(parent, exist_ok=True)
    return os.path.abspath(join(folder, name) if name else folder)


def is_short_lived(path: str) -> bool:
    """Whether a running task should copy what it passes on: it lies among temporary files, or in its container, and may be gone with it.

    On a cluster `from_local` uploads, so programs return what they made in a temporary folder that is deleted right after.
    """
    from localflyte.api.context import current
    from localflyte.api.outside import is_seen_outside

    context = current()
    if context is None or not context.raw_data_path.path or is_remote(context.raw_data_path.path):
        return False
    kept = os.path.abspath(local_path(context.raw_data_path.path)) + os.sep
    folders = {os.environ.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp"}  # noqa: S108 - looked at, not written to
    if not is_seen_outside(path):
        return True
    return not path.startswith(kept) and any(path.startswith(os.path.abspath(folder) + os.sep) for folder in folders)


def named_location(name: str) -> str:
    """Choose the place of this name in the run of the running task, the same in every attempt.

    :raises ValueError: if no task is running, or the name is no plain file name
    """
    from localflyte.api.context import current

    context = current()
    if context is None:
        raise ValueError("File.named_remote() needs a running task, because its place belongs to the run; use File.new_remote() outside.")
    if not name or name in {".", ".."} or "/" in name or os.sep in name:
        raise ValueError(f"File.named_remote() takes a plain file name, not {name!r}")
    base = context.run_base_dir or context.raw_data_path.path
    if not is_remote(base):
        os.makedirs(local_path(base), exist_ok=True)
        return os.path.abspath(join(local_path(base), name))
    return join(base, name)


def remote_filesystem(path: str) -> tuple[Any, str]:
    """Find what opens a remote URL, and the path that it takes.

    :raises RuntimeError: if nothing that is installed does
    """
    from importlib import import_module

    try:
        url_to_fs: Any = import_module("fsspec.core").url_to_fs
    except ImportError:
        raise RuntimeError(
            f"{path} is not on this machine, and localflyte opens remote paths with fsspec, which is not installed: pip install fsspec"
        ) from None
    try:
        found, inner = url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise RuntimeError(f"{path} cannot be opened: {error}") from error
    return found, str(inner)


_outside: str = ""


def _raw_data_folder() -> str:
    from localflyte.api.context import current

    context = current()
    if context is not None and context.raw_data_path.path:
        path = context.raw_data_path.path
        return path if is_remote(path) else local_path(path)
    global _outside  # noqa: PLW0603 - one folder a process
    if not _outside:
        from tempfile import mkdtemp

        _outside = mkdtemp(prefix="localflyte-")
    return _outside
