"""Rows 25 to 27 and 31 to 36: however the engine's process ends or errs, nothing goes on without it and history tells the truth."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from faults.order import Order
from faults.outside import SOON
from faults.outside import Program
from faults.outside import wait_until
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from programs import misbehaving
from programs import trees
from programs.trees import Node

import localflyte as flyte
from localflyte import errors
from localflyte.launch import census
from localflyte.runs.history import list_runs
from localflyte.runs.history import load_run
from localflyte.runs.journal import read_journal
from localflyte.runs.lives import Life
from localflyte.runs.lives import my_life

Start = Callable[..., Program]

HEAD = """
import localflyte as flyte
import asyncio, os, signal, subprocess, sys, time
env = flyte.TaskEnvironment("program")

def here(name):
    open(name, "w").close()
"""
#: cached tasks of every kind of output, one that leaves processes, one that fails once, and a nested call
SMALL = f"""{HEAD}
from localflyte.io import File

@env.task(cache="auto")
def small(x: int) -> int:
    return x * x

@env.task(cache="auto")
def large(x: int) -> bytes:
    return bytes([x]) * 300_000

@env.task(cache="auto")
def file(x: int) -> File:
    path = File.new_remote("note.txt").path
    with open(path, "w") as stream:
        stream.write(str(x) * 1000)
    return File(path=path)

@env.task(retries=1)
def leaves(x: int) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    subprocess.Popen(["sleep", "1000"])
    if not flyte.ctx().attempt_number:
        raise ValueError("once")
    return x

@env.task
async def inner(x: int) -> int:
    return await small.aio(x) + await leaves.aio(x)

@env.task
async def main() -> list[int]:
    told = await inner(2)
    block = await large.aio(3)
    note = await file.aio(4)
    with open(note.path) as stream:
        return [told, len(block), sum(block), len(stream.read())]

class Kill:
    "Kills the engine at one event, before anything else has seen it."
    never_blocks = True

    def __init__(self, at):
        self.at = at
        self.seen = 0

    def __call__(self, event):
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
"""
RIGHT = [6, 300_000, 900_000, 1000]
AT_EVENT = f"""{SMALL}
if __name__ == "__main__":
    kill = Kill(int(sys.argv[1]))
    value = flyte.with_runcontext(name=sys.argv[2], sinks=[kill]).run(main).outputs()[0]
    print(kill.seen, value, sep=";")
"""


def stored(home: Path, name: str) -> set[str]:
    """:return: the keys that a run's journal says were stored"""
    try:
        return {event.data["key"] for event in read_journal(str(home / "runs" / name)).events if event.kind == "action.stored"}
    except OSError:
        return set()


def hits(home: Path, name: str) -> set[str]:
    return {event.data["key"] for event in read_journal(str(home / "runs" / name)).events if event.kind == "action.hit"}


def result(program: Program) -> tuple[int, list[int]]:
    count, _, value = program.out.strip().partition(";")
    return int(count), json.loads(value)


# -- 25: kill -9 ---------------------------------------------------------------------------------------------------------


def test_row_25_kill_9_at_every_event_leaves_nothing_alive_and_nothing_untrue(start: Start) -> None:
    whole = start(AT_EVENT, "program.py", "-1", "whole")
    assert whole.finish() == 0, whole.err
    count, value = result(whole)
    assert value == RIGHT
    assert count > 30

    def killed_at(program: Program, place: int) -> str:
        assert program.finish() == -signal.SIGKILL
        if left := program.left_after():
            return f"event {place}: left {left}"
        (run,) = list_runs(program.home)
        return "" if run.status == "lost" else f"event {place}: {run.status}"

    def rerun(program: Program, first: Program) -> str:
        program.finish()
        if result(program)[1] != RIGHT:
            return f"wrong: {program.out} {program.err}"
        missed = stored(first.home, "first") - hits(first.home, "again")
        return f"finished and not a hit: {missed}" if missed else ""

    def one(place: int) -> str:
        program = start(AT_EVENT, "program.py", str(place), "first")
        wrong = killed_at(program, place)
        if wrong or place % 3:  # what a rerun finds is the subject of the next row, where each write counts
            return wrong
        again = start(AT_EVENT, "program.py", "-1", "again", env={"LOCALFLYTE_HOME": str(program.home)})
        return rerun(again, program)

    with ThreadPoolExecutor(2) as pool:
        assert [wrong for wrong in pool.map(one, range(1, count + 1)) if wrong] == []


