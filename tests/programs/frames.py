"""Tables that go from task to task, with a mark whenever one is really used. Needs pandas and pyarrow."""

from __future__ import annotations

import os
import sys

import pandas as pd

import localflyte as flyte
from localflyte.io import DataFrame

env = flyte.TaskEnvironment(name="frames")
BORN = os.urandom(8).hex()  # another one wherever this module is imported anew


def mark(path: str) -> None:
    """Note that a task ran; the file counts."""
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")


def table(rows: int) -> pd.DataFrame:
    """Make the same table every time."""
    return pd.DataFrame({"number": range(rows), "text": [f"row {number % 7}" for number in range(rows)]})


@env.task
def make(rows: int) -> DataFrame:
    return DataFrame.from_df(table(rows))


@env.task
def make_native(rows: int) -> pd.DataFrame:
    return table(rows)


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def use(frame: DataFrame, marks: str) -> int:
    mark(marks)
    return len(frame.open(pd.DataFrame).all_sync())


@env.task(cache=flyte.Cache(behavior="auto", ignored_inputs=("marks",)))
def use_native(frame: pd.DataFrame, marks: str) -> int:
    mark(marks)
    return len(frame)


@env.task
def whence(frame: pd.DataFrame) -> tuple[str, bool]:
    return BORN, "pyarrow.dataset" in sys.modules


@env.task
def threads() -> int:
    return len(os.listdir("/proc/self/task"))


@env.task
def main(rows: int, marks: str) -> int:
    return use(make(rows), marks) + use_native(make_native(rows), marks)
