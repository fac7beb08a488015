"""With serialize=True identical calls take turns, within an engine and between engines; a holder that dies holds nobody up."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from localflyte.errors import RuntimeUserError
from localflyte.store.lock import take_lock
from localflyte.store.turns import Turns

SAID: list[str] = []


@dataclass(eq=False)
class Call:
    task: str = "env.task"
    caller: Call | None = None


@pytest.fixture
def turns(tmp_path: Path) -> Turns:
    SAID.clear()
    return Turns(str(tmp_path / "turns"), 3600.0)


@asynccontextmanager
async def turn(turns: Turns, number: int, call: Call | None = None) -> AsyncIterator[None]:
    async with turns.turn(f"{number:064x}", call or Call(), SAID.append):
        yield


def test_identical_calls_take_turns_and_others_do_not_wait(turns: Turns) -> None:
    order: list[str] = []

    async def one(name: str, number: int) -> None:
        async with turn(turns, number):
            order.append(f"{name} in")
            await anyio.wait_all_tasks_blocked()
            order.append(f"{name} out")

    async def work() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one, "a", 1)
            tasks.start_soon(one, "b", 1)
            tasks.start_soon(one, "c", 2)

    anyio.run(work)
    assert order.index("a out") < order.index("b in")
    assert order.index("c in") < order.index("a out")
    assert turns._turns == {}


def test_one_that_gives_up_its_turn_holds_nobody_up(turns: Turns, tmp_path: Path) -> None:
    async def wait() -> None:
        async with turn(turns, 1):
            raise AssertionError("it was cancelled before")

    async def work() -> None:
        async with turn(turns, 1), anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        with pytest.raises(ValueError, match="failed"):
            async with turn(turns, 1):
                raise ValueError("failed")
        async with turn(turns, 1):
            pass

    anyio.run(work)
    assert turns._turns == {}
    assert os.listdir(tmp_path / "turns") == []


def test_a_call_that_would_wait_for_itself_is_refused(turns: Turns) -> None:
    async def work() -> None:
        root = Call("env.root")
        middle = Call("env.middle", root)
        async with turn(turns, 1, root), turn(turns, 2, middle):
            with pytest.raises(RuntimeUserError, match="env.again .* would wait for itself: env.root -> env.middle -> env.again"):
                async with turn(turns, 1, Call("env.again", middle)):
                    pass

    anyio.run(work)
    assert turns._turns == {}


def test_two_calls_that_would_wait_for_each_other_are_refused(turns: Turns) -> None:
    async def work() -> None:
        left, right = Call("env.left"), Call("env.right")

        async def waits() -> None:
            async with turn(turns, 2, Call("env.right", left)):
                pass

        async with turn(turns, 1, left), anyio.create_task_group() as tasks:
            async with turn(turns, 2, right):
                tasks.start_soon(waits)
                await anyio.wait_all_tasks_blocked()
                with pytest.raises(RuntimeUserError, match="env.right -> env.left; env.left runs already, and waits for env.right"):
                    async with turn(turns, 1, Call("env.left", right)):
                        pass

    anyio.run(work)
    assert turns._turns == {}
    assert turns._held_up == {}


HOLDER = "import sys; from localflyte.store.lock import take_lock; held = take_lock(sys.argv[1]); print(bool(held), flush=True); input()"


def test_the_next_takes_over_when_a_holder_in_another_process_is_killed(turns: Turns, tmp_path: Path) -> None:
    path = str(tmp_path / "turns" / f"{1:064x}")
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        has_it: list[bool] = []

        async def wait() -> None:
            async with turn(turns, 1):
                has_it.append(holder.poll() is not None)

        async def work() -> None:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait)
                await anyio.sleep(0.02)  # a few looks at the lock
                assert has_it == []
                holder.kill()
                holder.wait()

        anyio.run(work)
        assert has_it == [True]
        assert SAID == []


def test_who_has_waited_long_enough_computes_it_too(tmp_path: Path) -> None:
    SAID.clear()
    turns = Turns(str(tmp_path / "turns"), 0.0)
    lock = take_lock(str(tmp_path / "turns" / f"{1:064x}"))
    assert lock is not None
    lock.write(b"process 7, task env.other")

    async def work() -> None:
        async with turn(turns, 1):
            pass

    anyio.run(work)
    lock.release()
    assert len(SAID) == 1
    assert "waited 0 s for process 7, task env.other" in SAID[0]


def test_without_locks_a_turn_holds_within_the_process(tmp_path: Path) -> None:
    SAID.clear()
    (tmp_path / "turns").write_text("a file where the folder should be")
    turns = Turns(str(tmp_path / "turns"), 3600.0)

    async def work() -> None:
        async with turn(turns, 1):
            pass

    anyio.run(work)
    assert len(SAID) == 1
    assert "within this process only" in SAID[0]
