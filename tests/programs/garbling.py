"""Tasks that speak to the engine behind localflyte's back. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from typing import Any

from msgpack import packb

import localflyte as flyte
from localflyte.io import File
from localflyte.worker.forkserver import LINK_FD

env = flyte.TaskEnvironment(name="garbling")
VALUE = [b"\x07", [], b""]
PLAN_OF_NOTHING = {"task": {"name": "x"}}


def frame(*message: Any) -> bytes:
    body: bytes = packb(message)
    return len(body).to_bytes(4, "big") + body


def whole(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


STREAMS = {
    "garbage": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "4 GB": b"\xff\xff\xff\xff" + b"x" * 1000,
    "half a frame": frame("reply", True, [VALUE], [0, 0.0])[:-3],
    "nested": whole(b"\x91" * 10_000 + b"\xc0"),
    "no array": whole(packb({"reply": True})),
    "no kind": whole(packb([1, 2, 3])),
    "unknown": frame("shout", "hello"),
    "wrong types": frame("call", "one", "two", 3, 4, 5),
    "unknown plan": frame("call", 1, 99, {}, "", {}),
    "wrong plan": frame("plan", 1, PLAN_OF_NOTHING),
    "wrong inputs": b"",
    "wrong outputs": frame("reply", True, [[1, 2]], [0, 0.0]),
    "wrong error": frame("reply", False, ["user", 1], [0, 0.0]),
    "twice": b"",
    "too much": (5 << 20).to_bytes(4, "big"),
}


@env.task
def nothing(x: int) -> int:
    time.sleep(0.2)
    return x


def plan_of_nothing() -> Any:
    from localflyte.api.resolve import plan_for
    from localflyte.wire.messages import plan_to_wire

    return plan_to_wire(plan_for(nothing))


@env.task
def garbles(what: str) -> int:
    """Write to the engine's own socket, and end without another word."""
    stream = STREAMS[what]
    if what == "wrong inputs":
        stream = frame("plan", 1, plan_of_nothing()) + frame("call", 1, 1, ["x"], "", {})
    elif what == "twice":
        call = frame("call", 1, 1, {"x": VALUE}, "", {})
        stream = frame("plan", 1, plan_of_nothing()) + call + call
    os.write(LINK_FD, stream)
    if what == "half a frame":
        os._exit(0)
    time.sleep(1000)
    return 1


@env.task
async def neighbour() -> int:
    await asyncio.sleep(0.2)
    return 7


@env.task
async def beside(what: str) -> list[str]:
    other = asyncio.ensure_future(neighbour())
    await asyncio.sleep(0.05)
    try:
        await garbles.aio(what)
    except flyte.errors.BaseRuntimeError as error:
        ending = [type(error).__name__, error.code, str(error)]
    else:
        ending = ["ok", "", ""]
    return [*ending, str(await other)]


@env.task(cache="auto")
def attaches(path: str, folder: str) -> File:
    place = path if path.startswith(("/", ".")) else os.path.join(folder, path)
    if path == "fifo":
        os.mkfifo(place)
    elif path == "socket":
        socket.socket(socket.AF_UNIX).bind(place)
    file: File = File(path=place)
    return file


@env.task
async def names(path: str, folder: str) -> str:
    try:
        return str((await attaches.aio(path, folder)).path)
    except flyte.errors.BaseRuntimeError as error:
        return error.code


@env.task
def reports(path: str) -> int:
    os.write(LINK_FD, frame("tell", "report", {"path": path}))
    return 1


@env.task
def calls_without_end(n: int) -> int:
    """Call, and never listen for an answer: the window that a task's own link keeps is not the engine's only guard."""
    os.write(LINK_FD, frame("plan", 1, plan_of_nothing()))
    link = socket.socket(fileno=os.dup(LINK_FD))
    link.setblocking(True)
    for number in range(1, n, 100):
        link.sendall(b"".join(frame("call", each, 1, {"x": VALUE}, "", {}) for each in range(number, number + 100)))
    return len(sys.argv)
