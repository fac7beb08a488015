"""Cached tasks that give the same twice, and such that do not."""

from __future__ import annotations

import os

import localflyte as flyte
from localflyte.io import File

env = flyte.TaskEnvironment(name="wavering", cache="auto")


def mark(path: str) -> int:
    """Note that a task ran; the file counts."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    return os.path.getsize(path)


@env.task
def steady(marks: str) -> set[str]:
    mark(marks)
    return {"a", "b", "c"}


@env.task
def wavers(marks: str) -> tuple[int, int]:
    return 1, mark(marks)


@env.task
def fails_later(marks: str) -> int:
    if mark(marks) > 1:
        raise ValueError("once is enough")
    return 1


@env.task
async def writes(same: bool, marks: str) -> File:
    number = mark(marks)
    file = File.new_remote()
    async with file.open("wb") as stream:
        await stream.write(b"same" if same else b"%d" % number)
    return file


@env.task(cache="disable")
def uncached(marks: str) -> int:
    return mark(marks)


@env.task
def calls(marks: str) -> list[str]:
    return sorted(steady(marks))
