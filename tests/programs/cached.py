"""Cached tasks that leave a mark whenever they really run. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import localflyte as flyte
from localflyte.io import Dir
from localflyte.io import File

env = flyte.TaskEnvironment(name="cached")


def mark(path: str) -> int:
    """Note that a task ran; the file counts."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    return os.path.getsize(path)


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def double(x: int, marks: str) -> int:
    mark(marks)
    return 2 * x


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def large(size: int, marks: str) -> bytes:
    mark(marks)
    return b"x" * size


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
async def writes_file(text: str, marks: str) -> File:
    mark(marks)
    file = File.new_remote("note.txt")
    async with file.open("wb") as stream:
        await stream.write(text.encode())
    return file


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def writes_folder(link: bool, marks: str) -> Dir:
    mark(marks)
    folder = Dir.new_remote("folder")
    os.makedirs(os.path.join(folder.path, "empty"))
    with open(os.path.join(folder.path, "run.sh"), "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n")
    os.chmod(os.path.join(folder.path, "run.sh"), 0o755)
    if link:
        os.symlink("run.sh", os.path.join(folder.path, "link"))
    return folder


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def reads(file: File, marks: str) -> int:
    mark(marks)
    with open(file.path, encoding="utf-8") as stream:
        return len(stream.read())


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def changes_its_input(file: File, marks: str) -> int:
    mark(marks)
    with open(file.path, "a", encoding="utf-8") as stream:
        stream.write("more")
    return 1


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def fails(how: str, marks: str) -> int:
    mark(marks)
    match how:
        case "raise":
            raise ValueError("no")
        case "exit":
            sys.exit(0)
        case "_exit":
            os._exit(0)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "wrong":
            return "text"  # type: ignore[return-value]
    return 1


@env.task(cache=flyte.Cache(behavior="auto", serialize=True, ignored_inputs=("marks",)))
async def once(x: int, marks: str) -> int:
    mark(marks)
    await asyncio.sleep(0.05)
    return x


@env.task
async def together(n: int, marks: str) -> list[int]:
    return await asyncio.gather(*[once(1, marks) for _ in range(n)])


@env.task(cache=flyte.Cache(behavior="auto", serialize=True))
def calls_itself(x: int) -> int:
    return calls_itself(x)


@env.task(cache=flyte.Cache(behavior="auto", serialize=True))
async def runs_itself(x: int) -> int:
    run = await flyte.run.aio(runs_itself, x=x)
    return int(run.outputs()[0])


@env.task(cache=flyte.Cache(behavior="auto", serialize=True))
async def calls_around(x: int) -> int:
    return await comes_back(x)


@env.task
async def comes_back(x: int) -> int:
    return await calls_around(x)


@env.task(cache=flyte.Cache(behavior="auto", serialize=True))
async def left(x: int) -> int:
    """Call the other once both are at work, as the other does."""
    await meet("left", "right")
    return await right(x)


@env.task(cache=flyte.Cache(behavior="auto", serialize=True))
async def right(x: int) -> int:
    await meet("right", "left")
    return await left(x)


async def meet(me: str, other: str) -> None:
    folder = flyte.ctx().custom_context["folder"]
    open(os.path.join(folder, me), "w").close()
    while not os.path.exists(os.path.join(folder, other)):
        await asyncio.sleep(0.005)


@env.task
async def crosswise(x: int) -> list[str]:
    done = await asyncio.gather(left(x), right(x), return_exceptions=True)
    return [str(getattr(each, "code", each)) for each in done] + [str(each) for each in done]


@env.task
async def many(n: int, marks: str) -> int:
    return sum(await asyncio.gather(*[double.aio(number, marks) for number in range(n)]))


@env.task
async def twice(n: int, start: int, marks: str) -> int:
    """Call each of a few tasks, and then each again.

    :return: how many results came back the same
    """
    first = await asyncio.gather(*[large.aio(30_000 + start + number, marks) for number in range(n)])
    again = await asyncio.gather(*[large.aio(30_000 + start + number, marks) for number in range(n)])
    return sum(before == after for before, after in zip(first, again, strict=True))
