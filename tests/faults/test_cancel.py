"""Row 30: a run that is given up at any turn of the engine's loop ends in order, in the middle of a commit or of a kill as well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from faults.order import Order
from faults.outside import wait_until
from programs import misbehaving

import localflyte as flyte
from localflyte.api.resolve import invocation_for
from localflyte.engine.engine import Engine
from localflyte.running import surroundings
from localflyte.runs.history import list_runs
from localflyte.settings import load_settings
from localflyte.spec.run import RunRequest

STEP = 1  # turns between two places


class CountingLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, which counts its turns and does something at one of them. At every await a turn may end."""

    turn = 0
    at = -1
    act: Callable[[], object] = staticmethod(lambda: None)

    def _run_once(self) -> None:
        self.turn += 1
        if self.turn == self.at:
            self.act()
        super()._run_once()  # type: ignore[misc]

    def plan(self, after: int, act: Callable[[], object]) -> None:
        self.turn, self.at, self.act = 0, after, act


def run_loop(work: Callable[[CountingLoop], Coroutine[Any, Any, None]]) -> None:
    loop = CountingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work(loop))


def request(task: Any, **inputs: Any) -> RunRequest:
    task.forget_code()
    return RunRequest(invocation=invocation_for(task, (), inputs, run=None, root=True), surroundings=surroundings())


class Given:
    """A run, and how to give it up, as the engine's thread does it."""

    def __init__(self, engine: Engine, what: RunRequest) -> None:
        self.order = Order()
        self._engine, self._what = engine, what
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        with self._scope:
            await self._engine.run(self._what, [self.order])
        self.order.check_end()

    def ask(self) -> None:
        self._scope.cancel()

    def kill(self) -> None:
        self._engine.kill(self._what)


async def give_up(loop: CountingLoop, engine: Engine, what: RunRequest, turn: int, patience: int) -> bool:
    """Run something and give it up at one turn of the loop.

    :param patience: turns after which it is killed; 0 for ever
    :return: whether it came to its end before that
    """
    given = Given(engine, what)
    given_up = False

    def act() -> None:
        nonlocal given_up
        given_up = True
        given.ask()
        if patience:
            loop.plan(patience, given.kill)

    loop.plan(turn, act)
    await given.run()
    loop.plan(-1, given.ask)
    return not given_up


def is_level(engine: Engine) -> bool:
    """:return: whether the engine has given back and forgotten everything that its runs had"""
    ledger = engine.gate.ledger
    return (
        not engine._runs
        and not engine.memo._turns._turns
        and abs(ledger.cpu - ledger.total.cpu) < 1e-6
        and ledger.memory == ledger.total.memory
    )


async def settle(engine: Engine) -> None:
    """Wait until the processes of runs that ended are gone, which may be a little later."""
    for _ in range(1000):
        if is_level(engine):
            return
        await asyncio.sleep(0.005)
    assert is_level(engine)


@pytest.mark.parametrize("patience", [0, 2], ids=["once", "twice"])
def test_row_30_at_every_turn_of_a_run_that_calls_stores_and_retries(home: Path, tmp_path: Path, patience: int) -> None:
    async def work(loop: CountingLoop) -> None:
        engine = Engine(load_settings(), lambda *_: ())
        try:
            turn, finished = 1, False
            while not finished:
                path = tmp_path / f"count{turn}"
                what = request(misbehaving.does_everything, path=str(path), salt=turn)
                finished = await give_up(loop, engine, what, turn, patience)
                await settle(engine)
                turn += STEP
            assert turn > 30
            whole = await engine.run(request(misbehaving.does_everything, path=str(tmp_path / "last"), salt=0))
            assert whole.outcome.error is None
        finally:
            await engine.aclose()

    run_loop(work)
    statuses = [str(run.status) for run in list_runs(home)]
    assert statuses.count("succeeded") >= 2
    assert set(statuses) == {"succeeded", "aborted"}


def test_row_30_in_the_middle_of_ending_a_task_that_does_not_want_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.1")
    pids: list[int] = []

    async def work(loop: CountingLoop) -> None:
        engine = Engine(load_settings(), lambda *_: ())
        try:
            for turn in range(1, 20, 3):
                path = tmp_path / f"pid{turn}"
                given = Given(engine, request(misbehaving.deaf, path=str(path)))
                running = asyncio.ensure_future(given.run())
                while not (path.exists() and path.stat().st_size):
                    await asyncio.sleep(0.005)
                given.ask()
                loop.plan(turn, given.kill if turn % 2 else given.ask)
                await running
                pids.append(int(path.read_text()))
                await settle(engine)
        finally:
            await engine.aclose()

    run_loop(work)
    assert wait_until(lambda: not any(map(psutil.pid_exists, pids)))


@pytest.mark.parametrize("which", ["polite", "deaf"])
def test_row_30_cancelling_an_await_ends_the_child_process(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALFLYTE_GRACE_SECONDS", "0.2")
    path = tmp_path / "pid"
    assert flyte.run(misbehaving.cancels, path=str(path), which=which).outputs()[0] == "cancelled"
    assert not psutil.pid_exists(int(path.read_text()))


def test_row_30_a_child_that_its_parent_forgot_is_ended_with_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    assert flyte.run(misbehaving.forgets, path=str(path)).outputs()[0] == 1
    assert not psutil.pid_exists(int(path.read_text()))
