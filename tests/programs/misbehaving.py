"""Tasks that end in every way a process can end. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import locale
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import localflyte as flyte

env = flyte.TaskEnvironment(name="misbehaving")
MODULE_STATE: list[int] = []


class Unpicklable(Exception):
    def __init__(self) -> None:
        super().__init__("holds a lock")
        self.lock = threading.Lock()


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


@env.task
def fine(x: int) -> int:
    return x + 1


@env.task
def raises(kind: str) -> int:
    match kind:
        case "unspeakable":
            raise Unspeakable
        case "unpicklable":
            raise Unpicklable
        case "cancelled":
            raise asyncio.CancelledError
        case "generator":
            raise GeneratorExit
        case "chained":
            try:
                raise ValueError("first")
            except ValueError as error:
                raise KeyError("second") from error
        case "huge":
            raise ValueError("x" * 10_000_000)
        case "group":
            raise ExceptionGroup("several", [ValueError("a"), KeyError("b")])
        case "keyboard":
            raise KeyboardInterrupt
        case "final":
            raise flyte.errors.NonRecoverableError("never again")
        case _:
            raise ValueError(f"a {kind} failure")


@env.task
def ends(how: str) -> int:
    match how:
        case "exit 0":
            sys.exit(0)
        case "exit 3":
            sys.exit(3)
        case "exit text":
            sys.exit("because")
        case "_exit 0":
            os._exit(0)
        case "_exit 7":
            os._exit(7)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "abort":
            os.abort()
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "atexit":
            import atexit

            atexit.register(os._exit, 9)
    return 1


@env.task
def plays_with_descriptors(how: str) -> int:
    if how == "close":
        os.closerange(0, 64)
    else:
        for fd in range(3, 64):
            try:
                os.write(fd, b"this is not a frame")
            except OSError:
                continue
    return 64


@env.task
def returns_wrong() -> int:
    return "text"  # type: ignore[return-value]


@env.task
def changes_everything() -> int:
    os.chdir("/")
    os.environ["LEFT_BEHIND"] = "1"
    os.umask(0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    random.seed(1)
    sys.setrecursionlimit(200)
    sys.path.append("/left/behind")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    socket.setdefaulttimeout(1.0)
    MODULE_STATE.append(1)
    return len(MODULE_STATE)


def surroundings() -> dict[str, str]:
    mask = os.umask(0o22)
    os.umask(mask)
    signals = [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
    return {
        "cwd": os.getcwd(),
        "env": os.environ.get("LEFT_BEHIND", ""),
        "umask": oct(mask),
        "signals": " ".join(signals),
        "blocked": str(signal.pthread_sigmask(signal.SIG_BLOCK, set())),
        "locale": str(locale.setlocale(locale.LC_ALL)),
        "recursion": str(sys.getrecursionlimit()),
        "path": ":".join(sys.path),
        "core": str(resource.getrlimit(resource.RLIMIT_CORE)),
        "timeout": str(socket.getdefaulttimeout()),
        "state": str(len(MODULE_STATE)),
    }


@env.task
def sees() -> dict[str, str]:
    return surroundings()


@env.task
def leaves_grandchild() -> int:
    return subprocess.Popen(["sleep", "1000"]).pid


@env.task
def leaves(path: str) -> int:
    pid = subprocess.Popen(["sleep", "1000"]).pid
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(pid))
    return pid


@env.task
def looks(path: str) -> bool:
    """:return: whether a process is still alive"""
    with open(path, encoding="utf-8") as file:
        pid = int(file.read())
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@env.task
async def leaves_and_looks(path: str) -> bool:
    await leaves.aio(path)
    return await looks.aio(path)


@env.task
def leaves_thread(path: str) -> int:
    def late() -> None:
        time.sleep(0.05)
        with open(path, "w", encoding="utf-8") as file:
            file.write("the thread was waited for")

    threading.Thread(target=late).start()
    return 1


@env.task
def floods(megabytes: int) -> int:
    block = b"\xff\x1b[31m" * 200_000
    for _ in range(megabytes):
        sys.stdout.buffer.write(block)
        sys.stderr.buffer.write(block)
    return megabytes


@env.task
async def never_ends(path: str) -> int:
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    await asyncio.sleep(1000)
    return 1


@env.task
def deaf(path: str) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))
    while True:
        time.sleep(1000)


@env.task
async def cancels(path: str, which: str) -> str:
    task = asyncio.ensure_future(never_ends(path) if which == "polite" else deaf.aio(path))
    while not (os.path.exists(path) and os.path.getsize(path)):
        await asyncio.sleep(0.005)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"
    return "not cancelled"


@env.task
async def forgets(path: str) -> int:
    """Return while a child is still at work."""
    asyncio.ensure_future(never_ends(path))
    while not (os.path.exists(path) and os.path.getsize(path)):
        await asyncio.sleep(0.005)
    return 1


@env.task
def recurses(n: int) -> int:
    return recurses(n + 1)


@env.task
def goes_down(depth: int) -> int:
    return 0 if depth == 0 else 1 + goes_down(depth - 1)


@env.task
async def branches(depth: int) -> int:
    """:return: how many calls there are below and here"""
    if not depth:
        return 1
    return 1 + sum(await asyncio.gather(branches(depth - 1), branches(depth - 1)))


@env.task
def maps_some(n: int, some: int) -> int:
    """Map over many, and stop after some."""
    for count, _ in enumerate(flyte.map(fine, range(n)), 1):
        if count == some:
            break
    return count


@env.task
def big(size: int) -> str:
    return "x" * size


@env.task
def length(text: str) -> int:
    return len(text)


@env.task
def third_time(path: str) -> int:
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    count = os.path.getsize(path)
    if count < 3:
        raise ValueError(f"attempt {flyte.ctx().attempt_number}")
    return flyte.ctx().attempt_number


@env.task(cache=flyte.Cache(behavior="auto", serialize=True))
def stores(salt: int) -> bytes:
    return salt.to_bytes(4, "big") * 50_000


@env.task
async def does_everything(path: str, salt: int) -> int:
    """Call, retry, and store what is large, twice the same at once."""
    parts = await asyncio.gather(stores.aio(salt), stores.aio(salt), third_time.override(retries=2).aio(path))
    return len(parts[0]) + parts[2]
