"""History: the runs of this machine, read back from their journals."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import BinaryIO

from localflyte.errors import RunNotFoundError
from localflyte.runs.folder import JOURNAL
from localflyte.runs.folder import LOGS
from localflyte.runs.folder import REPORTS
from localflyte.runs.folder import run_folder
from localflyte.runs.folder import runs_folder
from localflyte.runs.folder import split_log_name
from localflyte.runs.journal import parse_event
from localflyte.runs.journal import replay_journal
from localflyte.runs.lives import Life
from localflyte.runs.names import is_action_name
from localflyte.runs.names import is_run_name
from localflyte.runs.record import Recorder
from localflyte.runs.record import RunRecord
from localflyte.runs.record import State
from localflyte.spec.event import Event

__all__ = ("RunSummary", "find_run", "list_runs", "load_run", "read_run")

LONGEST_HEAD = 4 * 1024 * 1024  # bytes in which a journal's first line ends; it has what people note on a run
TAIL = 16 * 1024  # bytes of a journal's end that hold its last line, unless a long traceback is in it
LONGEST_TAIL = 1024 * 1024  # bytes; the journal cuts texts long before that


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One line of ``localflyte runs``."""

    name: str
    path: str
    task: str
    status: State
    started: float
    """Seconds since the epoch; the folder's own time where the journal cannot tell."""
    seconds: float | None
    error: str
    """The error in one line, empty when there is none."""
    trigger: str = ""
    """The trigger that started it, empty for most."""
    labels: Mapping[str, str] = field(default_factory=dict)


def list_runs(home: str | os.PathLike[str], limit: int | None = None) -> list[RunSummary]:
    """List the runs, newest first, from the first and last line of each journal.

    :param home: folder that localflyte keeps everything in
    :param limit: how many to list at most
    """
    started = [(_first_event(path), path) for path in _run_folders(home)]
    newest = sorted(((_started_at(event, path), path, event) for event, path in started), key=lambda row: row[:2], reverse=True)
    return [_summarise(path, event, at) for at, path, event in newest[:limit]]


def load_run(home: str | os.PathLike[str], name: str) -> RunRecord:
    """Read a whole run.

    :param name: its name, or enough of the beginning of it
    :raises RunNotFoundError: if there is no such run, or if there are several
    """
    found = find_run(home, name)
    path = run_folder(home, found)
    try:
        return read_run(path)
    except OSError as error:
        raise RunNotFoundError(f"The run {found!r} has no journal that could be read ({error.strerror}): {path}") from None


def read_run(path: str) -> RunRecord:
    """Read a whole run from its folder.

    :raises OSError: if its journal cannot be read
    """
    recorder = Recorder(os.path.basename(path), path)
    damaged = replay_journal(path, recorder)
    record = recorder.record
    record.damaged = damaged
    if record.status is State.RUNNING and Life(record.pid, record.born).is_over:
        record.status = State.LOST
    _settle(record)
    _find_files(record)
    return record


def find_run(home: str | os.PathLike[str], name: str) -> str:
    """Return the full name of the run that begins with what was given.

    :raises RunNotFoundError: if there is no such run, or if there are several
    """
    names = sorted(os.path.basename(path) for path in _run_folders(home))
    if name in names:
        return name
    matches = [known for known in names if name and known.startswith(name)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        shown = ", ".join(matches[:5]) + (f" and {len(matches) - 5} more" if len(matches) > 5 else "")
        raise RunNotFoundError(f"{len(matches)} runs begin with {name!r}: {shown}. Give a letter more.")
    if not names:
        raise RunNotFoundError(f"There is no run {name!r}: {runs_folder(home)} holds no runs yet. `localflyte run FILE TASK` makes one.")
    raise RunNotFoundError(f"There is no run {name!r}.{_near(name, names)} `localflyte runs` lists all {len(names)}.")


def _run_folders(home: str | os.PathLike[str]) -> list[str]:
    try:
        with os.scandir(runs_folder(home)) as entries:
            return [entry.path for entry in entries if is_run_name(entry.name) and entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _near(name: str, names: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def _first_event(path: str) -> Event | None:
    try:
        with open(os.path.join(path, JOURNAL), "rb") as file:
            event = parse_event(file.readline(LONGEST_HEAD))
    except OSError:
        return None
    return event if event is not None and event.kind == "run.started" else None


def _started_at(event: Event | None, path: str) -> float:
    if event is not None:
        return event.at
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _summarise(path: str, first: Event | None, at: float) -> RunSummary:
    recorder = Recorder(os.path.basename(path), path)
    for event in filter(None, (first, _last_event(path))):
        recorder(event)
    record = recorder.record
    status = record.status
    if status is State.RUNNING and Life(record.pid, record.born).is_over:
        status = State.LOST
    error = record.error.headline if record.error is not None else ""
    return RunSummary(
        name=record.name,
        path=path,
        task=record.task,
        status=status,
        started=at,
        seconds=record.seconds,
        error=error,
        trigger=record.trigger,
        labels=record.labels,
    )


def _last_event(path: str) -> Event | None:
    """Find how a run finished; ``None`` if its journal does not say."""
    try:
        with open(os.path.join(path, JOURNAL), "rb") as file:
            end = file.seek(0, os.SEEK_END)
            size = TAIL
            while True:
                lines = _tail_lines(file, end, size)
                for line in reversed(lines):
                    event = parse_event(line)
                    if event is not None and event.kind == "run.finished":
                        return event
                if size >= min(end, LONGEST_TAIL) or len(lines) > 1:
                    return None
                size *= 8
    except OSError:
        return None


def _tail_lines(file: BinaryIO, end: int, size: int) -> list[bytes]:
    """Read the last bytes, less the line that begins before them."""
    begin = max(0, end - size)
    file.seek(begin)
    lines = file.read(end - begin).splitlines()
    return lines if begin == 0 else lines[1:]


def _settle(record: RunRecord) -> None:
    """End what the journal left open: nothing of a run that is over is still going on."""
    if not record.status.is_over:
        return
    left = State.LOST if record.status is State.LOST else State.ABORTED
    for action in record.actions.values():
        if not action.status.is_over:
            action.status = left
        for attempt in action.attempts:
            if not attempt.status.is_over:
                attempt.status = left


def _find_files(record: RunRecord) -> None:
    """Attach the log files and reports that lie in the run's folder."""
    for name in sorted(_file_names(os.path.join(record.path, LOGS))):
        parts = split_log_name(name)
        action = record.actions.get(parts[0]) if parts is not None else None
        if action is not None:
            action.logs.append(f"{LOGS}/{name}")
    pages = _file_names(os.path.join(record.path, REPORTS))
    for action in record.actions.values():
        page = f"{action.name}.html"
        # Only what lies where it belongs is linked: a path in a journal may say anything.
        action.report = f"{REPORTS}/{page}" if page in pages and is_action_name(action.name) else ""


def _file_names(folder: str) -> set[str]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return set()
