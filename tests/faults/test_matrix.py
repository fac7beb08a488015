"""Rows 1 to 5, 9 to 13 and 46 as one table: every way to end at every place of a call, beside a task that must not notice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import psutil
import pytest
from faults.outside import wait_until
from faults.ways import ENDS
from faults.ways import LEAVES
from programs import dying

import localflyte as flyte
from localflyte.engine.thread import close_engine
from localflyte.runs.journal import read_journal

USER, SYSTEM, TIME = "RuntimeUserError", "RuntimeSystemError", "MaxRuntimeExceededError"
#: how each way ends a call, wherever it happens: the class of the error, its code, and what its message says
ENDINGS = {
    "raise": (USER, "Unlisted", "told as text"),
    "exit": (USER, "SystemExit", "called sys.exit(0). A task succeeds by returning"),
    "_exit": (USER, "WorkerExitedError", "ended with exit code 0 and without a reply"),
    "libc exit": (USER, "WorkerExitedError", "ended with exit code 0 and without a reply"),
    "segv": (SYSTEM, "SIGSEGV", "the Python stack is in the task's log"),
    "abort": (SYSTEM, "SIGABRT", "killed by SIGABRT"),
    "bus": (SYSTEM, "SIGBUS", "killed by SIGBUS"),
    "kill": (SYSTEM, "SIGKILL", "localflyte did not"),
    "term": (SYSTEM, "SIGTERM", "somebody outside asked it to end"),
    "hang": (TIME, TIME, "max_runtime of 0.4 s"),
    "recurse": (USER, "RecursionError", "maximum recursion depth"),
}
FINE = ("ok", "", "1")
#: where Python itself takes an exception for no failure: what it raises is printed, and the interpreter goes on
UNHEARD = {
    "finalise": ("raise", "exit", "recurse"),
    "finalise_async": ("raise", "recurse"),
    "at_exit": ("raise", "exit", "recurse"),
}
PLACES = ("decode", "call", "encode", "finalise", "at_exit")
ASYNC_PLACES = ("decode_async", "call_async", "encode_async", "finalise_async")
MATRIX = [(place, way) for place in (*PLACES, *ASYNC_PLACES) for way in ENDS]
HARMLESS = [(place, way) for place in ("call", "call_async") for way in LEAVES]


def expected(place: str, way: str) -> tuple[str, str, str]:
    if place == "call_async" and way == "close descriptors":
        return (USER, "OSError", "Bad file descriptor")  # they were those of its own event loop
    return FINE if way in LEAVES or way in UNHEARD.get(place, ()) else ENDINGS[way]


def rows_in_cache(home: Path) -> int:
    with closing(sqlite3.connect(home / "store" / "index" / "cache.db")) as index:
        (rows,) = index.execute("SELECT count(*) FROM Cache WHERE key NOT LIKE 'code:%'").fetchone()
    return int(rows)


@dataclass
class Endings:
    told: dict[str, list[str]]
    home: Path
    notes: Path


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endings]:
    """Go every way at every place in one run."""
    home, notes = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("notes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALFLYTE_HOME", str(home))
        patch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
        cases = [list(case) for case in (*MATRIX, *HARMLESS)]
        run = flyte.with_runcontext(name="matrix", sinks=[lambda _: None]).run(dying.everything, cases=cases, notes=str(notes))
        told = run.outputs()[0]
        left = [int(line) for line in (notes / "left").read_text().split()]
        wait_until(lambda: not any(map(psutil.pid_exists, left)))
        yield Endings(told, home, notes)
        close_engine()


@pytest.mark.parametrize(("place", "way"), MATRIX)
def test_row_13_every_way_to_end_at_every_place(endings: Endings, place: str, way: str) -> None:
    kind, code, message = endings.told[f"{place}: {way}"]
    wanted = expected(place, way)
    assert (kind, code) == wanted[:2]
    assert wanted[2] in message
    assert kind == "ok" or f"dying.{place} " in message or code in ("Unlisted", "RecursionError")


@pytest.mark.parametrize(("place", "way"), [case for case in HARMLESS if "leave" in case[1]])
def test_row_10_what_a_task_leaves_behind_does_not_fail_it(endings: Endings, place: str, way: str) -> None:
    assert tuple(endings.told[f"{place}: {way}"]) == FINE


def test_row_10_processes_that_left_their_task_are_ended_in_whatever_group_and_session(endings: Endings) -> None:
    left = [int(line) for line in (endings.notes / "left").read_text().split()]
    assert len(left) == 10
    assert not [pid for pid in left if psutil.pid_exists(pid)]


@pytest.mark.parametrize("place", ["call", "call_async"])
def test_row_11_a_flood_of_bytes_that_are_no_text_does_not_fail_a_task(endings: Endings, place: str) -> None:
    assert tuple(endings.told[f"{place}: flood"]) == FINE


@pytest.mark.parametrize(("place", "way"), [case for case in HARMLESS if "descriptors" in case[1]])
def test_row_12_the_protocol_is_out_of_reach_of_low_descriptors(endings: Endings, place: str, way: str) -> None:
    kind, code, message = endings.told[f"{place}: {way}"]
    wanted = expected(place, way)
    assert (kind, code) == wanted[:2]
    assert wanted[2] in message


def test_row_13_a_task_at_work_beside_all_of_them_is_unharmed(endings: Endings) -> None:
    assert endings.told["neighbour"] == ["7"]


def test_row_46_only_what_succeeded_is_in_the_cache(endings: Endings) -> None:
    good = [case for case, ending in endings.told.items() if ending[0] == "ok"]
    stored = [event for event in read_journal(str(endings.home / "runs" / "matrix")).events if event.kind == "action.stored"]
    assert rows_in_cache(endings.home) == len(stored) == len(good)


def test_row_4_a_crash_leaves_its_python_stack_in_the_log(endings: Endings) -> None:
    logs = [path.read_text(errors="replace") for path in (endings.home / "runs" / "matrix" / "logs").glob("*.err.txt")]
    assert sum("Fatal Python error: Segmentation fault" in log and 'ways.py", line' in log for log in logs) == len(PLACES) + len(
        ASYNC_PLACES
    )


# -- at import, where it is the fork server that goes the way ------------------------------------------------------------

GOING = """
import localflyte as flyte
from faults import ways

env = flyte.TaskEnvironment("{name}")

@env.task(cache=flyte.Cache(behavior="auto"), timeout=flyte.Timeout(deadline={deadline}))
def task() -> int:
    return 1

ways.go({way!r})
"""


@pytest.mark.parametrize("way", ENDS)
def test_row_13_every_way_to_end_while_a_worker_imports_the_module(
    way: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"going_{list(ENDS).index(way)}"
    deadline = 3600 if way != "hang" else 1
    (tmp_path / f"{name}.py").write_text(dedent(GOING.format(name=name, way=way, deadline=deadline)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
    told = flyte.with_runcontext(sinks=[lambda _: None]).run(dying.imports, module=name, notes=str(tmp_path)).outputs()[0]
    kind, code, message = told["ending"]
    if way in ("raise", "exit", "recurse"):
        assert (kind, code) == ENDINGS[way][:2]
    elif way == "hang":
        assert kind == code == "DeadlineExceededError"
    else:
        assert (kind, code) == (SYSTEM, "WorkerStartError")
        assert f"while it imported {name}" in message
    assert told["neighbour"] == ["7"]
    assert rows_in_cache(home) == 0