# -- 26: between two writes ----------------------------------------------------------------------------------------------

#: what stores and tells: the engine is killed before, in the middle of, or after the n-th of these
AT_WRITE = f"""{SMALL}
@env.task
async def stores() -> list[int]:
    return [len(await large.aio(3)), await small.aio(2), os.path.getsize((await file.aio(4)).path)]

def armed(at, how):
    "Count every step that is to last, and kill this process at one."
    seen = 0

    def counted(function, torn=None, counts=lambda *_: True):
        def step(*args, **kwargs):
            nonlocal seen
            if not counts(*args):
                return function(*args, **kwargs)
            seen += 1
            mine = seen == at
            if mine and how == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            if mine and how == "torn" and torn is not None:
                torn(*args)
                os.kill(os.getpid(), signal.SIGKILL)
            value = function(*args, **kwargs)
            if mine and how == "after":
                os.kill(os.getpid(), signal.SIGKILL)
            return value
        return step

    from localflyte.runs import journal
    from localflyte.store import blobs
    from localflyte.store import index

    def half(descriptor, data):
        os.write(descriptor, bytes(data)[:len(data) // 2])

    class Os:
        replace = staticmethod(counted(os.replace))
        write = staticmethod(counted(os.write, half, lambda _, data: b"action.stored" in bytes(data)))

        def __getattr__(self, name):
            return getattr(os, name)

    blobs.os = journal.os = Os()
    index.Index.set = counted(index.Index.set)
    return lambda: seen

if __name__ == "__main__":
    seen = armed(int(sys.argv[1]), sys.argv[3])
    value = flyte.with_runcontext(name=sys.argv[2], sinks=[lambda _: None]).run(stores).outputs()[0]
    print(seen(), value, sep=";")
"""
STORED = [300_000, 4, 1000]


@pytest.mark.parametrize("how", ["torn", "after"])  # before one is after the one before
def test_row_26_killed_between_two_writes_a_lookup_is_a_miss_or_a_hit_and_never_half(start: Start, how: str) -> None:
    whole = start(AT_WRITE, "program.py", "-1", "whole", "-")
    assert whole.finish() == 0, whole.err
    count, value = result(whole)
    assert value == STORED
    assert count >= 7  # a blob for each of two, a row for each of three, and the journal's word for it

    def one(place: int) -> str:
        program = start(AT_WRITE, "program.py", str(place), "first", how)
        code = program.finish()
        if code != -signal.SIGKILL and code != 0:  # how many writes share one flush is a matter of time
            return f"write {place}: {code} {program.err}"
        if left := program.left_after():
            return f"write {place}: left {left}"
        load_run(program.home, "first")
        again = start(AT_WRITE, "program.py", "-1", "again", "-", env={"LOCALFLYTE_HOME": str(program.home)})
        again.finish()
        if result(again)[1] != STORED:
            return f"write {place}: {again.out} {again.err}"
        missed = stored(program.home, "first") - hits(program.home, "again")
        return f"write {place}: told and not a hit: {missed}" if missed else ""

    with ThreadPoolExecutor(2) as pool:
        assert [wrong for wrong in pool.map(one, range(1, count + 1)) if wrong] == []


# -- 27: what a killed engine has left -----------------------------------------------------------------------------------

LINGERS = f"""{HEAD}
@env.task
def lingers() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(["sleep", "1000"], start_new_session=True)
    here("lingers")
    while not os.path.exists("go"):
        time.sleep(0.01)
    return 7

if __name__ == "__main__":
    print(flyte.run(lingers).outputs()[0])
"""


