"""Frames: pandas tables that go through tasks."""

import flyte
import pandas as pd
from cases import case
from cases import caught
from cases import shape
from cases import show
from flyte.io import DataFrame

env = flyte.TaskEnvironment(name="frames")


def table():
    return pd.DataFrame({"n": [1, 2, 3], "x": [0.5, 1.5, -1.0], "word": ["a", "ö", ""]})


def seen(frame):
    return shape([list(frame.columns), [list(row) for row in frame.astype(object).values.tolist()]])


@env.task
async def makes() -> pd.DataFrame:
    return table()


@env.task
async def sums(frame: pd.DataFrame) -> float:
    return float(frame["x"].sum())


@env.task
async def wraps() -> DataFrame:
    return DataFrame.wrap_df(table())


@env.task
async def opens(frame: DataFrame) -> float:
    return float((await frame.open(pd.DataFrame).all())["x"].sum())


@env.task
async def passes_on() -> list[float]:
    return [await sums(await makes()), await opens(await wraps())]


def one(task, *args):
    return flyte.run(task, *args).outputs()[0]


@case
def from_task_to_task():
    return one(passes_on)


@case
def into_a_run():
    return one(sums, table())


@case
def wrapped_into_a_run():
    return one(opens, DataFrame.wrap_df(table()))


@case
def raw_for_wrapped():
    return caught(flyte.run, opens, table())


@case
def out_of_a_run():
    return seen(one(makes))


if __name__ == "__main__":
    flyte.init()
    show()
