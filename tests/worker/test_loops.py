"""A coroutine on the late loop ends as it does under asyncio.run, and so does everything that it leaves behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator
from collections.abc import Callable
from collections.abc import Coroutine
from collections.abc import Iterator
from typing import Any

import pytest

from localflyte.worker import loops

Scenario = Callable[[list[str]], Coroutine[Any, Any, Any]]
VARIABLE = contextvars.ContextVar("variable", default="unset")


@pytest.fixture
def late_loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[loops._LateLoop]:
    """A prepared loop, as a child inherits it."""
    monkeypatch.setattr(loops, "_prepared", None)
    loops.prepare()
    loop = loops._prepared
    assert loop is not None
    yield loop
    loop.open()  # else it could not be closed, and Python would say so
    loop.close()
    asyncio.set_event_loop(None)
    gc.collect()


def outcome(run: Callable[[Coroutine[Any, Any, Any]], Any], scenario: Scenario) -> tuple[str, Any, list[str]]:
    notes: list[str] = []
    try:
        return "returned", run(scenario(notes)), notes
    except BaseException as error:
        return type(error).__name__, str(error), notes


async def returns_at_once(notes: list[str]) -> int:
    return 7


async def raises_at_once(notes: list[str]) -> int:
    raise ValueError("at once")


async def raises_later(notes: list[str]) -> int:
    await asyncio.sleep(0)
    raise ValueError("later")


async def exits(notes: list[str]) -> int:
    try:
        sys.exit(3)
    finally:
        notes.append("finally")


async def exits_later(notes: list[str]) -> int:
    try:
        await asyncio.sleep(0)
        sys.exit(3)
    finally:
        notes.append("finally")


async def is_cancelled(notes: list[str]) -> int:
    raise asyncio.CancelledError


async def cancels_itself(notes: list[str]) -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    try:
        await asyncio.sleep(10)
    finally:
        notes.append("finally")


async def knows_its_loop(notes: list[str]) -> list[Any]:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    return [loop.is_running(), loop is asyncio.get_event_loop(), loop.is_closed(), loop.get_debug(), isinstance(loop.time(), float)]


async def gathers(notes: list[str]) -> list[int]:
    async def one(number: int) -> int:
        await asyncio.sleep(0.001 * number)
        return number

    return await asyncio.gather(*[one(number) for number in range(5)])


async def waits_too_long(notes: list[str]) -> str:
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.01)
    except TimeoutError:
        return "timeout"
    return "no timeout"


async def times_out(notes: list[str]) -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(10)


async def groups(notes: list[str]) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise KeyError("one of them")

    async def waits() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            notes.append("the other was cancelled")

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(waits())
            group.create_task(fails())
    except* KeyError as errors:
        notes.append(repr(errors.exceptions))


async def uses_a_thread(notes: list[str]) -> bool:
    return await asyncio.to_thread(threading.get_ident) != threading.get_ident()


async def leaves_a_thread_at_work(notes: list[str]) -> int:
    released = threading.Event()

    def work() -> None:
        released.wait(10)
        notes.append("the thread was waited for")

    asyncio.get_running_loop().run_in_executor(None, work)
    released.set()
    return 1


async def is_called_from_a_thread(notes: list[str]) -> str:
    """A thread calls back during the very first step, before anything of the loop is open."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, "called"))
    thread.start()
    thread.join()
    return str(await future)


async def is_woken_by_a_thread(notes: list[str]) -> str:
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    timer = threading.Timer(0.02, loop.call_soon_threadsafe, (future.set_result, "woken"))
    timer.start()
    return str(await future)


async def submits_from_a_thread(notes: list[str]) -> int:
    loop = asyncio.get_running_loop()

    async def inner() -> int:
        await asyncio.sleep(0)
        return 5

    return await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(inner(), loop).result(10))


async def reads_a_socket(notes: list[str]) -> bytes:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        ready = loop.create_future()
        loop.add_reader(ours, ready.set_result, None)
        theirs.send(b"hello")
        await ready
        loop.remove_reader(ours)
        return await loop.sock_recv(ours, 100)


async def runs_a_subprocess(notes: list[str]) -> tuple[int | None, bytes]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(1 + 1)", stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return process.returncode, out


async def opens_a_server(notes: list[str]) -> bytes:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"echo\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def handles_a_signal(notes: list[str]) -> str:
    loop = asyncio.get_running_loop()
    got = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, got.set_result, "got it")
    os.kill(os.getpid(), signal.SIGUSR1)
    try:
        return str(await got)
    finally:
        loop.remove_signal_handler(signal.SIGUSR1)


async def numbers(notes: list[str]) -> AsyncIterator[int]:
    try:
        yield 1
        yield 2
    finally:
        notes.append("generator closed")


async def leaves_a_generator_open(notes: list[str]) -> int:
    leaves_a_generator_open.kept = generator = numbers(notes)  # type: ignore[attr-defined]
    async for number in generator:
        return number
    return 0