def test_row_27_the_next_start_ends_what_a_killed_engine_left_and_touches_no_other_engine(start: Start) -> None:
    """The engine's fork server is stopped, so that it cannot see its engine go, and then killed, so that it cannot clean up."""
    live = start(LINGERS)
    live.wait_for("lingers")
    dead = start(LINGERS, env={"LOCALFLYTE_HOME": str(live.home)})
    dead.wait_for("lingers")
    (server,) = psutil.Process(dead.process.pid).children()
    server.suspend()
    dead.process.kill()
    dead.process.wait()
    server.kill()
    assert wait_until(lambda: dead.names() == ["sleep"])  # what hangs on the lifeline ends by itself, in its own time
    alive = live.family()
    done = start(LINGERS, env={"LOCALFLYTE_HOME": str(live.home)})
    (done.folder / "go").touch()
    assert done.finish() == 0, done.err
    assert dead.left_after() == []
    assert live.family() == alive
    assert sorted(str(run.status) for run in list_runs(live.home)) == ["lost", "running", "succeeded"]
    (live.folder / "go").touch()
    assert live.finish() == 0
    assert live.out == "7\n"
    assert os.listdir(live.home / "engines") == []


def test_row_27_a_stopped_fork_server_and_its_children_are_ended_at_the_next_start(start: Start) -> None:
    dead = start(LINGERS)
    dead.wait_for("lingers")
    (server,) = psutil.Process(dead.process.pid).children()
    server.suspend()
    dead.process.kill()
    dead.process.wait()
    assert server.pid in dead.family()
    done = start(LINGERS, env={"LOCALFLYTE_HOME": str(dead.home)})
    (done.folder / "go").touch()
    assert done.finish() == 0, done.err
    assert dead.left_after() == []


def test_row_27_what_was_never_finished_writing_is_removed_when_it_is_old(tmp_path: Path) -> None:
    drafts = tmp_path / "store" / "blobs" / "new"
    drafts.mkdir(parents=True)
    for name, age in (("old", 2 * census.DRAFT_SECONDS), ("fresh", 0.0)):
        (drafts / name).touch()
        os.utime(drafts / name, (time.time() - age,) * 2)
    folder = tmp_path / "engines"
    folder.mkdir()
    (folder / f"{2**22 + 1}.{my_life().born}").touch()
    assert census.sweep(str(tmp_path)) == []
    assert os.listdir(drafts) == ["fresh"]
    assert os.listdir(folder) == []


def test_row_27_entries_that_mean_nothing_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "engines"
    folder.mkdir()
    names = {"README", "1.2", f"{my_life()}"}
    for name in names:
        (folder / name).touch()
    assert census.sweep(str(tmp_path)) == []
    assert set(os.listdir(folder)) == names


# -- 20: a number that belongs to somebody else by now -------------------------------------------------------------------


def test_row_20_a_sweep_ends_nobody_who_only_has_the_number_of_a_killed_engines_process(tmp_path: Path) -> None:
    """Those below have a mark that is not the dead engine's: that of an engine of the same number with another start."""
    import subprocess

    me = my_life()
    dead, other = Life(me.pid, f"{me.born}1"), Life(me.pid, f"{me.born}2")
    folder = tmp_path / "engines"
    folder.mkdir()
    (folder / str(dead)).touch()
    theirs = subprocess.Popen(["sleep", "1000"], env={**os.environ, census.MARK: str(other)})
    ours = subprocess.Popen(["sleep", "1000"], env={**os.environ, census.MARK: str(dead)})
    try:
        assert census.sweep(str(tmp_path)) == [ours.pid]
        assert ours.wait(SOON) == -signal.SIGKILL
        assert theirs.poll() is None
    finally:
        for process in (theirs, ours):
            process.kill()
            process.wait()


