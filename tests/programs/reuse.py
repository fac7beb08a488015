"""Tasks that are served by replicas, and find out what that means for them. Module state is what replicas are for."""

from __future__ import annotations

import asyncio
import atexit
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import localflyte as flyte

alone = flyte.TaskEnvironment("alone", reusable=flyte.ReusePolicy(replicas=1))
pair = flyte.TaskEnvironment("pair", reusable=flyte.ReusePolicy(replicas=(1, 2)))
warm = flyte.TaskEnvironment("warm", reusable=flyte.ReusePolicy(replicas=(2, 2)))
crowd = flyte.TaskEnvironment("crowd", reusable=flyte.ReusePolicy(replicas=1, concurrency=4))
of_a_run = flyte.TaskEnvironment("of_a_run", reusable=flyte.ReusePolicy(replicas=1, scope="run"))
secretive = flyte.TaskEnvironment(
    "secretive", reusable=flyte.ReusePolicy(replicas=1), secrets=flyte.Secret("REUSE_TOKEN", as_env_var="REUSE_TOKEN")
)
plain = flyte.TaskEnvironment("plain")

calls = 0
meeting: set[int] = set()
kept: list[Any] = []


# -- state ----------------------------------------------------------------------------------------------------------


def counted() -> int:
    global calls
    calls += 1
    return calls


@alone.task
def count() -> int:
    return counted()


@alone.task
async def count_async() -> int:
    return counted()


@of_a_run.task
def count_in_run() -> int:
    return counted()


@of_a_run.task
def pid_in_run() -> int:
    return os.getpid()


@plain.task
def count_twice_in_run() -> list[int]:
    return [count_in_run(), count_in_run()]


@alone.task
def pid() -> int:
    return os.getpid()


@warm.task
def pid_of_warm() -> int:
    return os.getpid()


@alone.task
async def loop_id() -> int:
    return id(asyncio.get_running_loop())


async def tick(ticks: list[int]) -> None:
    while True:
        ticks.append(1)
        await asyncio.sleep(0)


@alone.task
async def leaves_a_task_running() -> int:
    ticks: list[int] = []
    kept.append((ticks, asyncio.ensure_future(tick(ticks))))
    await asyncio.sleep(0)
    return len(ticks)


@alone.task
async def what_it_did_meanwhile() -> int:
    await asyncio.sleep(0)
    return len(kept[-1][0])


# -- several at once ------------------------------------------------------------------------------------------------


async def meet(number: int, of: int) -> None:
    """Wait until so many are here."""
    meeting.add(number)
    while len(meeting) < of:
        await asyncio.sleep(0.001)


@crowd.task
async def meets(number: int, of: int) -> list[int]:
    await meet(number, of)
    return [os.getpid(), id(asyncio.get_running_loop())]


@plain.task
async def gathers(of: int) -> list[list[int]]:
    return await asyncio.gather(*(meets(number, of) for number in range(of)))


@crowd.task
async def says_who(number: int, of: int) -> list[str]:
    """What it can know of itself while others are at work in the same process."""
    flyte.report.log(f"<p>{number}</p>")
    before = flyte.ctx().action.name
    await meet(number, of)
    in_thread = await asyncio.to_thread(lambda: flyte.ctx().action.name)
    flyte.report.flush()
    context = flyte.ctx()
    own = flyte.get_custom_context().get("number", "")
    traced = await recorded(number)
    page = flyte.report.current_report().get_final_report()
    return [before, in_thread, context.action.name, own, traced, str(context.attempt_number), page]


@flyte.trace
async def recorded(number: int) -> str:
    await asyncio.sleep(0)
    action = flyte.ctx().task_action
    return action.name if action else ""


@plain.task
async def asks_who(of: int) -> list[list[str]]:
    async def ask(number: int) -> list[str]:
        with flyte.custom_context(number=str(number)):
            return await says_who(number, of)

    return await asyncio.gather(*(ask(number) for number in range(of)))


@crowd.task
async def fails_once(number: int) -> list[int]:
    context = flyte.ctx()
    await asyncio.sleep(0.01)
    if context.attempt_number < number % 2:
        raise ValueError("the first attempt")
    return [number, context.attempt_number]


@plain.task
async def retries_some(of: int) -> list[list[int]]:
    return await asyncio.gather(*(fails_once.override(retries=1)(number) for number in range(of)))


# -- calls of their own ---------------------------------------------------------------------------------------------


@alone.task
def nests(depth: int) -> int:
    return depth if not depth else nests(depth - 1) + 1


@alone.task
async def nests_async(depth: int) -> int:
    return depth if not depth else await nests_async(depth - 1) + 1


@crowd.task
async def nests_in_crowd(depth: int) -> list[int]:
    if not depth:
        return [os.getpid()]
    both = await asyncio.gather(nests_in_crowd(depth - 1), nests_in_crowd(depth - 1))
    return sorted({os.getpid(), *both[0], *both[1]})


@alone.task
def squares(numbers: list[int]) -> list[int]:
    return [number for number in flyte.map(square, numbers) if isinstance(number, int)]


@alone.task
def square(number: int) -> int:
    return number * number


