"""Rows 6 to 8 and 17 to 24: tasks over their bounds, fork servers that die, hang or cannot fork, and calls without end."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil
import pytest
from faults.outside import wait_until
from programs import cached
from programs import limits
from programs import misbehaving
from programs import processes
from programs import queued

import localflyte as flyte
from localflyte import errors
from localflyte.engine.thread import close_engine
from localflyte.errors import MaxRuntimeExceededError
from localflyte.errors import OOMError
from localflyte.errors import TaskTimeoutError
from localflyte.launch.ground import find_ground

ROOT = Path(__file__).resolve().parents[2]
END_WITHIN = 5.0  # seconds for a process that was killed
IDLE = 2  # children that may or may not be there ahead of demand, with three descriptors each
WALLS = ["sampler", *(["cgroup"] if find_ground()[0] is not None else [])]


def run(task: Any, **inputs: Any) -> Any:
    return flyte.run(task, **inputs).outputs()[0]


def notices_of(task: Any, **inputs: Any) -> tuple[Any, list[str]]:
    """:return: the result, and what the run was told"""
    told: list[str] = []

    def listens(event: Any) -> None:
        if event.kind == "notice":
            told.append(event.data["text"])

    return flyte.with_runcontext(sinks=[listens]).run(task, **inputs).outputs()[0], told


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def load(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Any:
    """:return: a module of that text"""
    (folder / "written.py").write_text(dedent(text))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "written", raising=False)
    importlib.invalidate_caches()
    return importlib.import_module("written")


# -- 6: it runs past its time --------------------------------------------------------------------------------------------


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.3")


def test_row_06_a_runtime_ends_the_whole_tree_whatever_it_ignores(tmp_path: Path, short_grace: None) -> None:
    note = tmp_path / "pids"
    with pytest.raises(MaxRuntimeExceededError, match=r"ran longer than its max_runtime of 1 s and was ended\. Raise it with") as caught:
        flyte.run(limits.ignores_every_signal, str(note))
    assert isinstance(caught.value, TaskTimeoutError)
    close_engine()  # its server sweeps what escaped a task soon after it, and at its own end at the latest
    assert all(gone(int(pid)) for pid in note.read_text().split())


def test_row_06_a_runtime_ends_code_that_never_lets_go_of_the_interpreter(short_grace: None) -> None:
    with pytest.raises(MaxRuntimeExceededError):
        flyte.run(limits.holds_the_gil)


# -- 7, 8: it takes more memory than it declared -------------------------------------------------------------------------


@pytest.fixture(params=WALLS)
def wall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both walls where this machine has both; the sampler everywhere."""
    monkeypatch.setenv("LOCALFLYTE_MEMORY_WALL", request.param)
    return str(request.param)


def test_row_07_more_than_declared_is_killed_and_told(wall: str) -> None:
    with pytest.raises(OOMError) as caught:
        flyte.run(limits.over, 320)
    text = str(caught.value)
    assert caught.value.code == "OOMKilled"
    assert "limits.over went over its memory limit of 128Mi" in text
    assert "What was seen: " in text
    assert 'Change memory="128Mi" to at least memory="' in text
    assert f"{limits.__file__}:" in text


def test_row_07_a_grandchild_counts_and_goes_too(wall: str, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(OOMError):
        flyte.run(limits.over_in_a_grandchild, str(note))
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(note.read_text())).wait(END_WITHIN)  # it is killed with its group, and takes a moment to end


def test_row_07_a_neighbour_is_unharmed(wall: str) -> None:
    assert flyte.run(limits.beside_one_that_is_over).outputs() == (["OOMError", "unharmed"],)


def test_row_08_one_that_the_kernel_kills_for_its_memory_is_told_so_though_no_sampler_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    ground, reasons = find_ground()
    if ground is None:
        pytest.skip(f"no control groups can be made here: {'; '.join(reasons)}")
    monkeypatch.setenv("LOCALFLYTE_MEMORY_WALL", "cgroup")
    monkeypatch.setenv("LOCALFLYTE_SAMPLE_SECONDS", "1")
    with pytest.raises(OOMError) as caught:
        run(limits.over_between_two_looks, seconds=1.5, mib=1024)
    assert caught.value.code == "OOMKilled"


# -- 17: its fork server dies or hangs -----------------------------------------------------------------------------------


def test_row_17_a_call_whose_server_dies_finishes() -> None:
    assert run(processes.kills_its_server) > 0


def test_row_17_a_server_that_dies_is_replaced_and_that_is_told() -> None:
    servers, told = notices_of(processes.calls_after_its_server, how="killed")
    # An idle child of the dead server may still have been handed out: it works, and somebody else is its parent by now.
    assert servers[0] not in servers[1:]
    assert told == ["a fork server ended (it was killed by signal 9) and is replaced; what it had started runs on"]


def test_row_17_a_server_that_hangs_is_replaced_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.forkserver.HANG_SECONDS", 0.5)
    servers, told = notices_of(processes.calls_after_its_server, how="stopped")
    assert servers[0] != servers[-1]
    assert told == ["a fork server ended (it did not fork for 0.5 s) and is replaced; what it had started runs on"]