def test_row_20_a_signal_for_a_process_that_is_gone_reaches_nobody_who_has_its_number_now(tmp_path: Path) -> None:
    """The numbers of processes are made to begin again where the task's was."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last, os.W_OK):
        pytest.skip("choosing the number of a new process needs root on Linux")
    children: list[Any] = []

    class Keep:
        never_blocks = True

        def __call__(self, event: Any) -> None:
            if event.kind == "attempt.started":
                children.extend(engine_thread()._engine._runs[event.run].children)

    assert flyte.with_runcontext(sinks=[Keep()]).run(misbehaving.fine, x=1).outputs()[0] == 2
    (child,) = children
    wait_until(lambda: child.exit is not None)
    stranger = take_number(child.pid, last)
    if stranger is None:
        pytest.skip("the number was taken by somebody else first")
    try:
        engine_thread()._loop.call_soon_threadsafe(child.signal, signal.SIGKILL)
        assert flyte.run(misbehaving.fine, x=2).outputs()[0] == 3  # by now the fork server has read the message
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def engine_thread() -> Any:
    from localflyte.engine import thread

    return thread._engine


def take_number(pid: int, last: Path) -> Any:
    import subprocess

    for _ in range(20):
        last.write_text(str(pid - 1))
        process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
    return None


# -- 31: a sink that fails -----------------------------------------------------------------------------------------------


def test_row_31_a_sink_that_raises_is_told_of_once_and_set_aside() -> None:
    told: list[str] = []

    def broken(_: Any) -> None:
        raise OSError("no space left")

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    assert flyte.with_runcontext(sinks=[broken, listens]).run(misbehaving.fine, x=1).outputs()[0] == 2
    assert told == ["broken failed and is set aside for this run: OSError: no space left"]


@pytest.mark.parametrize("method", ["flush", "close"])
def test_row_31_one_that_fails_when_it_is_flushed_or_closed(method: str, capfd: pytest.CaptureFixture[str]) -> None:
    class Sink:
        def __call__(self, _: Any) -> None:
            """Take it."""

    def fail(_: Any) -> None:
        raise ValueError("not today")

    setattr(Sink, method, fail)
    assert flyte.with_runcontext(sinks=[Sink()]).run(misbehaving.fine, x=1).outputs()[0] == 2
    assert method == "flush" or "not today" in capfd.readouterr().err


def test_row_31_a_sink_that_hangs_holds_up_neither_tasks_nor_time_bounds(capfd: pytest.CaptureFixture[str]) -> None:
    let_go = threading.Event()

    def hangs(_: Any) -> None:
        let_go.wait(SOON)

    try:
        assert flyte.with_runcontext(sinks=[hangs]).run(misbehaving.fine, x=1).outputs()[0] == 2
        assert "hangs is set aside: it takes nothing any more" in capfd.readouterr().err
    finally:
        let_go.set()


def test_row_31_a_slow_sink_is_told_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def slow(event: Any) -> None:
        time.sleep(0.01)
        seen.append(event.kind)

    assert flyte.with_runcontext(sinks=[slow]).run(misbehaving.goes_down, depth=5).outputs()[0] == 5
    assert seen[0] == "run.started"
    assert seen[-1] == "run.finished"
    assert seen.count("action.finished") == 6


PRINTS = f"""{HEAD}
@env.task
def main() -> int:
    for _ in range(3000):
        print("x" * 1000)
    here("printed")
    return 1

if __name__ == "__main__":
    flyte.run(main)
"""


def test_row_31_whoever_reads_slowly_holds_up_no_task_and_reads_everything(start: Start) -> None:
    program = start(PRINTS)
    program.wait_for("printed")  # although nobody has read a byte: far more than a pipe takes
    assert program.process.poll() is None
    assert program.finish() == 0
    assert program.out == ("x" * 1000 + "\n") * 3000


# -- 32: the history -----------------------------------------------------------------------------------------------------


FULL = f"""{HEAD}
import resource

