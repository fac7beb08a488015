"""Folder: where a run keeps what it leaves behind, private to the person who ran it."""

from __future__ import annotations

import contextlib
import os

from localflyte.runs.names import check_run_name

__all__ = (
    "INDEX",
    "JOURNAL",
    "LOGS",
    "REPORTS",
    "create_run_folder",
    "log_name",
    "make_private_folder",
    "run_folder",
    "runs_folder",
    "split_log_name",
    "write_private_file",
)

JOURNAL = "journal.jsonl"
LOGS = "logs"
REPORTS = "reports"
INDEX = "index.html"


def runs_folder(home: str | os.PathLike[str]) -> str:
    """Return the folder that holds every run."""
    return os.path.join(home, "runs")


def run_folder(home: str | os.PathLike[str], name: str) -> str:
    """Return the folder of one run, whether it is there or not.

    :raises ValueError: if the name could lead out of the folder of runs
    """
    return os.path.join(runs_folder(home), check_run_name(name))


def create_run_folder(home: str | os.PathLike[str], name: str) -> str:
    """Make the folder of a new run and return its path.

    :raises FileExistsError: if a run of that name exists already
    :raises OSError: if nothing can be written there
    :raises ValueError: if the name cannot be used
    """
    path = run_folder(home, name)
    try:
        make_private_folder(os.path.dirname(path))
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)
    except FileExistsError:
        raise FileExistsError(f"There is a run named {name!r} already, in {path}. Choose another name, or remove that folder.") from None
    except OSError as error:
        way_out = "runs are kept there; set LOCALFLYTE_HOME to a folder that can be written"
        raise OSError(error.errno, f"{error.strerror}; {way_out}", os.fspath(home)) from None
    return path


def make_private_folder(path: str) -> None:
    """Make a folder and the missing ones above it, for nobody but this user."""
    if os.path.isdir(path):
        return
    above = os.path.dirname(path)
    if above and above != path:
        make_private_folder(above)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)  # a umask may have taken even our own rights


def write_private_file(path: str, data: bytes) -> None:
    """Write a file in one step, so that nobody ever reads half of it."""
    make_private_folder(os.path.dirname(path))
    draft = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(draft)
        raise


def log_name(action: str, attempt: int, stream: str) -> str:
    """Name the file that holds one stream of one attempt. A browser guesses what a file is that does not end in .txt, and may run it."""
    return f"{action}.{attempt}.{'err' if stream == 'stderr' else 'out'}.txt"


def split_log_name(name: str) -> tuple[str, int, str] | None:
    """Read action, attempt and stream back from the name of a log file; ``None`` for any other file."""
    action, _, rest = name.partition(".")
    attempt, _, ending = rest.partition(".")
    if not action or not (attempt.isascii() and attempt.isdigit() and len(attempt) < 10) or ending not in ("out.txt", "err.txt"):
        return None
    return action, int(attempt), "stderr" if ending == "err.txt" else "stdout"