@alone.task
async def leaves_a_call_behind() -> int:
    kept.append(asyncio.ensure_future(endless_plain()))
    await asyncio.sleep(0.05)
    return 1


@alone.task
async def how_that_call_ended() -> str:
    try:
        await kept[-1]
    except BaseException as error:
        return f"{getattr(error, 'code', type(error).__name__)}"
    return "it returned"


@plain.task
async def endless_plain() -> int:
    await asyncio.sleep(1000)
    return 0


@plain.task
def sees_its_calls(n: int) -> list[int]:
    return [count() for _ in range(n)]


# -- ends -----------------------------------------------------------------------------------------------------------


@alone.task
def ends(how: str) -> int:
    match how:
        case "raise":
            raise ValueError("no")
        case "exit":
            sys.exit(3)
        case "_exit":
            os._exit(7)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "wrong":
            return "text"  # type: ignore[return-value]
        case "keyboard":
            raise KeyboardInterrupt
    return 0


@alone.task
async def ends_async(how: str) -> int:
    if how == "exit in a task of its own":
        return await asyncio.ensure_future(exits())
    return ends.forward(how)


async def exits() -> int:
    sys.exit(4)


@crowd.task
async def ends_in_crowd(how: str, number: int) -> int:
    await meet(number, 2)
    if number == 0:
        if how == "exit":
            sys.exit(5)
        os._exit(8)
    await asyncio.sleep(0.2)
    return number


@plain.task
async def together(how: str) -> list[str]:
    ended = await asyncio.gather(ends_in_crowd(how, 0), ends_in_crowd(how, 1), return_exceptions=True)
    return [getattr(each, "code", str(each)) for each in ended]


@alone.task
def sleeps(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@alone.task
async def deaf() -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1000)


@crowd.task
async def waits(number: int, of: int, seconds: float) -> int:
    await meet(number, of)
    await asyncio.sleep(seconds)
    return number


@crowd.task
async def hangs(number: int, of: int) -> int:
    await meet(number, of)
    while True:  # nothing on this loop goes on
        time.sleep(1000)


@plain.task
async def one_is_too_slow(of: int) -> list[str]:
    slow = waits.override(timeout=1)
    ended = await asyncio.gather(slow(0, of, 1000.0), *(waits(number, of, 2.0) for number in range(1, of)), return_exceptions=True)
    return [type(each).__name__ if isinstance(each, BaseException) else str(each) for each in ended]


@plain.task
async def one_hangs(of: int) -> list[str]:
    stuck = hangs.override(timeout=1)
    ended = await asyncio.gather(stuck(0, of), *(waits(number, of, 1000.0) for number in range(1, of)), return_exceptions=True)
    return [getattr(each, "code", str(each)) for each in ended]


@plain.task
async def gives_up() -> list[int]:
    """Cancel a call of a replica, and call it again."""
    first = await count_async()
    task = asyncio.ensure_future(sleeps.aio(1000.0))
    await asyncio.sleep(0.3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return [first, await count_async()]


@plain.task
async def gives_up_in_crowd() -> list[int]:
    others = [asyncio.ensure_future(waits(number, 3, 1.0)) for number in (1, 2)]
    task = asyncio.ensure_future(waits(0, 3, 1000.0))
    await asyncio.sleep(0.5)
    task.cancel()
    return await asyncio.gather(*others)


# -- what a request leaves behind -----------------------------------------------------------------------------------


@alone.task
def drops_processes() -> list[int]:
    dropped = [subprocess.Popen(["sleep", "1000"]).pid, subprocess.Popen(["sleep", "1000"], start_new_session=True).pid]
    return [*dropped, os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "1000")]


@alone.task
def keeps_a_process() -> int:
    kept.append(subprocess.Popen(["sleep", "1000"]))
    return int(kept[-1].pid)


@alone.task
def keeps_a_pool() -> int:
    if not kept:
        kept.append(ProcessPoolExecutor(1))
    return int(kept[-1].submit(os.getpid).result())


@alone.task
def at_exit(note: str) -> int:
    atexit.register(Path(note).write_text, "exit handlers have run")
    return os.getpid()


@alone.task
def leaves_a_thread(note: str) -> int:
    thread = threading.Thread(target=lambda: (time.sleep(0.2), Path(note).write_text("the thread has ended")))
    thread.start()
    return os.getpid()


@alone.task
def changes() -> int:
    os.environ["LEFT_BY_A_TASK"] = "here"
    return 1


@alone.task
def sees_changes() -> str:
    return os.environ.get("LEFT_BY_A_TASK", "")


@alone.task
def prints(text: str) -> int:
    print(text)
    return 1


@alone.task
def variables() -> list[str]:
    return [os.environ["ACTION_NAME"], flyte.ctx().action.name, os.environ["FLYTE_ATTEMPT_NUMBER"]]


@plain.task
def asks_for_variables() -> list[list[str]]:
    return [variables(), variables()]


@alone.task
def hangs_forever(note: str) -> int:
    process = subprocess.Popen(["sleep", "1000"])
    Path(note).write_text(f"{os.getpid()} {process.pid}")
    while True:
        time.sleep(1000)


@secretive.task
def tells_the_length() -> list[int]:
    return [len(os.environ["REUSE_TOKEN"]), os.getpid()]