@env.task
def main() -> int:
    return 7

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
    print(flyte.run(main).outputs()[0])
"""


def test_row_32_without_room_for_its_history_a_run_goes_on_and_says_so(start: Start) -> None:
    program = start(FULL)
    assert program.finish() == 0, program.err
    assert program.out == "7\n"
    assert "journal" in program.err
    assert "cannot be written (File too large); the run goes on" in program.err


# -- 33: clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_row_33_a_clock_that_is_set_changes_no_bound_and_no_duration(jump: float, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = time.time
    jumped = [0.0]
    monkeypatch.setattr(time, "time", lambda: clock() + jumped[0])

    class Sink:
        never_blocks = True

        def __call__(self, event: Any) -> None:
            if event.kind == "attempt.started":
                jumped[0] = jump

    task = misbehaving.fine.override(timeout=flyte.Timeout(max_runtime=60, max_queued_time=60, deadline=60))
    assert flyte.with_runcontext(name="jump", sinks=[Sink()]).run(task, x=1).outputs()[0] == 2
    record = load_run(home, "jump")
    durations = [record.seconds, *(action.seconds for action in record.actions.values())]
    assert all(seconds is not None and 0 <= seconds < 60 for seconds in durations)


# -- 34: a fault of our own ----------------------------------------------------------------------------------------------

#: a stage of the engine, each the name of a function that raises there
STAGES = {
    "admission": "localflyte.engine.gate:Gate.admit",
    "refusal": "localflyte.engine.gate:Gate.refusal",
    "key": "localflyte.store.memo:Memo.key_at_once",
    "launch": "localflyte.launch.servers:Servers.take",
    "request": "localflyte.engine.attempt:Attempt._request",
    "verdict": "localflyte.engine.attempt:judge",
    "naming": "localflyte.engine.runstate:RunState.name_action",
    "output": "localflyte.launch.streams:Streams._read",
    "exit": "localflyte.launch.child:Child.ended",
}
BREAKS = f"""{HEAD}
import importlib, inspect

@env.task(cache="auto")
async def patient() -> int:
    here("patient")
    await asyncio.sleep(1000)
    return 1

@env.task(cache="auto")
def other(x: int) -> int:
    print("something")
    return x

@env.task
async def main() -> int:
    first = asyncio.ensure_future(patient())
    while not os.path.exists("patient"):
        await asyncio.sleep(0.01)
    return await other.aio(1) + await first

def plant(where):
    "Make a function of the engine raise once the patient task is at work."
    module, _, path = where.partition(":")
    owner = importlib.import_module(module)
    *above, name = path.split(".")
    for part in above:
        owner = getattr(owner, part)
    real = getattr(owner, name)

    def broken(*args, **kwargs):
        if os.path.exists("patient"):
            raise AssertionError("planted")
        return real(*args, **kwargs)

    async def broken_later(*args, **kwargs):
        return await broken(*args, **kwargs)

    setattr(owner, name, broken_later if inspect.iscoroutinefunction(real) else broken)
"""
PLANTED = f"""{BREAKS}
if __name__ == "__main__":
    plant(sys.argv[1])
    flyte.run(main)