def test_row_17_a_call_that_outlives_its_server_can_be_ended(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with pytest.raises(errors.MaxRuntimeExceededError):
        run(processes.kills_its_server.override(timeout=1), note=str(note))
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(note.read_text())).wait(END_WITHIN)


def test_row_17_a_call_that_outlives_its_server_ends_with_the_engine(tmp_path: Path) -> None:
    """Neither its parent nor a fork server is there to end it when the engine is killed: the kernel does."""
    note = tmp_path / "pid"
    program = f"import localflyte as flyte; from programs import processes; flyte.run(processes.kills_its_server, note={str(note)!r})"
    engine = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT / "tests", env={**os.environ, "PYTHONPATH": str(ROOT)})
    wait_until(note.exists)
    child = psutil.Process(int(note.read_text()))
    engine.kill()
    engine.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        child.wait(END_WITHIN)


def test_row_17_a_server_that_keeps_dying_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localflyte.launch.servers.MAX_RESTARTS", 1)
    for _ in range(2):
        run(processes.kills_its_server)
    result, told = notices_of(misbehaving.fine, x=1)
    assert result == 2
    assert told == [
        "the fork server ended 2 times within a minute, last: it was killed by signal 9. From now on each call imports for itself."
    ]


def test_row_17_a_server_that_died_between_runs_is_replaced() -> None:
    assert run(misbehaving.fine, x=1) == 2
    for child in psutil.Process().children():
        child.kill()
        child.wait(5)
    assert run(misbehaving.fine, x=1) == 2


def test_row_17_dead_servers_leave_no_descriptor_thread_or_zombie() -> None:
    def counts() -> list[int]:
        gc.collect()
        me = psutil.Process()
        return [me.num_fds(), threading.active_count(), len(me.children())]

    run(processes.kills_its_server)
    run(misbehaving.fine, x=1)
    before = [most + spare for most, spare in zip(counts(), (IDLE * 3, 0, 0), strict=True)]
    for _ in range(3):  # a fourth would be done without
        run(processes.kills_its_server)
        run(misbehaving.fine, x=1)
    assert all(now <= most for now, most in zip(counts(), before, strict=True)), (counts(), before)


# -- 18: its fork server has threads -------------------------------------------------------------------------------------


def test_row_18_a_module_that_starts_a_thread_is_never_forked_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(
        tmp_path,
        monkeypatch,
        """
        import threading, time
        import localflyte as flyte
        from localflyte.api.port import in_worker

        env = flyte.TaskEnvironment("written")
        lock = threading.Lock()

        def holds() -> None:
            with lock:
                time.sleep(0.01)

        def background() -> None:
            while True:
                holds()

        if in_worker():
            threading.Thread(target=background, daemon=True).start()

        @env.task
        def takes_the_lock() -> int:
            with lock:
                return threading.active_count()
        """,
    )
    for _ in range(3):
        result, told = notices_of(module.takes_the_lock)
        assert result == 2  # its own thread, and the one that its own import started
    assert all("importing written starts 1 thread(s)" in text for text in told)


# -- 19: a replica that leaks --------------------------------------------------------------------------------------------


def test_row_19_a_replica_that_leaks_is_replaced_when_it_reaches_its_limit(wall: str) -> None:
    pids = run(limits.leaks_often, times=8, mib=40)
    assert len(pids) == 8
    assert 2 <= len(set(pids)) <= 3


# -- 21: it calls itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "chain"),
    [
        (cached.calls_itself, "cached.calls_itself -> cached.calls_itself"),
        (cached.runs_itself, "cached.runs_itself -> cached.runs_itself"),
        (cached.calls_around, "cached.calls_around -> cached.comes_back -> cached.calls_around"),
    ],
    ids=["call", "run", "around"],
)
def test_row_21_a_call_that_would_wait_for_its_own_key_is_refused_with_the_chain(task: Any, chain: str) -> None:
    with pytest.raises(errors.RuntimeUserError, match=f"would wait for itself: {chain}") as caught:
        run(task, x=1)
    assert caught.value.code == "CircularCallError"


def test_row_21_two_calls_that_would_wait_for_each_other_are_refused(tmp_path: Path) -> None:
    done = flyte.with_runcontext(custom_context={"folder": str(tmp_path)}).run(cached.crosswise, x=1).outputs()[0]
    assert "CircularCallError" in done[:2]
    assert any("runs already, and waits for" in text for text in done[2:])


def test_row_21_without_a_key_to_wait_for_a_task_may_call_itself_until_it_is_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_DEPTH", "10")
    with pytest.raises(errors.RuntimeUserError, match="over the limit of 10"):
        run(misbehaving.recurses, n=0)


