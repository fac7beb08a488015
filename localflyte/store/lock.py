"""Lock: a file that one process holds at a time, and that is free the moment its holder is gone, however it went."""

from __future__ import annotations

import os
from contextlib import suppress

from localflyte.store.private import make_folder

__all__ = ("Lock", "is_held", "take_lock")


class Lock:
    """A file that this process holds. It is removed when it is given back."""

    __slots__ = ("_fd", "path")

    def __init__(self, fd: int, path: str) -> None:
        self._fd = fd
        self.path = path

    def write(self, data: bytes) -> None:
        """Add to the file.

        :raises OSError: if that cannot be done
        """
        os.write(self._fd, data)

    def release(self, *, keep: bool = False) -> None:
        """Give it back.

        :param keep: leave the file where it is
        """
        if not keep:
            with suppress(OSError):  # removed while it is still held: whoever waits finds a file of this name no more
                os.unlink(self.path)
        with suppress(OSError):  # of a disk that lost what was written; the descriptor, and with it the lock, is gone all the same
            os.close(self._fd)


def take_lock(path: str) -> Lock | None:
    """Take a lock if it is free.

    :return: the lock, or ``None`` while somebody holds it
    :raises OSError: if the file cannot be made, or its filesystem has no locks
    """
    from fcntl import LOCK_EX
    from fcntl import LOCK_NB
    from fcntl import flock

    make_folder(os.path.dirname(path))
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            flock(fd, LOCK_EX | LOCK_NB)
            if _is_there(fd, path):
                os.fchmod(fd, 0o600)  # a umask may have taken even our own rights, and others have to open it
                return Lock(fd, path)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was removed between opening and locking: the next one is of a new file


def is_held(path: str) -> bool:
    """:return: whether some process holds the lock; also where that cannot be told"""
    from fcntl import LOCK_NB
    from fcntl import LOCK_SH
    from fcntl import flock

    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)  # a pipe would be waited for
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        flock(fd, LOCK_SH | LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _is_there(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except FileNotFoundError:
        return False