"""


@pytest.mark.parametrize("stage", STAGES)
def test_row_34_a_fault_of_localflyte_ends_the_run_with_a_file_to_report(start: Start, stage: str) -> None:
    program = start(PLANTED, "program.py", STAGES[stage], env={"LOCALFLYTE_GRACE_SECONDS": "0.5"})
    assert program.finish() == 1
    assert "InternalError" in program.err or "localflyte itself failed, not the task: AssertionError: planted" in program.err
    (run,) = list_runs(program.home)
    assert run.status == "failed"
    report = program.home / "runs" / run.name / "internal-error.txt"
    assert "AssertionError: planted" in report.read_text()
    assert '"kind":"run.started"' in report.read_text()
    assert program.left_after() == []


def test_row_34_the_command_ends_with_70_and_names_the_file(start: Start) -> None:
    text = f"{BREAKS}\nif __name__ != '__main__' and 'localflyte.cli' in sys.modules:\n    plant({STAGES['verdict']!r})\n"
    program = start(text, "-m", "localflyte", "run", "program.py", "main", env={"LOCALFLYTE_GRACE_SECONDS": "0.5"})
    assert program.finish() == 70
    match = re.search(r"with the file (\S+)\.", program.err)
    assert match is not None, program.err
    assert Path(match[1]).exists()
    assert program.left_after() == []


# -- 36: the order of events ---------------------------------------------------------------------------------------------


@pytest.fixture
def ordered() -> Iterator[Order]:
    order = Order()
    yield order
    order.check_end()


@pytest.mark.parametrize(
    ("task", "inputs"),
    [
        (misbehaving.fine, {"x": 1}),
        (misbehaving.raises, {"kind": "plain"}),
        (misbehaving.raises.override(retries=3), {"kind": "plain"}),
        (misbehaving.ends.override(retries=1), {"how": "segv"}),
        (misbehaving.ends, {"how": "kill"}),
        (misbehaving.goes_down, {"depth": 5}),
        (misbehaving.recurses, {"n": 90}),
        (misbehaving.leaves_grandchild, {}),
        (misbehaving.returns_wrong, {}),
        (misbehaving.floods, {"megabytes": 1}),
        (misbehaving.fine.override(max_inline_io_bytes=0), {"x": 1}),
        (misbehaving.fine.override(cache="auto"), {"x": 1}),
    ],
)
def test_row_36_events_come_in_the_one_legal_order(ordered: Order, task: Any, inputs: dict[str, Any], home: Path) -> None:
    for _ in range(2):  # the second time it may be a hit
        try:
            flyte.with_runcontext(sinks=[ordered]).run(task, **inputs)
        except errors.BaseRuntimeError:
            continue


nodes = st.recursive(
    st.builds(Node, how=st.sampled_from(["return", "raise", "exit", "kill", "forget"]), cached=st.booleans(), retries=st.integers(0, 2)),
    lambda below: st.builds(
        Node,
        how=st.sampled_from(["return", "raise", "kill"]),
        together=st.booleans(),
        cached=st.booleans(),
        retries=st.integers(0, 1),
        below=st.lists(below, min_size=1, max_size=3),
    ),
    max_leaves=6,
)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(node=nodes)
def test_row_36_whatever_tree_of_calls_ends_in_whatever_way(node: Node, home: Path) -> None:
    order = Order()
    with suppress(errors.BaseRuntimeError):
        flyte.with_runcontext(sinks=[order]).run(trees.task(node.plain), plain=trees.flyte_safe(node.plain))
    order.check_end()


def test_row_36_the_order_is_one_that_can_be_broken() -> None:
    """Events that swap places with their neighbours are noticed, so the machine is no rubber stamp."""
    watch: list[Any] = []
    flyte.with_runcontext(sinks=[watch.append], overwrite_cache=True).run(misbehaving.fine.override(cache="auto"), x=3)
    events = [event for event in watch if event.kind not in ("log", "notice")]
    assert [event.kind for event in events] == [
        "run.started", "action.queued", "action.miss", "attempt.started", "attempt.ended", "action.stored",
        "action.finished", "run.finished",
    ]  # fmt: skip
    for place in range(len(events) - 1):
        order = Order()
        for event in (*events[:place], events[place + 1], events[place], *events[place + 2 :]):
            order(event)
        assert order.wrong


def test_row_36_also_when_a_run_is_given_up(ordered: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")

    async def give_up() -> None:
        runner = flyte.with_runcontext(sinks=[ordered])
        running = asyncio.ensure_future(runner.run.aio(misbehaving.cancels, path=str(tmp_path / "pid"), which="deaf"))
        while not (tmp_path / "pid").exists():
            await asyncio.sleep(0.005)
        running.cancel()
        await asyncio.wait((running,))

    asyncio.run(give_up())