async def leaves_a_task(notes: list[str]) -> int:
    async def background() -> None:
        notes.append("background began")
        try:
            await asyncio.sleep(10)
        finally:
            notes.append("background cancelled")

    asyncio.get_running_loop().set_debug(False)
    leaves_a_task.kept = asyncio.create_task(background())  # type: ignore[attr-defined]
    return 1


async def leaves_a_task_later(notes: list[str]) -> int:
    value = await leaves_a_task(notes)
    await asyncio.sleep(0)
    return value


async def leaves_a_callback(notes: list[str]) -> int:
    asyncio.get_running_loop().call_soon(notes.append, "called back")
    return 1


async def leaves_a_timer(notes: list[str]) -> int:
    asyncio.get_running_loop().call_later(10, notes.append, "must not happen")
    return 1


async def fails_beside_a_task(notes: list[str]) -> int:
    await leaves_a_task(notes)
    raise ValueError("beside a task")


async def exits_beside_a_task(notes: list[str]) -> int:
    await leaves_a_task(notes)
    await asyncio.sleep(0)
    sys.exit(4)


async def sees_its_context(notes: list[str]) -> list[str]:
    async def child() -> str:
        return VARIABLE.get()

    before = VARIABLE.get()
    VARIABLE.set("inside")
    return [before, await asyncio.create_task(child())]


async def locks_and_queues(notes: list[str]) -> list[int]:
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    lock = asyncio.Lock()

    async def produce() -> None:
        for number in range(3):
            async with lock:
                await queue.put(number)

    task = asyncio.create_task(produce())
    found = [await queue.get() for _ in range(3)]
    await task
    return found


async def runs_a_loop_in_a_thread(notes: list[str]) -> int:
    async def inner() -> int:
        await asyncio.sleep(0)
        return 4

    return await asyncio.to_thread(asyncio.run, inner())


async def nests_run(notes: list[str]) -> str:
    async def inner() -> None:
        return None

    coroutine = inner()
    try:
        asyncio.run(coroutine)
    except RuntimeError as error:
        return str(error)
    finally:
        coroutine.close()
    return "nested"


SCENARIOS: tuple[Scenario, ...] = (
    returns_at_once,
    raises_at_once,
    raises_later,
    exits,
    exits_later,
    is_cancelled,
    cancels_itself,
    knows_its_loop,
    gathers,
    waits_too_long,
    times_out,
    groups,
    uses_a_thread,
    leaves_a_thread_at_work,
    is_called_from_a_thread,
    is_woken_by_a_thread,
    submits_from_a_thread,
    reads_a_socket,
    runs_a_subprocess,
    opens_a_server,
    handles_a_signal,
    leaves_a_generator_open,
    leaves_a_task,
    leaves_a_task_later,
    leaves_a_callback,
    leaves_a_timer,
    fails_beside_a_task,
    exits_beside_a_task,
    sees_its_context,
    locks_and_queues,
    runs_a_loop_in_a_thread,
    nests_run,
)


@pytest.mark.usefixtures("late_loop")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_coroutine_ends_as_under_asyncio_run(scenario: Scenario) -> None:
    ours = outcome(loops.run_to_end, scenario)
    assert ours == outcome(asyncio.run, scenario)


def test_what_ends_in_its_first_step_opens_nothing(late_loop: loops._LateLoop) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert loops.run_to_end(returns_at_once([])) == 7
    assert not late_loop.opened
    assert before == (len(os.listdir("/proc/self/fd")) if before else 0)


def test_a_loop_is_opened_once_by_many_threads(late_loop: loops._LateLoop) -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        called: list[int] = []
        threads = [threading.Thread(target=loop.call_soon_threadsafe, args=(called.append, number)) for number in range(8)]
        for thread in threads:
            thread.start()
        while len(called) < len(threads):
            await asyncio.sleep(0)
        return len(called)

    assert loops.run_to_end(main()) == 8
    assert late_loop.opened


def test_an_unknown_attribute_is_the_usual_error(late_loop: loops._LateLoop) -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = late_loop.nonsense
    assert not late_loop.opened


def test_a_program_with_a_policy_of_its_own_gets_a_loop_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Policy(asyncio.DefaultEventLoopPolicy):
        made: list[asyncio.AbstractEventLoop] = []

        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            self.made.append(super().new_event_loop())
            return self.made[-1]

    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    monkeypatch.setattr(loops, "_prepared", None)
    asyncio.set_event_loop_policy(Policy())
    try:
        loops.prepare()
        assert loops.run_to_end(main()) is Policy.made[-1]
    finally:
        asyncio.set_event_loop_policy(None)


@pytest.mark.usefixtures("late_loop")
def test_a_sync_task_can_use_asyncio_run() -> None:
    assert asyncio.run(gathers([])) == [0, 1, 2, 3, 4]
