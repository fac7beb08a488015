"""Private: files and folders that nobody but this user can read, whatever the umask says."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

__all__ = ("check_folder", "create_file", "make_folder")


def make_folder(path: str) -> None:
    """Make a folder and the missing ones above it, each with mode 0700. One that is there already stays as it is."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above and above != path:
        make_folder(above)
    with suppress(FileExistsError):
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)  # a umask may have taken even our own rights


def check_folder(path: str) -> None:
    """:raises PermissionError: if the folder is a link, of another user, or writable by others"""
    info = os.lstat(path)
    if stat.S_ISLNK(info.st_mode):
        raise PermissionError(f"{path} is a link; set LOCALFLYTE_HOME to the folder itself")
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise PermissionError(f"{path} is not a folder of this user; set LOCALFLYTE_HOME to one that is")
    if info.st_mode & 0o022:
        raise PermissionError(f"{path} can be written by others; run: chmod 700 {path}")


def create_file(path: str, mode: int) -> int:
    """Create a file that must not be there yet.

    :param mode: its mode, whatever the umask says
    :return: a descriptor open for writing
    """
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, mode)
    except BaseException:
        os.close(fd)
        os.unlink(path)
        raise
    return fd
