"""Tasks whose versions are made by policies. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import os
import socket
from typing import Any

import localflyte as flyte

env = flyte.TaskEnvironment(name="policies")
client = socket.socket()
client.close()


class FromVariable:
    """The version is what a variable says, and an error where nothing does."""

    def get_version(self, salt: str, params: Any) -> str:
        return salt + os.environ["POLICY_VERSION"]


def mark(path: str) -> int:
    """Note that a task ran; the file counts."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    return os.path.getsize(path)


@env.task(cache=flyte.Cache(behavior="auto", policies=FromVariable(), ignored_inputs=("marks",)))
def by_variable(x: int, marks: str) -> int:
    mark(marks)
    return x


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def uncertain(x: int, marks: str) -> int:
    mark(marks)
    return x + (client.family == 0)


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def calls(step: Any, x: int, marks: str) -> int:
    mark(marks)
    return int(step(x))


def uses_client(x: int) -> int:
    return x + (client.family == 0)