# -- 22, 23: depth and width ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [1, 50])
def test_row_22_parents_that_wait_give_their_only_core_to_their_children(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CPU", "1")
    monkeypatch.setenv("LOCALFLYTE_DEFAULT_CPU", "1")
    assert run(misbehaving.goes_down, depth=depth) == depth


def test_row_22_trees_of_calls_that_wait_for_all_there_is_come_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_CPU", "1")
    monkeypatch.setenv("LOCALFLYTE_DEFAULT_CPU", "1")
    assert run(misbehaving.branches, depth=5) == 2**6 - 1


@pytest.mark.parametrize(("depth", "passes"), [(9, True), (10, False)])
def test_row_23_depth_eleven_of_ten_is_refused_by_name_of_the_setting(depth: int, passes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_DEPTH", "10")
    if passes:
        assert run(misbehaving.goes_down, depth=depth) == depth
        return
    with pytest.raises(errors.RuntimeUserError, match="is called 11 levels deep, over the limit of 10.*LOCALFLYTE_MAX_DEPTH") as caught:
        run(misbehaving.goes_down, depth=depth)
    assert caught.value.code == "DepthLimitError"


def test_row_23_more_calls_than_may_be_in_flight_are_refused_by_name_of_the_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOCALFLYTE_MAX_IN_FLIGHT", "6")
    refused = flyte.with_runcontext(sinks=[lambda _: None]).run(queued.overflows, str(tmp_path), 7).outputs()[0].splitlines()
    assert len(refused) == 2
    assert all("LOCALFLYTE_MAX_IN_FLIGHT" in text for text in refused)


MORE_BYTES = 24 << 20  # that the engine may keep of a map over a hundred thousand, beside what one over a thousand takes


def test_row_23_a_map_over_a_hundred_thousand_costs_the_engine_its_window(tmp_path: Path) -> None:
    """It is given up after some hundreds: how many are still to come is what must not matter."""

    class Crowd:
        never_blocks = True

        def __init__(self) -> None:
            self.now = self.most = self.peak = 0

        def __call__(self, event: Any) -> None:
            self.now += (event.kind == "action.queued") - (event.kind == "action.finished")
            self.most = max(self.most, self.now)
            if not self.now % 100:
                self.peak = max(self.peak, psutil.Process().memory_info().rss)

    def peak(n: int) -> int:
        crowd = Crowd()
        assert flyte.with_runcontext(sinks=[crowd]).run(misbehaving.maps_some, n=n, some=300).outputs()[0] == 300
        assert crowd.most <= 1001
        return crowd.peak

    peak(1_000)
    small, large = peak(1_000), peak(100_000)
    assert large - small < MORE_BYTES


# -- 24: no process can be started ---------------------------------------------------------------------------------------

REFUSES = """
    import os
    import localflyte as flyte
    from localflyte.api.port import in_worker

    env = flyte.TaskEnvironment("written")

    @env.task(cache="auto")
    def task() -> int:
        return 7

    if in_worker():
        fork, tries = os.fork, [0]

        def refused() -> int:
            tries[0] += 1
            if {when}:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            return fork()

        os.fork = refused
"""


@pytest.mark.parametrize("when", ["tries[0] == 1", "tries[0] == 2", "tries[0] < 6", "tries[0] % 2"])
def test_row_24_a_fork_that_is_refused_for_a_while_is_tried_again(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(tmp_path, monkeypatch, REFUSES.format(when=when))
    result, told = notices_of(module.task)
    assert result == 7
    assert len(told) <= 1
    assert not told or "could not be forked: BlockingIOError" in told[0]


def test_row_24_one_that_is_refused_for_good_fails_as_the_systems_and_nothing_is_cached(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localflyte.launch.forkserver.MAX_REFUSALS", 3)
    module = load(tmp_path, monkeypatch, REFUSES.format(when="True"))
    with pytest.raises(errors.RuntimeSystemError, match="Resource temporarily unavailable") as caught:
        run(module.task)
    assert caught.value.code == "WorkerStartError"
    close_engine()
    (tmp_path / "written.py").write_text(dedent(REFUSES.format(when="False")))
    importlib.invalidate_caches()
    result, _ = notices_of(importlib.reload(module).task)
    assert result == 7


def test_row_24_an_interpreter_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(errors.RuntimeSystemError, match="/no/such/python could not be started") as caught:
        run(misbehaving.fine, x=1)
    assert caught.value.code == "WorkerStartError"


@pytest.mark.parametrize("free", [4, 8, 16])
def test_row_24_an_engine_that_may_open_few_more_files_runs_fewer_at_a_time(free: int) -> None:
    program = f"""
        import asyncio, os, resource
        import localflyte as flyte
        from programs import wide
        async def main():  # in a loop that is there already: what is free is the engine's
            await flyte.run.aio(wide.leaf, x=1)
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (400, hard))
            held = [open("/dev/null") for _ in range(400 - len(os.listdir("/proc/self/fd")) - {free})]
            run = await flyte.run.aio(wide.fans_out, n=60)
            held.clear()
            print(run.outputs()[0])
        asyncio.run(main())
    """
    path = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"{sum(range(60))}\n", done.stderr
