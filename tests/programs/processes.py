"""Tasks that make processes of their own. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor

import localflyte as flyte

env = flyte.TaskEnvironment(name="processes")


@env.task
def draws() -> float:
    return random.random()


@env.task
def forks() -> list[str]:
    """Fork while another thread runs, and use threads and logging in the copy."""
    go = threading.Event()
    thread = threading.Thread(target=go.wait)
    thread.start()
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        logging.getLogger("copy").warning("logging works")
        seen: list[str] = []
        inner = threading.Thread(target=lambda: seen.append("threads work"))
        inner.start()
        inner.join()
        alone = threading.active_count() == 1 and threading.current_thread() is threading.main_thread()
        os.write(write, "\n".join([*seen, f"alone: {alone}"]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    go.set()
    thread.join()
    return os.read(read, 1000).decode().splitlines()


@env.task
async def logs_in_threads() -> str:
    """Log, and make a logger, in another thread than the task's first."""
    await asyncio.to_thread(logging.getLogger("processes.thread").warning, "from a thread")
    return logging.getLogger("processes.thread").name


@env.task
def pools(how: str) -> int:
    with multiprocessing.get_context(how).Pool(2) as pool:
        return sum(pool.map(abs, [1, -2, 3]))


@env.task
def executes(how: str) -> int:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(how)) as executor:
        return sum(executor.map(abs, [1, -2, 3]))


@env.task
def falls_through() -> int:
    """Return from the task in a forked copy too."""
    return 1 if os.fork() else 2


@env.task
def child(x: int) -> int:
    return x


@env.task
def calls_from_a_copy() -> str:
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            child(1)
        except RuntimeError as error:
            os.write(write, str(error).encode())
        os._exit(0)
    os.wait()
    return f"{os.read(read, 1000).decode()} {child(5)}"


@env.task
def escapes() -> list[int]:
    """Leave a process in a session of its own, a daemon made by two forks, and a child of that in yet another session."""
    first = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            inner = subprocess.Popen(["sleep", "1000"], start_new_session=True)
            os.write(write, f"{os.getpid()} {inner.pid}".encode())
            time.sleep(1000)
        os._exit(0)
    os.wait()
    return [first.pid, *map(int, os.read(read, 100).split())]


@env.task
def keeps_a_daemon() -> bool:
    """Use a daemon for as long as the task runs; what others leave behind is looked for meanwhile."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, str(os.getpid()).encode())
            time.sleep(1000)
        os._exit(0)
    os.wait()
    pid = int(os.read(read, 100))
    for _ in range(5):
        child(1)
        time.sleep(0.1)
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(") ")[2][0] != "Z"


@env.task
def threads_of_python() -> int:
    return threading.active_count()


@env.task
def kills_its_server(note: str = "") -> int:
    """End the fork server that this process comes from, and go on.

    :param note: a file to write our own pid to, and then to wait in for ever
    :return: the pid of the server
    """
    server = os.getppid()
    os.kill(server, 9)
    while os.getppid() == server:
        time.sleep(0.001)
    if note:
        with open(note + ".part", "w", encoding="utf-8") as file:
            file.write(str(os.getpid()))
        os.rename(note + ".part", note)
        time.sleep(1000)
    return server


@env.task
def stops_its_server() -> int:
    """Stop the fork server that this process comes from, as a debugger would: it does nothing any more, and is there."""
    os.kill(os.getppid(), 19)
    return os.getppid()


@env.task
async def calls_after_its_server(how: str) -> list[int]:
    """Have a child end or stop the server of both, then call more children than are forked ahead."""
    task = kills_its_server if how == "killed" else stops_its_server
    server = await task.aio()
    others = await asyncio.gather(*(parent_of.aio(number) for number in range(8)))
    return [server, *sorted(set(others))]


@env.task
def parent_of(number: int) -> int:
    return os.getppid()


@env.task
def streams() -> str:
    sys.stdout.write("out")
    sys.stderr.write("err")
    return "done"
