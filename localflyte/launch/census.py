"""Census: which engines share a home, and what one that was killed has left running.

A live engine has an entry of its own in the home, and every process that it starts carries the engine's life as a variable. An
entry whose engine is over makes the next engine look for processes with that mark. Most of the time there is none, and no
process is looked at.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress

from localflyte.runs.lives import Life
from localflyte.runs.lives import my_life

__all__ = ("MARK", "end_strays", "enroll", "killed", "leave", "mark", "sweep")

MARK = "_LOCALFLYTE_ENGINE"
FOLDER = "engines"
ROUNDS = 50  # of looking for what those just killed have started meanwhile
PAUSE = 0.01  # seconds between them
DRAFT_SECONDS = 3600.0  # after which a file in the making, that nobody has written to, is a leftover


def mark() -> dict[str, str]:
    """:return: the variable that says whose a process is"""
    return {MARK: str(my_life())}


def enroll(home: str) -> None:
    """Enter this engine, so that the next one can tell whether it has ended in order."""
    from localflyte.runs.folder import make_private_folder  # not above: a mark is needed before anything else is loaded

    with suppress(OSError):  # a home that cannot be written to: nothing can be left in it either
        path = _entry(home, my_life())
        make_private_folder(os.path.dirname(path))
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))


def leave(home: str) -> None:
    """Take this engine's entry out: it has ended everything it started."""
    with suppress(OSError):
        os.unlink(_entry(home, my_life()))


def killed(home: str) -> list[Life]:
    """:return: the engines that have not ended in order, and that nobody has cleaned up after"""
    try:
        names = os.listdir(os.path.join(home, FOLDER))
    except OSError:
        return []
    return [life for name in names if (life := Life.parse(name)) is not None and life.is_over]


def sweep(home: str) -> list[int]:
    """End what engines have left running that were killed, and remove their entries and what they were writing.

    :return: the numbers of the processes that were ended
    """
    over = killed(home)
    if not over:
        return []
    ended = _end_marked({f"{MARK}={life}".encode() for life in over})
    _remove_drafts(os.path.join(home, "store", "blobs", "new"))
    for life in over:
        with suppress(OSError):
            os.unlink(_entry(home, life))
    return ended


def end_strays(known: set[int]) -> list[int]:
    """End what carries our own mark and has no ancestor of ours any more: it left its task, and lost the fork server that had
    adopted it.

    :param known: children that have lost their fork server too, and are to go on
    :return: the numbers of the processes that were ended
    """
    marks, roots = {f"{MARK}={my_life()}".encode()}, known | {os.getpid()}
    return [pid for pid in _numbers() if _is_marked(pid, marks) and not _descends(pid, roots) and _end(pid, marks)]


def _descends(pid: int, roots: set[int]) -> bool:
    while pid > 1:
        if pid in roots:
            return True
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                pid = int(file.read().rpartition(b")")[2].split()[1])
        except OSError:
            return True  # it is just ending, or its parent is: if it is a stray, it is one at the next look
    return False


def _entry(home: str, life: Life) -> str:
    return os.path.join(home, FOLDER, str(life))


def _end_marked(marks: set[bytes]) -> list[int]:
    ended: list[int] = []
    for _ in range(ROUNDS):
        found = [pid for pid in _numbers() if _is_marked(pid, marks) and _end(pid, marks)]
        ended += [pid for pid in found if pid not in ended]
        if not found:
            break
        time.sleep(PAUSE)
    return ended


def _numbers() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    except OSError:
        return []


def _is_marked(pid: int, marks: set[bytes]) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return not marks.isdisjoint(file.read().split(b"\0"))
    except OSError:  # gone, or somebody else's; a zombie has nothing to read
        return False


def _end(pid: int, marks: set[bytes]) -> bool:
    """Kill a process, and no other that may have its number by now."""
    import signal

    try:
        handle = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False
    try:
        if not _is_marked(pid, marks):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _remove_drafts(folder: str) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > DRAFT_SECONDS:
                    os.unlink(entry.path)
