"""Tasks that tell what is around them: variables, as they see them and as the system shows them."""

from __future__ import annotations

import os
import time

import localflyte as flyte

env = flyte.TaskEnvironment("surroundings")
THREADS = os.environ.get("OMP_NUM_THREADS", "")


@env.task
def threads_at_import() -> str:
    return THREADS


@env.task
def shown_by_the_system() -> dict[str, list[str]]:
    with open("/proc/self/environ", "rb") as file:
        shown = [row.partition(b"=")[0].decode() for row in file.read().split(b"\0") if row]
    return {"has": list(os.environ), "shown": shown}


@env.task
def hash_of_text() -> int:
    return hash("text")


@env.task
def hours_at_the_epoch() -> int:
    return time.localtime(0).tm_hour


@env.task
def raw(name: str) -> str:
    return os.environb[name.encode()].hex()


@env.task
def server() -> int:
    return os.getppid()


@env.task
def wants(how: str) -> str:
    if how == "index":
        return os.environ["WANTED"]
    if how == "wraps":
        return wants("index")
    if not os.environ.get("WANTED"):
        raise RuntimeError("WANTED is not set")
    return ""


@env.task
def is_interactive() -> bool:
    return bool(flyte.ctx().interactive_mode)
